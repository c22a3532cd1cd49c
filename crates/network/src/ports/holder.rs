//! Who has a port: from `/proc/net` the socket, from `/proc/<pid>/fd` its process.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use crate::model::Protocol;

/// The process that has a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortHolder {
    /// Process id.
    pub pid: u32,
    /// Its name, from `/proc/<pid>/comm`.
    pub name: String,
}

/// The process with a socket that stands in the way of binding this address and port. Best effort: processes end, and
/// sockets of other mount or process namespaces cannot be seen.
pub(super) fn find(host_ip: Option<IpAddr>, port: u16, protocol: Protocol) -> Option<PortHolder> {
    let files = match protocol {
        Protocol::Tcp => ["tcp", "tcp6"],
        Protocol::Udp => ["udp", "udp6"],
    };
    let read = |file: &str| fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap_or_default();
    let inode = files.iter().find_map(|file| socket_in_the_way(&read(file), host_ip, port))?;
    process_with(&format!("socket:[{inode}]"))
}

/// The inode of the first such socket in a table; those that listen come first.
fn socket_in_the_way(table: &str, host_ip: Option<IpAddr>, port: u16) -> Option<u64> {
    let mut found: Vec<_> = table.lines().skip(1).filter_map(row).filter(|row| row.port == port).collect();
    found.retain(|row| host_ip.is_none_or(|ip| meet(ip, row.address)) && row.inode != 0);
    found.sort_by_key(|row| !row.listens);
    found.first().map(|row| row.inode)
}

fn meet(wanted: IpAddr, taken: IpAddr) -> bool {
    wanted == taken || wanted.is_unspecified() || taken.is_unspecified()
}

struct Row {
    address: IpAddr,
    port: u16,
    listens: bool,
    inode: u64,
}

/// A line of `/proc/net/tcp` and its like: `sl local_address rem_address st … inode`.
fn row(line: &str) -> Option<Row> {
    const LISTEN: &str = "0A";
    let words: Vec<_> = line.split_whitespace().collect();
    let (address, port) = words.get(1)?.split_once(':')?;
    Some(Row {
        address: address_of(address)?,
        port: u16::from_str_radix(port, 16).ok()?,
        listens: *words.get(3)? == LISTEN,
        inode: words.get(9)?.parse().ok()?,
    })
}

/// Words of 32 bits, each printed as a number of this machine.
fn address_of(text: &str) -> Option<IpAddr> {
    let words = (0..text.len()).step_by(8).map(|at| u32::from_str_radix(text.get(at..at + 8)?, 16).ok());
    let bytes: Vec<u8> = words.collect::<Option<Vec<_>>>()?.into_iter().flat_map(u32::to_ne_bytes).collect();
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|octets| Ipv4Addr::from(octets).into()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

fn process_with(link: &str) -> Option<PortHolder> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.into_iter().find(|pid| holds(*pid, link)).map(|pid| PortHolder {
        pid,
        name: fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned(),
    })
}

fn holds(pid: u32, link: &str) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    descriptors
        .flatten()
        .any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == Path::new(link)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 0200007F:0050 01 00000000:00000000 00:00000000 00000000     0        0 11 1
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22 1
   2: 00000000:0051 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 33 1
";

    #[test]
    fn the_socket_that_listens_is_found_by_address_and_port() {
        let find = |ip: Option<&str>, port| socket_in_the_way(TABLE, ip.map(|ip| ip.parse().unwrap()), port);
        assert_eq!(find(None, 8080), Some(22));
        assert_eq!(find(Some("127.0.0.1"), 8080), Some(22));
        assert_eq!(find(Some("10.0.0.1"), 8080), None);
        assert_eq!(find(Some("10.0.0.1"), 81), Some(33));
        assert_eq!(find(None, 9), None);
    }

    #[test]
    fn addresses_are_printed_word_by_word() {
        assert_eq!(address_of("0100007F"), Some("127.0.0.1".parse().unwrap()));
        assert_eq!(address_of("00000000000000000000000001000000"), Some("::1".parse().unwrap()));
        assert_eq!(address_of("zz"), None);
    }
}
