//! Bridges.

use std::io;
use std::net::IpAddr;

use super::{CreateNetworkError, Inner, RemoveNetworkError, State, name, sysctl};
use crate::model::{MacAddress, NetworkId, NetworkSpec};
use crate::netlink::{Batch, errno, link, route};

const DEFAULT_MTU: u32 = 1500;

/// A network's bridge in the kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bridge {
    /// Its index.
    pub(super) index: u32,
    /// MTU of it and its ports.
    pub(super) mtu: u32,
}

/// What was done to have a bridge.
pub(super) enum Ensured {
    Existed(Bridge),
    Made(Bridge),
}

/// A step that the kernel refused.
pub(super) struct Failed {
    /// What was tried.
    pub(super) action: String,
    /// Why not.
    pub(super) source: io::Error,
}

fn step(action: impl Into<String>) -> impl FnOnce(io::Error) -> Failed {
    move |source| Failed { action: action.into(), source }
}

impl Inner {
    pub(super) fn create_network(&self, spec: &NetworkSpec) -> Result<(), CreateNetworkError> {
        let mut state = self.state();
        let former = state.rules.network(&spec.id).cloned();
        let result = self.add_network(&mut state, spec);
        if result.is_err() {
            match former {
                Some(former) => state.rules.add_network(former),
                None => _ = state.rules.remove_network(&spec.id),
            }
            // The error that counts is the one above; what this one leaves, the next change puts right.
            let _ = self.firewall.apply(&state.rules);
        }
        result
    }

    fn add_network(&self, state: &mut State, spec: &NetworkSpec) -> Result<(), CreateNetworkError> {
        let failed = |failed: Failed| CreateNetworkError::Kernel {
            network: spec.name.clone(),
            action: failed.action,
            source: failed.source,
        };
        let existing = link::by_name(&self.route, spec.bridge.as_str());
        let existing = existing.map_err(step("look for the bridge")).map_err(failed)?;
        if existing.as_ref().is_some_and(|link| !self.owns(link, &spec.id)) {
            let (network, bridge) = (spec.name.clone(), spec.bridge.clone());
            return Err(CreateNetworkError::ForeignInterface { network, bridge });
        }
        let unrouted = sysctl::forward(spec, &self.run_dir, &self.route);
        if let Some(unrouted) = unrouted.map_err(step("switch forwarding on")).map_err(failed)? {
            state.rules.unrouted = unrouted;
        }
        state.rules.add_network(spec.clone());
        self.firewall.apply(&state.rules).map_err(step("set firewall rules")).map_err(failed)?;
        let (Ensured::Existed(bridge) | Ensured::Made(bridge)) =
            self.ensure(spec, existing).map_err(failed)?;
        state.bridges.insert(spec.id.clone(), bridge);
        Ok(())
    }

    /// Whether an interface is the network's bridge.
    pub(super) fn owns(&self, link: &link::Link, network: &NetworkId) -> bool {
        link.kind == "bridge" && name::marked(&self.instance, &link.alias).as_ref() == Some(network)
    }

    /// Makes the bridge unless it exists, and in any case gives it its addresses and settings and brings it up.
    pub(super) fn ensure(&self, spec: &NetworkSpec, existing: Option<link::Link>) -> Result<Ensured, Failed> {
        let made = existing.is_none();
        let bridge = match existing {
            Some(link) => Bridge { index: link.index, mtu: link.mtu },
            None => self.make(spec)?,
        };
        match (self.configure(spec, bridge), made) {
            (Ok(()), true) => Ok(Ensured::Made(bridge)),
            (Ok(()), false) => Ok(Ensured::Existed(bridge)),
            (Err(failed), true) => {
                let mut batch = Batch::default();
                link::delete(&mut batch, spec.bridge.as_str());
                let _ = self.route.send(&mut batch);
                Err(failed)
            }
            (Err(failed), false) => Err(failed),
        }
    }

    fn make(&self, spec: &NetworkSpec) -> Result<Bridge, Failed> {
        let name = spec.bridge.as_str();
        let mtu = self.mtu(spec).map_err(step("find the uplink's MTU"))?;
        let mac = match (spec.ipv4(), spec.ipv6()) {
            (Some((_, gateway)), _) => Some(MacAddress::for_ipv4(gateway)),
            (None, Some((_, gateway))) => Some(MacAddress::for_ipv6(gateway)),
            (None, None) => None,
        };
        let mut batch = Batch::default();
        link::add_bridge(&mut batch, &link::NewBridge { name, mac, mtu });
        link::set_alias(&mut batch, name, &name::mark(&self.instance, &spec.id));
        self.route.send(&mut batch).map_err(step(format!("create bridge {name}")))?;
        let link = link::by_name(&self.route, name).map_err(step(format!("find bridge {name}")))?;
        match link {
            Some(link) => Ok(Bridge { index: link.index, mtu }),
            None => Err(step(format!("find bridge {name}"))(io::ErrorKind::NotFound.into())),
        }
    }

    fn configure(&self, spec: &NetworkSpec, bridge: Bridge) -> Result<(), Failed> {
        let name = spec.bridge.as_str();
        sysctl::set_ipv6(name, spec.ipv6().is_some()).map_err(step("set IPv6 on the bridge"))?;
        if spec.ipv4().is_some() && !spec.internal {
            sysctl::allow_loopback(name).map_err(step("allow 127.0.0.1 to reach published ports"))?;
        }
        let mut batch = Batch::default();
        for subnet in &spec.subnets {
            route::add_address(&mut batch, bridge.index, subnet.gateway, subnet.net.prefix_len());
        }
        link::set_up(&mut batch, bridge.index);
        self.route.send(&mut batch).map_err(step(format!("set up bridge {name}")))
    }

    /// The MTU asked for, or that of the interface with the default route.
    fn mtu(&self, spec: &NetworkSpec) -> io::Result<u32> {
        if let Some(mtu) = spec.mtu {
            return Ok(mtu);
        }
        let default = |route: &route::Route| route.destination.prefix_len() == 0 && route.interface != 0;
        let ipv4_first =
            |route: &route::Route| (matches!(route.destination.addr(), IpAddr::V6(_)), route.metric);
        let uplink = route::all(&self.route)?.into_iter().filter(default).min_by_key(ipv4_first);
        let Some(uplink) = uplink else { return Ok(DEFAULT_MTU) };
        let links = link::all(&self.route)?;
        Ok(links.iter().find(|link| link.index == uplink.interface).map_or(DEFAULT_MTU, |link| link.mtu))
    }

    pub(super) fn remove_networks(&self, networks: &[NetworkId]) -> Result<(), RemoveNetworkError> {
        let Some(first) = networks.first() else { return Ok(()) };
        let failed = |action: &str, source| RemoveNetworkError {
            network: first.clone(),
            action: action.to_owned(),
            source,
        };
        let mut state = self.state();
        for network in networks {
            state.rules.remove_network(network);
            state.bridges.remove(network);
        }
        self.firewall.apply(&state.rules).map_err(|source| failed("remove firewall rules", source))?;
        drop(state);
        self.remove_links(|network| networks.contains(network))
            .map_err(|source| failed("remove interfaces", source))
    }

    /// Removes the bridges and ports of networks, all in one grace period: they are put into one group, and the
    /// group is deleted.
    pub(super) fn remove_links(&self, gone: impl Fn(&NetworkId) -> bool) -> io::Result<()> {
        let links = link::all(&self.route)?;
        let ours = |link: &&link::Link| name::marked(&self.instance, &link.alias).is_some_and(|id| gone(&id));
        let chosen: Vec<u32> = links.iter().filter(ours).map(|link| link.index).collect();
        if chosen.is_empty() {
            return Ok(());
        }
        let group = unused_group(&links);
        let mut batch = Batch::default();
        chosen.iter().for_each(|index| link::set_group(&mut batch, *index, group));
        link::delete_group(&mut batch, group);
        let refused = self.route.send_each(&mut batch)?;
        // A port may vanish with its container at any moment.
        match refused.into_iter().find(|refused| refused.errno != libc::ENODEV) {
            Some(refused) => Err(refused.into()),
            None => Ok(()),
        }
    }
}

/// A group that no interface is in.
fn unused_group(links: &[link::Link]) -> u32 {
    std::iter::repeat_with(|| rand::random::<u32>() | 1 << 30)
        .find(|group| links.iter().all(|link| link.group != *group))
        .unwrap_or(1 << 30)
}

/// Whether an error says that an interface is not there.
pub(super) fn is_missing(error: &io::Error) -> bool {
    errno(error) == Some(libc::ENODEV)
}
