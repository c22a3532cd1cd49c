//! Rules as the kernel's register machine runs them (`linux/netfilter/nf_tables.h`).
//!
//! Registers: 1 is the first of 16 bytes, 8 to 23 are the same space in words of 4 bytes. Parts of a joined key lie
//! one behind the other, each filled up to whole words; the first part is in register 1, the following ones in the
//! words behind it. This is also what `nft` emits, so that it can list the rules.

use super::model::{Family, Field, Rule, Term, Value};
use crate::model::Protocol;
use crate::netlink::Attributes;

const LIST_ELEMENT: u16 = 1;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
const REGISTER_1: u32 = 1;
const FIRST_WORD: u32 = 8;
const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;
const VERDICT_DROP: u32 = 0;
const VERDICT_ACCEPT: u32 = 1;
const VERDICT_RETURN: u32 = -5i32 as u32;
const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;

/// Adds a rule's expressions.
pub(super) fn rule(a: &mut Attributes<'_>, family: Family, rule: &Rule) {
    for term in rule {
        self::term(a, family, term);
    }
}

fn term(a: &mut Attributes<'_>, family: Family, term: &Term) {
    match term {
        Term::In(fields, set) => {
            load(a, family, fields);
            lookup(a, set, Look::Member);
        }
        Term::NotIn(field, set) => {
            load(a, family, &[*field]);
            lookup(a, set, Look::NoMember);
        }
        Term::Is(field, value) => {
            load(a, family, &[*field]);
            compare(a, EQUAL, &bytes(value));
        }
        Term::IsLoopback(field) => first_octet_127(a, *field),
        Term::ToHost => to_host(a),
        Term::Established => connection(a, CT_STATE, CT_ESTABLISHED_OR_RELATED),
        Term::Published => connection(a, CT_STATUS, CT_DESTINATION_TRANSLATED),
        Term::Accept => verdict(a, VERDICT_ACCEPT),
        Term::Drop => verdict(a, VERDICT_DROP),
        Term::Return => verdict(a, VERDICT_RETURN),
        Term::Masquerade => expression(a, "masq", |_| {}),
        Term::Redirect(fields, map) => {
            load(a, family, fields);
            lookup(a, map, Look::Map);
            translate(a, family);
        }
        Term::SetPort(protocol, field, port) => set_port(a, *protocol, *field, *port),
    }
}

fn expression(a: &mut Attributes<'_>, name: &str, fill: impl FnOnce(&mut Attributes<'_>)) {
    a.nest(LIST_ELEMENT, |a| {
        a.text(EXPRESSION_NAME, name).nest(EXPRESSION_DATA, fill);
    });
}

/// Loads fields into consecutive registers.
fn load(a: &mut Attributes<'_>, family: Family, fields: &[Field]) {
    let mut word = 0;
    for field in fields {
        let register = if word == 0 { REGISTER_1 } else { FIRST_WORD + word };
        word += load_one(a, family, *field, register);
    }
}

/// Loads a field and says how many words it fills. A joined pair of interface names uses the whole registers 1 and 2.
fn load_one(a: &mut Attributes<'_>, family: Family, field: Field, register: u32) -> u32 {
    let (source, destination, length) = match family {
        Family::Ip => (12, 16, 4),
        Family::Ip6 => (8, 24, 16),
    };
    match field {
        Field::InInterface => meta(a, META_IN_INTERFACE, register, 4),
        Field::OutInterface => meta(a, META_OUT_INTERFACE, register, 4),
        Field::Protocol => meta(a, META_PROTOCOL, register, 1),
        Field::Source => payload(a, NETWORK_HEADER, source, length, register),
        Field::Destination => payload(a, NETWORK_HEADER, destination, length, register),
        Field::SourcePort => payload(a, TRANSPORT_HEADER, 0, 2, register),
        Field::DestinationPort => payload(a, TRANSPORT_HEADER, 2, 2, register),
    }
}

const META_IN_INTERFACE: u32 = 6;
const META_OUT_INTERFACE: u32 = 7;
const META_PROTOCOL: u32 = 16;

fn meta(a: &mut Attributes<'_>, key: u32, register: u32, words: u32) -> u32 {
    expression(a, "meta", |a| {
        a.be32(2, key).be32(1, register);
    });
    words
}

fn payload(a: &mut Attributes<'_>, base: u32, offset: u32, length: u32, register: u32) -> u32 {
    expression(a, "payload", |a| {
        a.be32(1, register).be32(2, base).be32(3, offset).be32(4, length);
    });
    length.div_ceil(4)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Member,
    NoMember,
    Map,
}

fn lookup(a: &mut Attributes<'_>, set: &str, look: Look) {
    const INVERTED: u32 = 1;
    expression(a, "lookup", |a| {
        a.text(1, set).be32(2, REGISTER_1);
        match look {
            Look::Member => {}
            Look::NoMember => _ = a.be32(5, INVERTED),
            Look::Map => _ = a.be32(3, REGISTER_1),
        }
    });
}

fn compare(a: &mut Attributes<'_>, operator: u32, value: &[u8]) {
    expression(a, "cmp", |a| {
        a.be32(1, REGISTER_1).be32(2, operator).nest(3, |a| {
            a.bytes(DATA_VALUE, value);
        });
    });
}

fn first_octet_127(a: &mut Attributes<'_>, field: Field) {
    let offset = if field == Field::Source { 12 } else { 16 };
    payload(a, NETWORK_HEADER, offset, 1, REGISTER_1);
    compare(a, EQUAL, &[127]);
}

fn to_host(a: &mut Attributes<'_>) {
    const RESULT_ADDRESS_TYPE: u32 = 3;
    const OF_DESTINATION: u32 = 2;
    const LOCAL: u32 = 2;
    expression(a, "fib", |a| {
        a.be32(1, REGISTER_1).be32(2, RESULT_ADDRESS_TYPE).be32(3, OF_DESTINATION);
    });
    compare(a, EQUAL, &LOCAL.to_ne_bytes());
}

const CT_STATE: u32 = 0;
const CT_STATUS: u32 = 2;
const CT_ESTABLISHED_OR_RELATED: u32 = 0b110;
const CT_DESTINATION_TRANSLATED: u32 = 1 << 5;

/// One of the bits of a property of the connection is set.
fn connection(a: &mut Attributes<'_>, key: u32, bits: u32) {
    expression(a, "ct", |a| {
        a.be32(2, key).be32(1, REGISTER_1);
    });
    expression(a, "bitwise", |a| {
        a.be32(1, REGISTER_1).be32(2, REGISTER_1).be32(3, 4);
        a.nest(4, |a| {
            a.bytes(DATA_VALUE, &bits.to_ne_bytes());
        });
        a.nest(5, |a| {
            a.bytes(DATA_VALUE, &[0; 4]);
        });
    });
    compare(a, NOT_EQUAL, &[0; 4]);
}

fn verdict(a: &mut Attributes<'_>, code: u32) {
    const VERDICT_REGISTER: u32 = 0;
    immediate(a, VERDICT_REGISTER, |a| {
        a.nest(DATA_VERDICT, |a| {
            a.be32(1, code);
        });
    });
}

fn immediate(a: &mut Attributes<'_>, register: u32, data: impl FnOnce(&mut Attributes<'_>)) {
    expression(a, "immediate", |a| {
        a.be32(1, register).nest(2, data);
    });
}

/// The map's datum is an address and behind it a port.
fn translate(a: &mut Attributes<'_>, family: Family) {
    const DESTINATION: u32 = 1;
    let (number, address_words) = match family {
        Family::Ip => (libc::NFPROTO_IPV4, 1),
        Family::Ip6 => (libc::NFPROTO_IPV6, 4),
    };
    expression(a, "nat", |a| {
        a.be32(1, DESTINATION).be32(2, number as u32);
        a.be32(3, REGISTER_1).be32(5, FIRST_WORD + address_words);
    });
}

fn set_port(a: &mut Attributes<'_>, protocol: Protocol, field: Field, port: u16) {
    const INTERNET_CHECKSUM: u32 = 1;
    let checksum_offset = match protocol {
        Protocol::Udp => 6,
        Protocol::Tcp => 16,
    };
    let offset = if field == Field::SourcePort { 0 } else { 2 };
    immediate(a, REGISTER_1, |a| {
        a.bytes(DATA_VALUE, &port.to_be_bytes());
    });
    expression(a, "payload", |a| {
        a.be32(5, REGISTER_1).be32(2, TRANSPORT_HEADER).be32(3, offset).be32(4, 2);
        a.be32(6, INTERNET_CHECKSUM).be32(7, checksum_offset);
    });
}

/// A value as it lies in a register or element, not filled up.
pub(super) fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Interface(name) => {
            let mut bytes = name.as_bytes().to_vec();
            bytes.resize(16, 0);
            bytes
        }
        Value::Address(std::net::IpAddr::V4(v4)) => v4.octets().to_vec(),
        Value::Address(std::net::IpAddr::V6(v6)) => v6.octets().to_vec(),
        Value::Network(net) => bytes(&Value::Address(net.network())),
        Value::Protocol(Protocol::Tcp) => vec![libc::IPPROTO_TCP as u8],
        Value::Protocol(Protocol::Udp) => vec![libc::IPPROTO_UDP as u8],
        Value::Service(port) => port.to_be_bytes().to_vec(),
    }
}
