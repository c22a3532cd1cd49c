//! DNS messages (RFC 1035, RFC 6891), as far as a server needs them that answers with addresses and names. Containers
//! write what is read here: every access is checked, and nothing is followed that points backwards.

use std::net::IpAddr;

/// The one question of a query, and how its answer may look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query<'a> {
    /// The whole message.
    bytes: &'a [u8],
    /// Where the question ends.
    end: usize,
    /// The name asked for, in lower case, without the final dot.
    pub(super) name: String,
    /// What is asked for.
    pub(super) kind: u16,
    /// Class, nearly always [`CLASS_INTERNET`].
    pub(super) class: u16,
    /// The largest datagram that the client takes, when it says so.
    datagram: Option<u16>,
}

/// Record types.
pub(super) const A: u16 = 1;
pub(super) const PTR: u16 = 12;
pub(super) const AAAA: u16 = 28;
pub(super) const ANY: u16 = 255;
const OPT: u16 = 41;
/// Class of all names on the Internet.
pub(super) const CLASS_INTERNET: u16 = 1;

/// Result codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Success = 0,
    FormatError = 1,
    ServerFailure = 2,
    NotImplemented = 4,
    Refused = 5,
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    Address(IpAddr),
    Name(String),
}

/// Which way an answer travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Datagram,
    Stream,
}

const HEADER: usize = 12;
const LARGEST_LABEL: usize = 63;
const SMALLEST_DATAGRAM: usize = 512;
const LARGEST_DATAGRAM: usize = 4096;
/// Short: a name follows its containers.
const TIME_TO_LIVE: u32 = 10;
/// A pointer to the name in the question.
const ASKED_NAME: [u8; 2] = [0xc0, HEADER as u8];

/// A message that is no query with one question: what to answer, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) Option<Code>);

impl<'a> Query<'a> {
    /// Reads a query.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let header = bytes.get(..HEADER).ok_or(Malformed(None))?;
        let is_answer = header[2] & 0x80 != 0;
        let operation = header[2] >> 3 & 0xf;
        if is_answer {
            return Err(Malformed(None));
        }
        if operation != 0 {
            return Err(Malformed(Some(Code::NotImplemented)));
        }
        let bad = Malformed(Some(Code::FormatError));
        if number(bytes, 4) != Some(1) {
            return Err(bad);
        }
        let (name, behind) = name(bytes, HEADER).ok_or(bad)?;
        let kind = number(bytes, behind).ok_or(bad)?;
        let class = number(bytes, behind + 2).ok_or(bad)?;
        let end = behind + 4;
        Ok(Self { bytes, end, name, kind, class, datagram: datagram(bytes, end) })
    }

    /// An answer with as many of the records as fit.
    pub(super) fn answer(&self, transport: Transport, code: Code, records: &[Record]) -> Vec<u8> {
        let limit = match transport {
            Transport::Stream => usize::from(u16::MAX),
            Transport::Datagram => {
                usize::from(self.datagram.unwrap_or(0)).clamp(SMALLEST_DATAGRAM, LARGEST_DATAGRAM)
            }
        };
        let trailer: &[u8] = if self.datagram.is_some() { &OPTIONS } else { &[] };
        let mut body = self.bytes[HEADER..self.end].to_vec();
        let mut count = 0u16;
        let mut truncated = false;
        for record in records.iter().map(encode) {
            if HEADER + body.len() + record.len() + trailer.len() > limit {
                truncated = true;
                break;
            }
            body.extend(record);
            count += 1;
        }
        let mut message = header(self.bytes, code, truncated);
        message.extend([0, 1]);
        message.extend(count.to_be_bytes());
        message.extend([0, 0, 0, u8::from(!trailer.is_empty())]);
        message.extend(body);
        message.extend(trailer);
        message
    }
}

/// An answer without a question, to what could not be read.
pub(super) fn refusal(bytes: &[u8], code: Code) -> Vec<u8> {
    let mut message = header(bytes, code, false);
    message.extend([0; 8]);
    message
}

/// Takes the number out of a message, and puts another in its place.
pub(super) fn exchange_id(message: &mut [u8], id: [u8; 2]) -> Option<[u8; 2]> {
    let place = message.get_mut(..2)?;
    let old = [place[0], place[1]];
    place.copy_from_slice(&id);
    Some(old)
}

/// Whether `answer` answers `query`: the number and the question are the same.
pub(super) fn answers(answer: &[u8], query: &[u8]) -> bool {
    let question = Query::parse(query).map(|parsed| &query[HEADER..parsed.end]).unwrap_or_default();
    let is_answer = answer.get(2).is_some_and(|flags| flags & 0x80 != 0);
    let behind = answer.get(HEADER..).unwrap_or_default();
    let asked = behind.get(..question.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(question));
    let no_question = number(answer, 4) == Some(0);
    is_answer && answer.get(..2) == query.get(..2) && (asked || no_question)
}

/// The largest datagram that may answer this query.
pub(super) fn largest_answer(query: &[u8]) -> usize {
    let announced = Query::parse(query).ok().and_then(|query| query.datagram);
    usize::from(announced.unwrap_or(0)).max(SMALLEST_DATAGRAM)
}

/// The result code of an answer.
pub(super) fn code(answer: &[u8]) -> u8 {
    answer.get(3).map_or(0, |flags| flags & 0xf)
}

/// The first four bytes: number, "this is an authoritative answer", what was wished for, "recursion is available".
fn header(query: &[u8], code: Code, truncated: bool) -> Vec<u8> {
    const ANSWER: u8 = 0x80;
    const AUTHORITATIVE: u8 = 0x04;
    const TRUNCATED: u8 = 0x02;
    const RECURSION_DESIRED: u8 = 0x01;
    const RECURSION_AVAILABLE: u8 = 0x80;
    let byte = |at| query.get(at).copied().unwrap_or(0);
    let cut = if truncated { TRUNCATED } else { 0 };
    let kept = byte(2) & (0x78 | RECURSION_DESIRED);
    vec![byte(0), byte(1), ANSWER | AUTHORITATIVE | cut | kept, RECURSION_AVAILABLE | code as u8]
}

/// The record that says which datagrams this side takes (1232 bytes are never broken up).
const OPTIONS: [u8; 11] = [0, 0, OPT as u8, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];

fn encode(record: &Record) -> Vec<u8> {
    let (kind, data) = match record {
        Record::Address(IpAddr::V4(v4)) => (A, v4.octets().to_vec()),
        Record::Address(IpAddr::V6(v6)) => (AAAA, v6.octets().to_vec()),
        Record::Name(name) => (PTR, labels(name)),
    };
    let mut bytes = ASKED_NAME.to_vec();
    bytes.extend(kind.to_be_bytes());
    bytes.extend(CLASS_INTERNET.to_be_bytes());
    bytes.extend(TIME_TO_LIVE.to_be_bytes());
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
    bytes
}

fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len() + 2);
    for label in name.split('.').map(str::as_bytes).filter(|label| !label.is_empty()) {
        let label = &label[..label.len().min(LARGEST_LABEL)];
        bytes.push(label.len() as u8);
        bytes.extend(label);
    }
    bytes.push(0);
    bytes
}

/// The name at a place, and where it ends. A question's name is never compressed.
fn name(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    const LARGEST_NAME: usize = 255;
    let (start, mut name) = (at, String::new());
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            return Some((name, at));
        }
        if length > LARGEST_LABEL || at + length - start > LARGEST_NAME {
            return None;
        }
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&String::from_utf8_lossy(bytes.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
}

/// The datagram size in the record for it, if that comes first behind the question (as every resolver sends it).
fn datagram(bytes: &[u8], end: usize) -> Option<u16> {
    let only_additional = number(bytes, 6) == Some(0) && number(bytes, 8) == Some(0);
    let is_options = bytes.get(end) == Some(&0) && number(bytes, end + 1) == Some(OPT);
    (only_additional && is_options && number(bytes, 10)? > 0).then(|| number(bytes, end + 3)).flatten()
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests;
