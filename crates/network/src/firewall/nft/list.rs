//! Looking at what others have.

use std::io;

use crate::netlink::{Batch, Socket, find, flags, string};

const GET_CHAIN: u16 = 10 << 8 | 4;
const HEADER: usize = 4;
const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const HOOK_NUMBER: u16 = 1;
const FORWARD: u32 = 2;
const POLICY_DROP: u32 = 0;

/// Chains at the forward hook, in words, whose policy is to drop.
pub(crate) fn forward_drops() -> io::Result<Vec<String>> {
    let mut chains = Vec::new();
    let mut batch = Batch::default();
    batch.add("list chains", GET_CHAIN, flags::DUMP, &[0; HEADER], |_| {});
    Socket::netfilter()?.list(&mut batch, |_, payload| chains.extend(drops(payload)))?;
    Ok(chains)
}

fn drops(payload: &[u8]) -> Option<String> {
    let family = match i32::from(*payload.first()?) {
        libc::NFPROTO_INET => "inet",
        libc::NFPROTO_IPV4 => "ip",
        libc::NFPROTO_IPV6 => "ip6",
        _ => return None,
    };
    let attributes = payload.get(HEADER..)?;
    let hook = number(find(find(attributes, CHAIN_HOOK)?, HOOK_NUMBER)?)?;
    let policy = number(find(attributes, CHAIN_POLICY)?)?;
    let (table, chain) = (string(find(attributes, CHAIN_TABLE)?), string(find(attributes, CHAIN_NAME)?));
    (hook == FORWARD && policy == POLICY_DROP)
        .then(|| format!("chain {chain} of nf_tables' {family} {table}"))
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.get(..4)?.try_into().ok().map(u32::from_be_bytes)
}
