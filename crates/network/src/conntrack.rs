//! Making the kernel forget connections without an end: flows of datagrams.

use std::collections::BTreeSet;
use std::io;

use crate::model::{Protocol, Publication};
use crate::netlink::{Batch, Socket, find, flags};

const SUBSYSTEM: u16 = 1;
const GET: u16 = SUBSYSTEM << 8 | 1;
const DELETE: u16 = SUBSYSTEM << 8 | 2;
const ORIGINAL: u16 = 1;
const TUPLE_PROTOCOL: u16 = 2;
const PROTOCOL_NUMBER: u16 = 1;
const DESTINATION_PORT: u16 = 3;
const HEADER: usize = 4;

/// The UDP ports of publications on the host's side.
pub(crate) fn datagram_ports<'a>(publications: impl Iterator<Item = &'a Publication>) -> BTreeSet<u16> {
    let ports = publications.flat_map(|publication| &publication.ports);
    ports.filter(|port| port.protocol == Protocol::Udp).map(|port| port.host_port).collect()
}

/// Forgets all flows of datagrams to these ports.
pub(crate) fn forget(ports: &BTreeSet<u16>) -> io::Result<()> {
    let socket = Socket::netfilter()?;
    let mut found = Vec::new();
    let mut list = Batch::default();
    list.add("list connections", GET, flags::DUMP, &[0; HEADER], |_| {});
    socket.list(&mut list, |_, payload| found.extend(matching(payload, ports)))?;
    let mut batch = Batch::default();
    for (family, tuple) in &found {
        batch.add("forget connection", DELETE, 0, &[*family, 0, 0, 0], |a| {
            a.nested_bytes(ORIGINAL, tuple);
        });
    }
    // Some may have gone by themselves meanwhile.
    socket.send_each(&mut batch).map(|_| ())
}

/// Family and addresses of a listed flow to one of the ports.
fn matching(payload: &[u8], ports: &BTreeSet<u16>) -> Option<(u8, Vec<u8>)> {
    let tuple = find(payload.get(HEADER..)?, ORIGINAL)?;
    let protocol = find(tuple, TUPLE_PROTOCOL)?;
    let number = *find(protocol, PROTOCOL_NUMBER)?.first()?;
    let port = u16::from_be_bytes(find(protocol, DESTINATION_PORT)?.get(..2)?.try_into().ok()?);
    let hit = i32::from(number) == libc::IPPROTO_UDP && ports.contains(&port);
    hit.then(|| (payload[0], tuple.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::messages;

    fn listed(protocol: u8, port: u16) -> Vec<u8> {
        let mut batch = Batch::default();
        batch.add("flow", 0x100, 0, &[libc::AF_INET as u8, 0, 0, 0], |a| {
            a.nest(ORIGINAL, |a| {
                a.nest(TUPLE_PROTOCOL, |a| {
                    a.u8(PROTOCOL_NUMBER, protocol).bytes(DESTINATION_PORT, &port.to_be_bytes());
                });
            });
        });
        let all = batch.numbered(1).to_vec();
        messages(&all).next().map(|message| message.payload.to_vec()).unwrap()
    }

    #[test]
    fn flows_of_datagrams_to_the_ports_are_chosen_and_no_others() {
        let ports = BTreeSet::from([53]);
        let (udp, tcp) = (libc::IPPROTO_UDP as u8, libc::IPPROTO_TCP as u8);
        assert!(matching(&listed(udp, 53), &ports).is_some_and(|(family, _)| family == libc::AF_INET as u8));
        assert!(matching(&listed(udp, 54), &ports).is_none());
        assert!(matching(&listed(tcp, 53), &ports).is_none());
        assert!(matching(&[2, 0], &ports).is_none());
    }
}
