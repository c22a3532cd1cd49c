//! Changes of tables as one transaction: the kernel takes all of it or nothing.

use ipnet::IpNet;
use std::net::IpAddr;

use super::encode;
use super::model::{Chain, ChainKind, Element, Family, Hook, Set, Table, Type, Value};
use crate::netlink::{Attributes, Batch, flags};

const SUBSYSTEM: u16 = 10;
const NEW_TABLE: u16 = SUBSYSTEM << 8;
const DELETE_TABLE: u16 = NEW_TABLE | 2;
const NEW_CHAIN: u16 = NEW_TABLE | 3;
const NEW_RULE: u16 = NEW_TABLE | 6;
const NEW_SET: u16 = NEW_TABLE | 9;
const NEW_ELEMENT: u16 = NEW_TABLE | 12;
const DELETE_ELEMENT: u16 = NEW_TABLE | 14;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

const SET_INTERVAL: u32 = 4;
const SET_MAP: u32 = 8;
const ELEMENT_INTERVAL_END: u32 = 1;
/// So that a list of elements stays below the 64 KiB that an attribute can hold.
const ELEMENTS_PER_MESSAGE: usize = 400;

/// A transaction under construction.
#[derive(Debug)]
pub(crate) struct Transaction {
    batch: Batch,
    sets: u32,
}

impl Transaction {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let mut batch = Batch::default();
        batch.add("begin", BATCH_BEGIN, 0, &batch_header(), |_| {});
        Self { batch, sets: 0 }
    }

    /// The finished messages, to be sent at once.
    pub(crate) fn finish(mut self) -> Batch {
        self.batch.add("commit", BATCH_END, 0, &batch_header(), |_| {});
        self.batch
    }

    /// Makes a table with all its content; there must be none.
    pub(crate) fn add(&mut self, table: &Table) {
        self.touch(table.family, &table.name);
        for set in &table.sets {
            self.add_set(table, set);
            self.add_elements(table, set, set.elements.iter());
        }
        for chain in &table.chains {
            self.add_chain(table, chain);
        }
    }

    /// Puts a table in the place of whatever is there under its name.
    pub(crate) fn replace(&mut self, table: &Table) {
        self.remove(table.family, &table.name);
        self.add(table);
    }

    /// Removes a table, whether it exists or not.
    pub(crate) fn remove(&mut self, family: Family, name: &str) {
        self.touch(family, name);
        self.batch.add("delete table", DELETE_TABLE, 0, &header(family), |a| {
            a.text(1, name);
        });
    }

    /// Makes an empty table unless there is one.
    fn touch(&mut self, family: Family, name: &str) {
        self.batch.add("add table", NEW_TABLE, flags::CREATE, &header(family), |a| {
            a.text(1, name);
        });
    }

    fn add_set(&mut self, table: &Table, set: &Set) {
        self.sets += 1;
        let id = self.sets;
        self.batch.add("add set", NEW_SET, flags::CREATE, &header(table.family), |a| {
            a.text(1, &table.name).text(2, set.name);
            let interval = if set.interval { SET_INTERVAL } else { 0 };
            let map = if set.data.is_empty() { 0 } else { SET_MAP };
            a.be32(3, interval | map).be32(4, type_code(&set.key)).be32(5, length(&set.key)).be32(10, id);
            if !set.data.is_empty() {
                a.be32(6, type_code(&set.data)).be32(7, length(&set.data));
            }
            a.bytes(13, &byte_order(&set.key));
        });
    }

    /// Adds elements to a set that exists.
    pub(crate) fn add_elements<'e>(
        &mut self,
        table: &Table,
        set: &Set,
        elements: impl Iterator<Item = &'e Element>,
    ) {
        self.elements("add element", NEW_ELEMENT, flags::CREATE, table, set, elements);
    }

    /// Removes elements that exist.
    pub(crate) fn remove_elements<'e>(
        &mut self,
        table: &Table,
        set: &Set,
        elements: impl Iterator<Item = &'e Element>,
    ) {
        self.elements("delete element", DELETE_ELEMENT, 0, table, set, elements);
    }

    fn elements<'e>(
        &mut self,
        what: &'static str,
        kind: u16,
        flags: u16,
        table: &Table,
        set: &Set,
        elements: impl Iterator<Item = &'e Element>,
    ) {
        let elements: Vec<_> = elements.collect();
        for chunk in elements.chunks(ELEMENTS_PER_MESSAGE) {
            self.batch.add(what, kind, flags, &header(table.family), |a| {
                a.text(1, &table.name).text(2, set.name);
                a.nest(3, |a| chunk.iter().for_each(|e| element(a, set, e)));
            });
        }
    }

    fn add_chain(&mut self, table: &Table, chain: &Chain) {
        const POLICY_ACCEPT: u32 = 1;
        self.batch.add("add chain", NEW_CHAIN, flags::CREATE, &header(table.family), |a| {
            a.text(1, &table.name).text(3, chain.name).text(7, kind_name(chain.kind)).be32(5, POLICY_ACCEPT);
            a.nest(4, |a| {
                a.be32(1, hook_number(chain.hook)).be32(2, chain.priority as u32);
            });
        });
        for rule in &chain.rules {
            let flags = flags::CREATE | flags::APPEND;
            self.batch.add("add rule", NEW_RULE, flags, &header(table.family), |a| {
                a.text(1, &table.name).text(2, chain.name);
                a.nest(4, |a| encode::rule(a, table.family, rule));
            });
        }
    }
}

fn element(a: &mut Attributes<'_>, set: &Set, element: &Element) {
    match element.key.as_slice() {
        [Value::Network(net)] if set.interval => interval(a, net),
        key => one(a, &filled(key), &element.data, 0),
    }
}

/// A network is its first address, and the one behind its last marked as an end.
fn interval(a: &mut Attributes<'_>, net: &IpNet) {
    one(a, &encode::bytes(&Value::Network(*net)), &[], 0);
    if let Some(next) = behind(net) {
        one(a, &encode::bytes(&Value::Address(next)), &[], ELEMENT_INTERVAL_END);
    }
}

fn behind(net: &IpNet) -> Option<IpAddr> {
    match net.broadcast() {
        IpAddr::V4(v4) => u32::from(v4).checked_add(1).map(|n| IpAddr::V4(n.into())),
        IpAddr::V6(v6) => u128::from(v6).checked_add(1).map(|n| IpAddr::V6(n.into())),
    }
}

fn one(a: &mut Attributes<'_>, key: &[u8], data: &[Value], flags: u32) {
    a.nest(1, |a| {
        if flags != 0 {
            a.be32(3, flags);
        }
        a.nest(1, |a| _ = a.bytes(1, key));
        if !data.is_empty() {
            a.nest(2, |a| _ = a.bytes(1, &filled(data)));
        }
    });
}

/// Joined values, each filled up to whole words; a single one stays as it is.
fn filled(values: &[Value]) -> Vec<u8> {
    let mut all = Vec::new();
    for value in values {
        all.extend(encode::bytes(value));
        if values.len() > 1 {
            all.resize(all.len().next_multiple_of(4), 0);
        }
    }
    all
}

fn type_length(kind: Type) -> u32 {
    match kind {
        Type::Interface | Type::Ipv6 => 16,
        Type::Ipv4 => 4,
        Type::Service => 2,
        Type::Protocol => 1,
    }
}

fn length(types: &[Type]) -> u32 {
    match types {
        [one] => type_length(*one),
        many => many.iter().map(|kind| type_length(*kind).next_multiple_of(4)).sum(),
    }
}

/// The type numbers of `nft`, six bits each; the kernel keeps them for it without looking at them.
fn type_code(types: &[Type]) -> u32 {
    types.iter().fold(0, |code, kind| {
        let number = match kind {
            Type::Ipv4 => 7,
            Type::Ipv6 => 8,
            Type::Protocol => 12,
            Type::Service => 13,
            Type::Interface => 41,
        };
        code << 6 | number
    })
}

/// Notes for `nft` in which byte order a key is: type 0, length 4, the order.
fn byte_order(key: &[Type]) -> [u8; 6] {
    const MACHINE: u32 = 1;
    const NETWORK: u32 = 2;
    let order = match key {
        [Type::Interface] => MACHINE,
        [Type::Ipv4 | Type::Ipv6] => NETWORK,
        _ => 0,
    };
    let [a, b, c, d] = order.to_ne_bytes();
    [0, 4, a, b, c, d]
}

fn kind_name(kind: ChainKind) -> &'static str {
    match kind {
        ChainKind::Filter => "filter",
        ChainKind::Nat => "nat",
    }
}

fn hook_number(hook: Hook) -> u32 {
    match hook {
        Hook::Prerouting => 0,
        Hook::Forward => 2,
        Hook::Output => 3,
        Hook::Postrouting => 4,
    }
}

/// `struct nfgenmsg` of a message.
fn header(family: Family) -> [u8; 4] {
    let family = match family {
        Family::Ip => libc::NFPROTO_IPV4,
        Family::Ip6 => libc::NFPROTO_IPV6,
    };
    [family as u8, 0, 0, 0]
}

/// `struct nfgenmsg` of the brackets around a transaction.
fn batch_header() -> [u8; 4] {
    let [high, low] = SUBSYSTEM.to_be_bytes();
    [0, 0, high, low]
}
