use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Networks, names and ports of a container.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkSettings {
    /// What its network namespace is.
    pub mode: NetworkMode,
    /// Places in networks by network name or id. With `NetworkMode::Network` the mode's network is
    /// joined also when it is not named here.
    pub endpoints: BTreeMap<String, EndpointSpec>,
    /// Published ports.
    pub ports: Vec<PortBinding>,
    /// Publish every exposed port on a free host port.
    pub publish_all: bool,
    /// Name servers instead of the host's.
    pub dns: Vec<IpAddr>,
    /// Search domains instead of the host's.
    pub dns_search: Vec<String>,
    /// Options of /etc/resolv.conf.
    pub dns_options: Vec<String>,
    /// Further lines of /etc/hosts.
    pub extra_hosts: Vec<ExtraHost>,
    /// Docker's `Links`: `container[:alias]`.
    pub links: Vec<String>,
    /// Hardware address in the mode's network.
    pub mac_address: Option<String>,
}

impl NetworkSettings {
    /// What is asked for and cannot be with the mode: who shares a network namespace has no say in it.
    pub(crate) fn conflict(&self) -> Option<&'static str> {
        let shared = matches!(self.mode, NetworkMode::Container(_));
        let host = matches!(self.mode, NetworkMode::Host);
        [
            (shared && (self.publish_all || !self.ports.is_empty()), "publishing ports"),
            (shared && !self.dns.is_empty(), "name servers"),
            (shared && !self.extra_hosts.is_empty(), "further hosts"),
            ((shared || host) && !self.links.is_empty(), "links"),
            ((shared || host) && self.mac_address.is_some(), "a hardware address"),
        ]
        .into_iter()
        .find_map(|(found, what)| found.then_some(what))
    }
}

/// What a container's network namespace is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkMode {
    /// Its own, in the network `bridge`.
    #[default]
    Default,
    /// Its own, with a loopback interface only.
    None,
    /// The host's.
    Host,
    /// That of another container, by name or id.
    Container(String),
    /// Its own, in the named network.
    Network(String),
}

impl NetworkMode {
    /// Reads Docker's `NetworkMode`.
    pub fn parse(text: &str) -> Self {
        match text {
            "" | "default" => Self::Default,
            "none" => Self::None,
            "host" => Self::Host,
            other => match other.strip_prefix("container:") {
                Some(container) => Self::Container(container.to_owned()),
                None => Self::Network(other.to_owned()),
            },
        }
    }
}

impl fmt::Display for NetworkMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("bridge"),
            Self::None => f.write_str("none"),
            Self::Host => f.write_str("host"),
            Self::Container(c) => write!(f, "container:{c}"),
            Self::Network(n) => f.write_str(n),
        }
    }
}

/// A place in a network, as asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointSpec {
    /// Further names in this network.
    pub aliases: Vec<String>,
    /// Fixed IPv4 address.
    pub ipv4: Option<Ipv4Addr>,
    /// Fixed IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
    /// Hardware address.
    pub mac_address: Option<String>,
    /// Links of this network: `container[:alias]`.
    pub links: Vec<String>,
    /// Driver options, kept for `inspect`.
    pub driver_options: BTreeMap<String, String>,
    /// The network of highest priority has the default route.
    pub gateway_priority: i64,
}

/// Transport protocol of a port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP
    #[default]
    Tcp,
    /// UDP
    Udp,
}

/// A port inside a container: `80/tcp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerPort {
    /// Its number, never 0.
    pub port: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

/// A text that is no port.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid port {0:?}")]
pub struct ParsePortError(pub String);

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

impl fmt::Display for ContainerPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.port, self.protocol)
    }
}

impl FromStr for ContainerPort {
    type Err = ParsePortError;
    fn from_str(text: &str) -> Result<Self, ParsePortError> {
        let error = || ParsePortError(text.to_owned());
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol = match protocol.to_ascii_lowercase().as_str() {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return Err(error()),
        };
        match number.parse() {
            Ok(port) if port > 0 => Ok(Self { port, protocol }),
            _ => Err(error()),
        }
    }
}

impl TryFrom<String> for ContainerPort {
    type Error = ParsePortError;
    fn try_from(text: String) -> Result<Self, ParsePortError> {
        text.parse()
    }
}

impl From<ContainerPort> for String {
    fn from(port: ContainerPort) -> String {
        port.to_string()
    }
}

/// One published port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortBinding {
    /// The port in the container.
    pub container: ContainerPort,
    /// Address of the host; none is every address.
    pub host_ip: Option<IpAddr>,
    /// Port of the host.
    pub host_port: HostPort,
}

/// The host's side of a published port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostPort {
    /// Any free one.
    #[default]
    Ephemeral,
    /// This one.
    Fixed(u16),
    /// The first free one of first to last.
    Range(u16, u16),
}

impl FromStr for HostPort {
    type Err = ParsePortError;
    fn from_str(text: &str) -> Result<Self, ParsePortError> {
        let error = || ParsePortError(text.to_owned());
        let number = |t: &str| t.parse::<u16>().map_err(|_| error());
        match text.split_once('-') {
            None if text.is_empty() => Ok(Self::Ephemeral),
            None => Ok(match number(text)? {
                0 => Self::Ephemeral,
                port => Self::Fixed(port),
            }),
            Some((first, last)) => match (number(first)?, number(last)?) {
                (first, last) if first > 0 && first <= last => Ok(Self::Range(first, last)),
                _ => Err(error()),
            },
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ephemeral => Ok(()),
            Self::Fixed(port) => write!(f, "{port}"),
            Self::Range(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

/// A line of /etc/hosts: `name:address`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraHost {
    /// The name.
    pub name: String,
    /// Its address.
    pub address: HostAddress,
}

/// An address in /etc/hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostAddress {
    /// This one.
    Ip(IpAddr),
    /// The host as the container sees it (`host-gateway`).
    HostGateway,
}

impl ExtraHost {
    /// Reads `name:address` or `name=address`; the address may be `host-gateway`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, address) = text.split_once(['=', ':'])?;
        let address = match address.trim_start_matches('[').trim_end_matches(']') {
            "host-gateway" => HostAddress::HostGateway,
            ip => HostAddress::Ip(ip.parse().ok()?),
        };
        (!name.is_empty()).then(|| Self { name: name.to_owned(), address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_and_written() {
        let port: ContainerPort = "53/udp".parse().unwrap();
        assert_eq!((port.port, port.protocol), (53, Protocol::Udp));
        assert_eq!("80".parse::<ContainerPort>().unwrap().to_string(), "80/tcp");
        for bad in ["", "0", "65536", "80/xyz", "a"] {
            assert!(bad.parse::<ContainerPort>().is_err(), "{bad}");
        }
    }

    #[test]
    fn host_ports_may_be_ranges() {
        assert_eq!("".parse(), Ok(HostPort::Ephemeral));
        assert_eq!("0".parse(), Ok(HostPort::Ephemeral));
        assert_eq!("80".parse(), Ok(HostPort::Fixed(80)));
        assert_eq!("80-90".parse(), Ok(HostPort::Range(80, 90)));
        assert!("90-80".parse::<HostPort>().is_err());
    }

    #[test]
    fn extra_hosts_take_ipv6_and_the_gateway() {
        let host = ExtraHost::parse("a:::1").unwrap();
        assert_eq!(host.address, HostAddress::Ip("::1".parse().unwrap()));
        assert_eq!(ExtraHost::parse("a=host-gateway").unwrap().address, HostAddress::HostGateway);
        assert!(ExtraHost::parse("a:b").is_none());
    }
}
