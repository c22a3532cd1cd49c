//! Trying things out where they do no harm.

use std::error::Error;
use std::path::{Path, PathBuf};

use crate::fabric::{Fabric, FabricConfig, FirewallChoice};
use crate::model::{Endpoint, Instance, InterfaceName, MacAddress, Protocol, Publication, PublishedPort};
use crate::netlink::{Batch, link};
use crate::netns::{Netns, NetnsOptions};
use crate::plan::{AddressPool, AddressWish, NetworkRequest, Occupied, plan_network};

const PLAIN: NetnsOptions = NetnsOptions { dns: false, ipv6: false };

/// Whether a namespace can be made.
pub(super) fn namespace() -> Result<(), String> {
    Netns::create(PLAIN).map(|_| ()).map_err(|error| words(&error))
}

/// Whether a bridge with a port can be made.
pub(super) fn interfaces() -> Result<(), String> {
    let (host, container) = (scratch()?, scratch()?);
    let work = || {
        let mut batch = Batch::default();
        link::add_bridge(&mut batch, &link::NewBridge { name: "br-try", mac: None, mtu: 1500 });
        host.route().send(&mut batch)?;
        let bridge = link::by_name(host.route(), "br-try")?.map_or(0, |link| link.index);
        let mut batch = Batch::default();
        link::add_veth(
            &mut batch,
            &link::NewVeth {
                host_name: "try",
                bridge,
                isolated: false,
                alias: "try",
                namespace: std::os::fd::AsFd::as_fd(&container),
                name: "eth0",
                mac: MacAddress([2, 0, 0, 0, 0, 1]),
                mtu: 1500,
            },
        );
        host.route().send(&mut batch)
    };
    work().map_err(|error| error.to_string())
}

/// Whether a network with a container and a published port can be made with this firewall, in a namespace that
/// stands for the host.
pub(super) fn with_firewall(firewall: FirewallChoice) -> Result<(), String> {
    let run_dir = std::env::temp_dir().join(format!("berth-doctor-{}", std::process::id()));
    let result = scratch()?.run(|| Ok(whole_network(firewall, &run_dir)));
    // It is not there unless forwarding was switched on in the namespace.
    let _ = std::fs::remove_dir_all(&run_dir);
    result.map_err(|error| error.to_string())?
}

fn whole_network(firewall: FirewallChoice, run_dir: &Path) -> Result<(), String> {
    let attempt = || -> Result<(), Box<dyn Error>> {
        let config =
            FabricConfig { run_dir: PathBuf::from(run_dir), instance: Instance::primary(), firewall };
        let fabric = Fabric::open(config)?;
        let request = NetworkRequest { name: "try".to_owned(), ..NetworkRequest::default() };
        let spec = plan_network("0123456789ab".parse()?, &request, &Occupied::default())?;
        fabric.create_network(&spec)?;
        let ipv4 = AddressPool::new(&spec).lease("try", AddressWish::default())?.ipv4;
        let netns = fabric.create_netns(PLAIN)?;
        fabric.attach(
            &netns,
            &Endpoint {
                network: spec.id,
                ipv4,
                ipv6: None,
                mac: MacAddress([2, 0, 0, 0, 0, 1]),
                ifname: InterfaceName::eth(0),
                is_default_gateway: true,
            },
        )?;
        let port =
            PublishedPort { host_ip: None, host_port: 80, container_port: 80, protocol: Protocol::Tcp };
        fabric.publish(&Publication { container: "try".to_owned(), ipv4, ipv6: None, ports: vec![port] })?;
        Ok(())
    };
    attempt().map_err(|error| words(error.as_ref()))
}

fn scratch() -> Result<Netns, String> {
    Netns::create(PLAIN).map_err(|error| words(&error))
}

/// An error with its causes, in one line.
fn words(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
