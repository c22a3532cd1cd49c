use proptest::prelude::*;
use simple_dns::rdata::{OPT as Options, RData};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, TYPE};

use super::*;

fn query(name: &str, kind: TYPE, datagram: Option<u16>) -> Vec<u8> {
    let mut packet = Packet::new_query(0x1234);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let question =
        Question::new(Name::new_unchecked(name), QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false);
    packet.questions.push(question);
    *packet.opt_mut() =
        datagram.map(|size| Options { opt_codes: Vec::new(), udp_packet_size: size, version: 0 });
    packet.build_bytes_vec().unwrap()
}

fn addresses(count: u8) -> Vec<Record> {
    (0..count).map(|n| Record::Address(IpAddr::from([10, 0, 0, n]))).collect()
}

#[test]
fn a_question_is_read_in_lower_case() {
    let bytes = query("Web.Net", TYPE::AAAA, Some(1400));
    let parsed = Query::parse(&bytes).unwrap();
    assert_eq!((parsed.name.as_str(), parsed.kind, parsed.class), ("web.net", AAAA, CLASS_INTERNET));
    assert_eq!(parsed.datagram, Some(1400));
}

#[test]
fn another_implementation_reads_the_answer() {
    let bytes = query("Web", TYPE::A, Some(1400));
    let records = [Record::Address("10.0.0.2".parse().unwrap()), Record::Address("fd00::2".parse().unwrap())];
    let answer = Query::parse(&bytes).unwrap().answer(Transport::Datagram, Code::Success, &records);
    let packet = Packet::parse(&answer).unwrap();
    assert_eq!((packet.id(), packet.questions[0].qname.to_string()), (0x1234, "Web".into()));
    assert!(
        packet.has_flags(
            PacketFlag::RESPONSE | PacketFlag::RECURSION_DESIRED | PacketFlag::RECURSION_AVAILABLE
        )
    );
    assert!(
        matches!(&packet.answers[0].rdata, RData::A(a) if a.address == u32::from_be_bytes([10, 0, 0, 2]))
    );
    assert!(matches!(&packet.answers[1].rdata, RData::AAAA(_)));
    assert_eq!(packet.opt().unwrap().udp_packet_size, 1232);
}

#[test]
fn a_name_is_answered_with_its_labels() {
    let bytes = query("2.0.0.10.in-addr.arpa", TYPE::PTR, None);
    let records = [Record::Name("web-1.net".into())];
    let answer = Query::parse(&bytes).unwrap().answer(Transport::Datagram, Code::Success, &records);
    let packet = Packet::parse(&answer).unwrap();
    assert!(matches!(&packet.answers[0].rdata, RData::PTR(ptr) if ptr.0.to_string() == "web-1.net"));
    assert!(packet.opt().is_none());
}

#[test]
fn what_does_not_fit_into_a_datagram_is_cut_off_and_said_to_be() {
    let count = |datagram, transport| {
        let bytes = query("web", TYPE::A, datagram);
        let answer = Query::parse(&bytes).unwrap().answer(transport, Code::Success, &addresses(250));
        let packet = Packet::parse(&answer).unwrap();
        (answer.len(), packet.answers.len(), packet.has_flags(PacketFlag::TRUNCATION))
    };
    let (length, answers, truncated) = count(None, Transport::Datagram);
    assert!(length <= 512 && answers == 30 && truncated);
    let (length, _, truncated) = count(Some(1400), Transport::Datagram);
    assert!(length > 1300 && length <= 1400 && truncated);
    let (length, _, _) = count(Some(65_000), Transport::Datagram);
    assert!(length <= 4096);
    assert_eq!(count(None, Transport::Stream).1, 250);
}

#[test]
fn what_is_no_query_gets_an_error_or_nothing() {
    let good = query("web", TYPE::A, None);
    let changed = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        Query::parse(&bytes).map(|_| ()).unwrap_err()
    };
    assert_eq!(changed(2, 0x80), Malformed(None), "an answer");
    assert_eq!(changed(2, 0x28), Malformed(Some(Code::NotImplemented)), "an update");
    assert_eq!(changed(5, 2), Malformed(Some(Code::FormatError)), "two questions");
    assert_eq!(changed(12, 0xc0), Malformed(Some(Code::FormatError)), "a compressed question");
    assert_eq!(Query::parse(&good[..5]), Err(Malformed(None)));
    assert_eq!(
        Packet::parse(&refusal(&good, Code::FormatError)).unwrap().rcode(),
        simple_dns::RCODE::FormatError
    );
}

#[test]
fn an_answer_belongs_to_its_query_alone() {
    let asked = query("web", TYPE::A, None);
    let answer = Query::parse(&asked).unwrap().answer(Transport::Datagram, Code::Success, &[]);
    assert!(answers(&answer, &asked));
    assert!(!answers(&answer, &query("db", TYPE::A, None)));
    assert!(!answers(&asked, &asked));
    let mut other = answer.clone();
    assert_eq!(exchange_id(&mut other, [9, 9]), Some([0x12, 0x34]));
    assert!(!answers(&other, &asked));
}

proptest! {
    #[test]
    fn no_bytes_whatever_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(query) = Query::parse(&bytes) {
            let answer = query.answer(Transport::Datagram, Code::Success, &addresses(3));
            prop_assert!(answer.len() <= 512);
        }
        let _ = (refusal(&bytes, Code::FormatError), answers(&bytes, &bytes), code(&bytes));
    }

    #[test]
    fn a_changed_query_never_makes_the_reader_panic(at in 0usize..40, value: u8) {
        let mut bytes = query("web.example", TYPE::A, Some(1400));
        let place = at % bytes.len();
        bytes[place] = value;
        let _ = Query::parse(&bytes).map(|query| query.answer(Transport::Stream, Code::Success, &addresses(2)));
    }
}
