//! Settings of the host that containers' packets need.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use crate::model::NetworkSpec;
use crate::netlink::{Socket, link};

const IPV4_FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";
const IPV6_FORWARD: &str = "/proc/sys/net/ipv6/conf/all/forwarding";
const UNROUTED_FILE: &str = "unrouted";

/// Lets a bridge take packets for 127.0.0.0/8, so that the host reaches published ports by 127.0.0.1.
pub(super) fn allow_loopback(bridge: &str) -> io::Result<()> {
    set(&format!("/proc/sys/net/ipv4/conf/{bridge}/route_localnet"), "1")
}

/// Switches IPv6 on or off on a bridge, whatever the host's default is.
pub(super) fn set_ipv6(bridge: &str, on: bool) -> io::Result<()> {
    match set(&format!("/proc/sys/net/ipv6/conf/{bridge}/disable_ipv6"), if on { "0" } else { "1" }) {
        // A kernel without IPv6 has nothing to switch off.
        Err(error) if !on && error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Switches forwarding on where a network needs it. When IPv4 forwarding was off, the result names the interfaces
/// there are: nothing passed between them until now, and nothing should because of containers. The names are kept
/// in `run_dir` for the next engine.
pub(super) fn forward(
    spec: &NetworkSpec,
    run_dir: &Path,
    socket: &Socket,
) -> io::Result<Option<BTreeSet<String>>> {
    if spec.internal {
        return Ok(None);
    }
    if spec.ipv6().is_some() && get(IPV6_FORWARD)? != "1" {
        keep_router_advertisements(socket)?;
        set(IPV6_FORWARD, "1")?;
    }
    if spec.ipv4().is_none() || get(IPV4_FORWARD)? == "1" {
        return Ok(None);
    }
    let unrouted = others(socket)?;
    remember_unrouted(run_dir, &unrouted)?;
    set(IPV4_FORWARD, "1")?;
    Ok(Some(unrouted))
}

/// A host that forwards ignores router advertisements unless told otherwise, and would lose its own IPv6 route.
fn keep_router_advertisements(socket: &Socket) -> io::Result<()> {
    for link in link::all(socket)? {
        let path = format!("/proc/sys/net/ipv6/conf/{}/accept_ra", link.name);
        if get(&path).is_ok_and(|value| value == "1") {
            set(&path, "2")?;
        }
    }
    Ok(())
}

/// Interfaces that have nothing to do with Berth, whichever instance.
fn others(socket: &Socket) -> io::Result<BTreeSet<String>> {
    let other = |link: &link::Link| link.name != "lo" && !link.alias.starts_with("berth");
    Ok(link::all(socket)?.into_iter().filter(other).map(|link| link.name).collect())
}

/// What [`forward`] found in an earlier engine since the last boot.
pub(super) fn remembered_unrouted(run_dir: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(run_dir.join(UNROUTED_FILE)).unwrap_or_default();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn remember_unrouted(run_dir: &Path, unrouted: &BTreeSet<String>) -> io::Result<()> {
    std::fs::create_dir_all(run_dir)?;
    let lines: Vec<_> = unrouted.iter().map(String::as_str).collect();
    std::fs::write(run_dir.join(UNROUTED_FILE), lines.join("\n"))
}

fn get(path: &str) -> io::Result<String> {
    Ok(std::fs::read_to_string(path).map_err(|error| named(path, &error))?.trim().to_owned())
}

fn set(path: &str, value: &str) -> io::Result<()> {
    std::fs::write(path, value).map_err(|error| named(path, &error))
}

fn named(path: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{path}: {error}"))
}
