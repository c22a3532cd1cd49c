//! Interfaces: bridges and pairs of virtual Ethernet interfaces.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{IFF_UP, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK, RTM_SETLINK};

use super::{Attributes, Batch, Socket, attributes, find, flags, string, u32_host};
use crate::model::MacAddress;

const VETH_INFO_PEER: u16 = 1;
const IFLA_INFO_SLAVE_KIND: u16 = 4;
const IFLA_INFO_SLAVE_DATA: u16 = 5;
const IFLA_BR_FORWARD_DELAY: u16 = 1;
const IFLA_BR_STP_STATE: u16 = 5;
const IFLA_BRPORT_MODE: u16 = 4;
const IFLA_BRPORT_ISOLATED: u16 = 33;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const ADDR_GEN_NONE: u8 = 1;

/// An interface that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    /// Index.
    pub(crate) index: u32,
    /// Name.
    pub(crate) name: String,
    /// `bridge`, `veth`, …; empty for hardware.
    pub(crate) kind: String,
    /// Alias, where Berth notes whose bridge it is.
    pub(crate) alias: String,
    /// Index of the bridge it is on.
    pub(crate) master: Option<u32>,
    /// Group.
    pub(crate) group: u32,
    /// MTU.
    pub(crate) mtu: u32,
    /// Whether it is up.
    pub(crate) up: bool,
}

/// A bridge to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewBridge<'a> {
    /// Name.
    pub(crate) name: &'a str,
    /// Fixed address: without one the bridge takes a port's, and changes it when that port goes.
    pub(crate) mac: Option<MacAddress>,
    /// MTU.
    pub(crate) mtu: u32,
}

/// A pair to be made: one side on a bridge of the socket's namespace, the other inside a container.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewVeth<'a> {
    /// Name of the host's side.
    pub(crate) host_name: &'a str,
    /// Index of the bridge.
    pub(crate) bridge: u32,
    /// Whether it may talk to the host alone and not to other isolated ports.
    pub(crate) isolated: bool,
    /// Note on the host's side of whose it is.
    pub(crate) alias: &'a str,
    /// The container's namespace.
    pub(crate) namespace: BorrowedFd<'a>,
    /// Name inside.
    pub(crate) name: &'a str,
    /// Address inside.
    pub(crate) mac: MacAddress,
    /// MTU of both sides.
    pub(crate) mtu: u32,
}

/// Adds the request that makes a bridge, up.
pub(crate) fn add_bridge(batch: &mut Batch, bridge: &NewBridge<'_>) {
    let create = flags::CREATE | flags::EXCL;
    batch.add("create bridge", RTM_NEWLINK, create, &info(0, true), |a| {
        a.text(libc::IFLA_IFNAME, bridge.name).u32(libc::IFLA_MTU, bridge.mtu);
        if let Some(mac) = bridge.mac {
            a.bytes(libc::IFLA_ADDRESS, &mac.0);
        }
        a.nest(libc::IFLA_LINKINFO, |a| {
            a.bytes(libc::IFLA_INFO_KIND, b"bridge");
            a.nest(libc::IFLA_INFO_DATA, |a| {
                a.u32(IFLA_BR_FORWARD_DELAY, 0).u32(IFLA_BR_STP_STATE, 0);
            });
        });
    });
}

/// Adds the requests that make a pair: both sides up, the host's side a port of the bridge.
pub(crate) fn add_veth(batch: &mut Batch, veth: &NewVeth<'_>) {
    let create = flags::CREATE | flags::EXCL;
    batch.add("create veth pair", RTM_NEWLINK, create, &info(0, false), |a| {
        a.text(libc::IFLA_IFNAME, veth.host_name).u32(libc::IFLA_MTU, veth.mtu);
        a.u32(libc::IFLA_MASTER, veth.bridge);
        a.nest(libc::IFLA_LINKINFO, |a| {
            a.bytes(libc::IFLA_INFO_KIND, b"veth");
            a.nest(libc::IFLA_INFO_DATA, |a| {
                a.nest(VETH_INFO_PEER, |a| peer(a, veth));
            });
        });
    });
    batch.add("set up bridge port", RTM_NEWLINK, 0, &info(0, false), |a| {
        a.text(libc::IFLA_IFNAME, veth.host_name).bytes(libc::IFLA_IFALIAS, veth.alias.as_bytes());
        no_link_local(a);
        port(a, veth.isolated);
    });
    batch.add("bring bridge port up", RTM_NEWLINK, 0, &info(0, true), |a| {
        a.text(libc::IFLA_IFNAME, veth.host_name);
    });
}

fn peer(a: &mut Attributes<'_>, veth: &NewVeth<'_>) {
    a.raw(&info(0, false));
    a.text(libc::IFLA_IFNAME, veth.name).u32(libc::IFLA_MTU, veth.mtu);
    a.bytes(libc::IFLA_ADDRESS, &veth.mac.0);
    a.bytes(libc::IFLA_NET_NS_FD, &veth.namespace.as_raw_fd().to_ne_bytes());
}

/// Hairpin mode: a container may reach itself by a port it publishes, also where `br_netfilter` translates addresses
/// within the bridge. Isolation is only mentioned when wanted, for kernels before 4.18.
fn port(a: &mut Attributes<'_>, isolated: bool) {
    a.nest(libc::IFLA_LINKINFO, |a| {
        a.bytes(IFLA_INFO_SLAVE_KIND, b"bridge");
        a.nest(IFLA_INFO_SLAVE_DATA, |a| {
            a.u8(IFLA_BRPORT_MODE, 1);
            if isolated {
                a.u8(IFLA_BRPORT_ISOLATED, 1);
            }
        });
    });
}

/// Adds the requests that make an existing interface a port of a bridge.
pub(crate) fn set_port(batch: &mut Batch, index: u32, bridge: u32, isolated: bool) {
    batch.add("set bridge", RTM_NEWLINK, 0, &info(index, true), |a| {
        a.u32(libc::IFLA_MASTER, bridge);
    });
    batch.add("set up bridge port", RTM_NEWLINK, 0, &info(index, false), |a| port(a, isolated));
}

/// The host's side of a pair needs no IPv6 address of its own.
fn no_link_local(a: &mut Attributes<'_>) {
    a.nest(libc::IFLA_AF_SPEC, |a| {
        a.nest(libc::AF_INET6 as u16, |a| {
            a.u8(IFLA_INET6_ADDR_GEN_MODE, ADDR_GEN_NONE);
        });
    });
}

/// Adds the request that notes something in an interface's alias.
pub(crate) fn set_alias(batch: &mut Batch, name: &str, alias: &str) {
    batch.add("set alias", RTM_NEWLINK, 0, &[0; 16], |a| {
        a.text(libc::IFLA_IFNAME, name).bytes(libc::IFLA_IFALIAS, alias.as_bytes());
    });
}

/// Adds the request that brings an interface up.
pub(crate) fn set_up(batch: &mut Batch, index: u32) {
    batch.add("bring interface up", RTM_NEWLINK, 0, &info(index, true), |_| {});
}

/// Adds the request that puts an interface into a group.
pub(crate) fn set_group(batch: &mut Batch, index: u32, group: u32) {
    batch.add("set group", RTM_SETLINK, 0, &info(index, false), |a| {
        a.u32(libc::IFLA_GROUP, group);
    });
}

/// Adds the request that deletes every interface of a group, in one grace period.
pub(crate) fn delete_group(batch: &mut Batch, group: u32) {
    batch.add("delete interfaces", RTM_DELLINK, 0, &[0; 16], |a| {
        a.u32(libc::IFLA_GROUP, group);
    });
}

/// Adds the request that deletes an interface by name.
pub(crate) fn delete(batch: &mut Batch, name: &str) {
    batch.add("delete interface", RTM_DELLINK, 0, &[0; 16], |a| {
        a.text(libc::IFLA_IFNAME, name);
    });
}

/// All interfaces.
pub(crate) fn all(socket: &Socket) -> io::Result<Vec<Link>> {
    let mut batch = Batch::default();
    batch.add("list interfaces", RTM_GETLINK, flags::DUMP, &[0; 16], |_| {});
    collect(socket, &mut batch)
}

/// The interface of that name.
pub(crate) fn by_name(socket: &Socket, name: &str) -> io::Result<Option<Link>> {
    let mut batch = Batch::default();
    batch.add("look up interface", RTM_GETLINK, 0, &[0; 16], |a| {
        a.text(libc::IFLA_IFNAME, name);
    });
    match collect(socket, &mut batch) {
        Err(error) if super::errno(&error) == Some(libc::ENODEV) => Ok(None),
        other => Ok(other?.into_iter().next()),
    }
}

fn collect(socket: &Socket, batch: &mut Batch) -> io::Result<Vec<Link>> {
    let mut links = Vec::new();
    socket.list(batch, |kind, payload| {
        if kind == RTM_NEWLINK {
            links.extend(read(payload));
        }
    })?;
    Ok(links)
}

fn read(payload: &[u8]) -> Option<Link> {
    let mut link = Link {
        index: u32_host(payload.get(4..8)?)?,
        up: u32_host(payload.get(8..12)?)? & IFF_UP as u32 != 0,
        ..Link::default()
    };
    for attribute in attributes(payload.get(16..)?) {
        match attribute.kind {
            libc::IFLA_IFNAME => link.name = string(attribute.value),
            libc::IFLA_IFALIAS => link.alias = string(attribute.value),
            libc::IFLA_MASTER => link.master = u32_host(attribute.value),
            libc::IFLA_GROUP => link.group = u32_host(attribute.value)?,
            libc::IFLA_MTU => link.mtu = u32_host(attribute.value)?,
            libc::IFLA_LINKINFO => {
                link.kind = find(attribute.value, libc::IFLA_INFO_KIND).map(string).unwrap_or_default();
            }
            _ => {}
        }
    }
    Some(link)
}

/// `struct ifinfomsg`.
fn info(index: u32, up: bool) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[4..8].copy_from_slice(&index.to_ne_bytes());
    if up {
        bytes[8..12].copy_from_slice(&(IFF_UP as u32).to_ne_bytes());
        bytes[12..16].copy_from_slice(&(IFF_UP as u32).to_ne_bytes());
    }
    bytes
}
