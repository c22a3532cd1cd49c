//! Connections of containers: pairs of interfaces, one side a port of the bridge.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;

use super::bridge::{Bridge, is_missing};
use super::{AttachError, Attached, DetachError, Inner, name};
use crate::model::{Endpoint, NetworkSpec};
use crate::netlink::{Batch, errno, link, route};
use crate::netns::Netns;

/// A container gets a name for its port that nobody has; with random names the first try does.
const NAME_TRIES: usize = 8;

impl Inner {
    pub(super) fn attach(&self, netns: &Netns, endpoint: &Endpoint) -> Result<Attached, AttachError> {
        let (spec, bridge) = self.known(endpoint)?;
        let failed = kernel(&spec);
        let host_name = self.make_pair(netns, endpoint, &spec, bridge)?;
        if let Err(source) = configure(netns, endpoint, &spec) {
            let mut batch = Batch::default();
            link::delete(&mut batch, &host_name);
            let _ = self.route.send(&mut batch);
            return Err(failed("set addresses", source));
        }
        match host_name.parse() {
            Ok(host_ifname) => Ok(Attached { host_ifname }),
            Err(error) => Err(failed("name the port", io::Error::other(error))),
        }
    }

    pub(super) fn set_default_gateway(&self, netns: &Netns, endpoint: &Endpoint) -> Result<(), AttachError> {
        let (spec, _) = self.known(endpoint)?;
        let set = || {
            let index = index_inside(netns, endpoint)?;
            let mut batch = Batch::default();
            default_routes(&mut batch, index, endpoint, &spec);
            netns.route().send(&mut batch)
        };
        set().map_err(|source| kernel(&spec)("set the default route", source))
    }

    fn known(&self, endpoint: &Endpoint) -> Result<(NetworkSpec, Bridge), AttachError> {
        let state = self.state();
        let spec = state.rules.network(&endpoint.network).cloned();
        let bridge = state.bridges.get(&endpoint.network).copied();
        spec.zip(bridge).ok_or_else(|| AttachError::UnknownNetwork(endpoint.network.clone()))
    }

    fn make_pair(
        &self,
        netns: &Netns,
        endpoint: &Endpoint,
        spec: &NetworkSpec,
        bridge: Bridge,
    ) -> Result<String, AttachError> {
        let failed = kernel(spec);
        let mark = name::mark(&self.instance, &spec.id);
        for _ in 0..NAME_TRIES {
            let host_name = name::port();
            let mut batch = Batch::default();
            link::add_veth(
                &mut batch,
                &link::NewVeth {
                    host_name: &host_name,
                    bridge: bridge.index,
                    isolated: !spec.icc,
                    alias: &mark,
                    namespace: netns.as_fd(),
                    name: endpoint.ifname.as_str(),
                    mac: endpoint.mac,
                    mtu: bridge.mtu,
                },
            );
            match self.route.send(&mut batch) {
                Ok(()) => return Ok(host_name),
                Err(error) if errno(&error) == Some(libc::EEXIST) => {
                    if index_inside(netns, endpoint).is_ok() {
                        return Err(AttachError::InterfaceExists(endpoint.ifname.clone()));
                    }
                }
                Err(error) => {
                    let mut batch = Batch::default();
                    link::delete(&mut batch, &host_name);
                    let _ = self.route.send(&mut batch);
                    return Err(failed("create a pair of interfaces", error));
                }
            }
        }
        Err(failed("find a free interface name", io::ErrorKind::AlreadyExists.into()))
    }
}

/// Takes a container's interface away; both sides of the pair go.
pub(super) fn detach(netns: &Netns, endpoint: &Endpoint) -> Result<(), DetachError> {
    let mut batch = Batch::default();
    link::delete(&mut batch, endpoint.ifname.as_str());
    match netns.route().send(&mut batch) {
        Err(error) if !is_missing(&error) => {
            Err(DetachError { ifname: endpoint.ifname.clone(), source: error })
        }
        _ => Ok(()),
    }
}

fn configure(netns: &Netns, endpoint: &Endpoint, spec: &NetworkSpec) -> io::Result<()> {
    let index = index_inside(netns, endpoint)?;
    if endpoint.ipv6.is_some() {
        let setting = format!("/proc/sys/net/ipv6/conf/{}/disable_ipv6", endpoint.ifname);
        netns.run(|| std::fs::write(setting, "0"))?;
    }
    let mut batch = Batch::default();
    let ipv4 = endpoint.ipv4.zip(spec.ipv4());
    let ipv6 = endpoint.ipv6.zip(spec.ipv6());
    if let Some((address, (net, _))) = ipv4 {
        route::add_address(&mut batch, index, address.into(), net.prefix_len());
    }
    link::set_up(&mut batch, index);
    if let Some((address, (net, _))) = ipv6 {
        route::add_address(&mut batch, index, address.into(), net.prefix_len());
    }
    if endpoint.is_default_gateway {
        default_routes(&mut batch, index, endpoint, spec);
    }
    netns.route().send(&mut batch)
}

/// The way out, for each family that the container has on this network; internal networks have none.
fn default_routes(batch: &mut Batch, index: u32, endpoint: &Endpoint, spec: &NetworkSpec) {
    if spec.internal {
        return;
    }
    if let (Some(_), Some((_, gateway))) = (endpoint.ipv4, spec.ipv4()) {
        route::add_default(batch, index, IpAddr::V4(gateway));
    }
    if let (Some(_), Some((_, gateway))) = (endpoint.ipv6, spec.ipv6()) {
        route::add_default(batch, index, IpAddr::V6(gateway));
    }
}

fn index_inside(netns: &Netns, endpoint: &Endpoint) -> io::Result<u32> {
    let link = link::by_name(netns.route(), endpoint.ifname.as_str())?;
    link.map(|link| link.index).ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn kernel(spec: &NetworkSpec) -> impl Fn(&str, io::Error) -> AttachError {
    let network = spec.name.clone();
    move |action, source| AttachError::Kernel { network: network.clone(), action: action.to_owned(), source }
}
