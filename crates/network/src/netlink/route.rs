//! Addresses and routes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use libc::{RTM_GETROUTE, RTM_NEWADDR, RTM_NEWROUTE};

use super::{Batch, Socket, attributes, flags, u32_host};

const LOCAL_TABLE: u32 = 255;
const IFA_F_NODAD: u8 = 0x02;

/// A route that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Where it leads; length 0 is a default route.
    pub(crate) destination: IpNet,
    /// Index of its interface, 0 when it has none.
    pub(crate) interface: u32,
    /// Its priority; smaller is preferred.
    pub(crate) metric: u32,
}

/// Adds the request that gives an interface an address. An IPv6 address is usable at once: the plan knows that
/// nobody else has it.
pub(crate) fn add_address(batch: &mut Batch, index: u32, address: IpAddr, prefix: u8) {
    let (family, bytes) = octets(address);
    let mut fixed = [family, prefix, if address.is_ipv6() { IFA_F_NODAD } else { 0 }, 0, 0, 0, 0, 0];
    fixed[4..].copy_from_slice(&index.to_ne_bytes());
    batch.add("add address", RTM_NEWADDR, flags::CREATE | flags::REPLACE, &fixed, |a| {
        a.bytes(libc::IFA_LOCAL, &bytes).bytes(libc::IFA_ADDRESS, &bytes);
        if let IpAddr::V4(v4) = address {
            let mask = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
            a.bytes(libc::IFA_BROADCAST, &(u32::from(v4) | mask).to_be_bytes());
        }
    });
}

/// Adds the request that makes a gateway the default route, instead of another one.
pub(crate) fn add_default(batch: &mut Batch, index: u32, gateway: IpAddr) {
    let (family, bytes) = octets(gateway);
    batch.add("add default route", RTM_NEWROUTE, flags::CREATE | flags::REPLACE, &unicast(family), |a| {
        a.bytes(libc::RTA_GATEWAY, &bytes).u32(libc::RTA_OIF, index);
    });
}

/// `struct rtmsg` of a default route in the main table.
fn unicast(family: u8) -> [u8; 12] {
    const MAIN: u8 = 254;
    const BOOT: u8 = 3;
    const UNIVERSE: u8 = 0;
    const UNICAST: u8 = 1;
    [family, 0, 0, 0, MAIN, BOOT, UNIVERSE, UNICAST, 0, 0, 0, 0]
}

/// All routes but those to the host's own addresses and to multicast.
pub(crate) fn all(socket: &Socket) -> io::Result<Vec<Route>> {
    let mut routes = Vec::new();
    let mut batch = Batch::default();
    batch.add("list routes", RTM_GETROUTE, flags::DUMP, &[0; 12], |_| {});
    socket.list(&mut batch, |kind, payload| {
        if kind == RTM_NEWROUTE {
            routes.extend(read(payload));
        }
    })?;
    Ok(routes)
}

fn read(payload: &[u8]) -> Option<Route> {
    // Routes of other kinds lead nowhere (unreachable, blackhole) or to this host: no network lies behind them.
    const UNICAST: u8 = 1;
    let (family, prefix, kind) = (*payload.first()?, *payload.get(1)?, *payload.get(7)?);
    let mut table = u32::from(*payload.get(4)?);
    let mut route = Route { destination: network(family, &[], prefix)?, interface: 0, metric: 0 };
    for attribute in attributes(payload.get(12..)?) {
        match attribute.kind {
            libc::RTA_DST => route.destination = network(family, attribute.value, prefix)?,
            libc::RTA_OIF => route.interface = u32_host(attribute.value)?,
            libc::RTA_PRIORITY => route.metric = u32_host(attribute.value)?,
            libc::RTA_TABLE => table = u32_host(attribute.value)?,
            libc::RTA_MULTIPATH => route.interface = first_hop(attribute.value)?,
            _ => {}
        }
    }
    let leads_away = table != LOCAL_TABLE && kind == UNICAST;
    (leads_away && !route.destination.addr().is_multicast()).then_some(route)
}

/// The interface of the first `struct rtnexthop`.
fn first_hop(hops: &[u8]) -> Option<u32> {
    u32_host(hops.get(4..8)?)
}

fn network(family: u8, bytes: &[u8], prefix: u8) -> Option<IpNet> {
    let address: IpAddr = match i32::from(family) {
        libc::AF_INET => {
            let mut octets = [0; 4];
            octets[..bytes.len().min(4)].copy_from_slice(&bytes[..bytes.len().min(4)]);
            Ipv4Addr::from(octets).into()
        }
        libc::AF_INET6 => {
            let mut octets = [0; 16];
            octets[..bytes.len().min(16)].copy_from_slice(&bytes[..bytes.len().min(16)]);
            Ipv6Addr::from(octets).into()
        }
        _ => return None,
    };
    IpNet::new(address, prefix).ok()
}

fn octets(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(v4) => (libc::AF_INET as u8, v4.octets().to_vec()),
        IpAddr::V6(v6) => (libc::AF_INET6 as u8, v6.octets().to_vec()),
    }
}
