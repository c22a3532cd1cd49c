//! The files below /etc that every container gets.

use crate::{error::EngineError, oci::config::EtcFiles, spec::HostAddress};
use network::dns::{ResolvConf, embedded_resolv_conf, host_resolv_conf};
use std::{
    fmt::Write as _,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

/// What the files say.
pub(crate) struct EtcContent<'a> {
    pub(crate) hostname: &'a str,
    pub(crate) domainname: Option<&'a str>,
    /// The container's own addresses.
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) extra_hosts: Vec<(String, IpAddr)>,
    pub(crate) resolv_conf: ResolvConf,
}

/// The host's address as containers see it, for `host-gateway`.
pub(crate) fn extra_hosts(
    hosts: &[crate::spec::ExtraHost],
    gateway: Option<IpAddr>,
) -> Vec<(String, IpAddr)> {
    let resolved = hosts.iter().filter_map(|host| match host.address {
        HostAddress::Ip(address) => Some((host.name.clone(), address)),
        HostAddress::HostGateway => Some((host.name.clone(), gateway?)),
    });
    resolved.collect()
}

/// `/etc/resolv.conf` of a container with the embedded server, or without.
pub(crate) fn resolv_conf(embedded: bool, network: &crate::spec::NetworkSettings) -> ResolvConf {
    let host = host_resolv_conf();
    if embedded {
        return embedded_resolv_conf(&host, &network.dns_search, &network.dns_options);
    }
    let or = |own: &[String], hosts: Vec<String>| if own.is_empty() { hosts } else { own.to_vec() };
    ResolvConf {
        nameservers: if network.dns.is_empty() { host.nameservers } else { network.dns.clone() },
        search: or(&network.dns_search, host.search),
        options: or(&network.dns_options, host.options),
    }
}

/// Makes the embedded server the one of a container that runs, in the files of its directory. A file that somebody has
/// changed inside the container stays as it is.
pub(crate) fn use_embedded_dns(
    dir: &Path,
    network: &crate::spec::NetworkSettings,
) -> Result<(), EngineError> {
    let path = dir.join("resolv.conf");
    let present = fs::read_to_string(&path).map_err(EngineError::io("read", &path))?;
    if present != resolv_conf(false, network).render() {
        return Ok(());
    }
    // In place: the container has this very file mounted.
    fs::write(&path, resolv_conf(true, network).render()).map_err(EngineError::io("write", &path))
}

/// Writes the files into a directory.
pub(crate) fn write(dir: &Path, content: &EtcContent<'_>) -> Result<EtcFiles, EngineError> {
    let put = |name: &str, text: String| -> Result<Option<PathBuf>, EngineError> {
        let path = dir.join(name);
        fs::write(&path, text).map_err(EngineError::io("write", &path))?;
        Ok(Some(path))
    };
    Ok(EtcFiles {
        resolv_conf: put("resolv.conf", content.resolv_conf.render())?,
        hostname: put("hostname", format!("{}\n", content.hostname))?,
        hosts: put("hosts", hosts(content))?,
    })
}

fn hosts(content: &EtcContent<'_>) -> String {
    let mut text = String::from(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n\
         ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n",
    );
    for (name, address) in &content.extra_hosts {
        let _ = writeln!(text, "{address}\t{name}");
    }
    let full = content.domainname.map(|domain| format!("{}.{domain} ", content.hostname)).unwrap_or_default();
    for address in &content.addresses {
        let _ = writeln!(text, "{address}\t{full}{}", content.hostname);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_names_the_container_and_what_was_added() {
        let content = EtcContent {
            hostname: "web",
            domainname: Some("example"),
            addresses: vec!["10.0.0.2".parse().unwrap()],
            extra_hosts: vec![("db".into(), "10.9.9.9".parse().unwrap())],
            resolv_conf: ResolvConf::default(),
        };
        let text = hosts(&content);
        assert!(text.ends_with("10.9.9.9\tdb\n10.0.0.2\tweb.example web\n"), "{text}");
    }
}
