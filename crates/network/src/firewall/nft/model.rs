//! A table of nf_tables as values: just as much of its language as Berth's rules need.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::Protocol;

/// Address family of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    Ip,
    Ip6,
}

/// A table with everything in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) family: Family,
    pub(crate) name: String,
    pub(crate) sets: Vec<Set>,
    pub(crate) chains: Vec<Chain>,
}

/// A set, or a map when there is a data type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) name: &'static str,
    pub(crate) key: Vec<Type>,
    pub(crate) data: Vec<Type>,
    /// Elements are networks of addresses.
    pub(crate) interval: bool,
    pub(crate) elements: BTreeSet<Element>,
}

/// An element of a set or map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Element {
    pub(crate) key: Vec<Value>,
    pub(crate) data: Vec<Value>,
}

/// Type of a part of a key or datum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Interface,
    Ipv4,
    Ipv6,
    Protocol,
    Service,
}

/// A part of a key or datum.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Interface(String),
    Address(IpAddr),
    Network(IpNet),
    Protocol(Protocol),
    Service(u16),
}

/// A chain at a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) name: &'static str,
    pub(crate) kind: ChainKind,
    pub(crate) hook: Hook,
    pub(crate) priority: i32,
    pub(crate) rules: Vec<Rule>,
}

/// Type of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChainKind {
    Filter,
    Nat,
}

/// Where packets enter a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    Prerouting,
    Forward,
    Output,
    Postrouting,
}

/// A rule: conditions, then what is done.
pub(crate) type Rule = Vec<Term>;

/// A condition or an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    /// The fields together are an element of the set.
    In(Vec<Field>, &'static str),
    /// The field is no element of the set.
    NotIn(Field, &'static str),
    /// The field has this value.
    Is(Field, Value),
    /// The address is in 127.0.0.0/8.
    IsLoopback(Field),
    /// The destination is an address of this host.
    ToHost,
    /// The connection is known, or belongs to a known one.
    Established,
    /// The connection's destination was translated.
    Published,
    /// Let it go on.
    Accept,
    /// Throw it away.
    Drop,
    /// Leave the chain.
    Return,
    /// Take the source address of the outgoing interface.
    Masquerade,
    /// Translate the destination to what the map says for these fields; go on when it says nothing.
    Redirect(Vec<Field>, &'static str),
    /// Overwrite a port of this protocol's header, without remembering the connection.
    SetPort(Protocol, Field, u16),
}

/// A property of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    InInterface,
    OutInterface,
    Source,
    Destination,
    Protocol,
    SourcePort,
    DestinationPort,
}
