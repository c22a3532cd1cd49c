//! One container's connection to one network.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{InterfaceName, NetworkId};

/// One container's connection to one network, addresses decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The network.
    pub network: NetworkId,
    /// IPv4 address, out of the network's IPv4 subnet.
    #[serde(default)]
    pub ipv4: Option<Ipv4Addr>,
    /// IPv6 address, out of the network's IPv6 subnet.
    #[serde(default)]
    pub ipv6: Option<Ipv6Addr>,
    /// Hardware address; [`MacAddress::for_ipv4`] gives Docker's.
    pub mac: MacAddress,
    /// Name inside the container, usually `eth0`, `eth1`, ….
    pub ifname: InterfaceName,
    /// Whether the container's default route goes through this network. Ignored on internal networks.
    pub is_default_gateway: bool,
}

/// A hardware address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress(pub [u8; 6]);

/// The text is not a unicast hardware address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a unicast MAC address such as 02:42:ac:11:00:02")]
pub struct ParseMacError {
    /// What was given.
    pub text: String,
}

impl MacAddress {
    /// `02:42:` and the four bytes of the address: a container that comes back under its address keeps its MAC, and
    /// no neighbour has a stale entry.
    pub fn for_ipv4(address: Ipv4Addr) -> Self {
        let [a, b, c, d] = address.octets();
        Self([0x02, 0x42, a, b, c, d])
    }

    /// The same for a network without IPv4: the last four bytes of the IPv6 address.
    pub fn for_ipv6(address: Ipv6Addr) -> Self {
        let o = address.octets();
        Self([0x02, 0x43, o[12], o[13], o[14], o[15]])
    }
}

impl FromStr for MacAddress {
    type Err = ParseMacError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseMacError { text: text.to_owned() };
        let mut bytes = [0u8; 6];
        let mut parts = text.split([':', '-']);
        for byte in &mut bytes {
            let hexadecimal = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
            let part = parts.next().filter(hexadecimal).ok_or_else(error)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| error())?;
        }
        match parts.next().is_none() && bytes[0] & 1 == 0 && bytes != [0; 6] {
            true => Ok(Self(bytes)),
            false => Err(error()),
        }
    }
}

impl TryFrom<String> for MacAddress {
    type Error = ParseMacError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> Self {
        mac.to_string()
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mac_follows_the_address() {
        assert_eq!(MacAddress::for_ipv4(Ipv4Addr::new(172, 17, 0, 2)).to_string(), "02:42:ac:11:00:02");
    }

    #[test]
    fn only_unicast_addresses_parse() {
        let mac: MacAddress = "02:42:AC:11:00:02".parse().unwrap();
        assert_eq!(mac, MacAddress::for_ipv4(Ipv4Addr::new(172, 17, 0, 2)));
        for bad in [
            "",
            "02:42:ac:11:00",
            "02:42:ac:11:00:02:03",
            "01:00:5e:00:00:01",
            "00:00:00:00:00:00",
            "+2:42:ac:11:00:02",
        ] {
            assert!(bad.parse::<MacAddress>().is_err(), "{bad}");
        }
    }
}
