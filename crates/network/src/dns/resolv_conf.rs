//! `resolv.conf`, read and written.

use std::net::IpAddr;

/// The parts of a `resolv.conf` that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvConf {
    /// `nameserver` lines.
    pub nameservers: Vec<IpAddr>,
    /// The last `search` or `domain` line.
    pub search: Vec<String>,
    /// `options`.
    pub options: Vec<String>,
}

impl ResolvConf {
    /// Reads the text of a `resolv.conf`; what is not understood is skipped.
    pub fn parse(text: &str) -> Self {
        let _ = text;
        todo!()
    }

    /// The text of a `resolv.conf`.
    pub fn render(&self) -> String {
        todo!()
    }
}

/// The host's resolvers as containers can use them: when `/etc/resolv.conf` names only a stub of systemd-resolved,
/// what is behind it.
pub fn host_resolv_conf() -> ResolvConf {
    todo!()
}

/// What a container with the embedded server gets: `nameserver 127.0.0.11`, the host's search domains unless the user
/// names some (`.` alone for none), and `ndots:0` unless the user sets `ndots`.
pub fn embedded_resolv_conf(host: &ResolvConf, search: &[String], options: &[String]) -> ResolvConf {
    let _ = (host, search, options);
    todo!()
}
