//! Names of network interfaces.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::NetworkId;

/// Name of a network interface: 1 to 15 bytes, printable, without `/`, `:`, `%` and white space, not `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterfaceName(String);

/// The text cannot name an interface.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an interface name (1 to 15 printable characters without '/', ':', '%' and spaces)")]
pub struct ParseInterfaceNameError {
    /// What was given.
    pub text: String,
}

impl InterfaceName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `br-` and the first twelve digits of the network's id: the bridge of a network that names none itself.
    pub fn bridge_of(id: &NetworkId) -> Self {
        Self(format!("br-{}", id.short()))
    }

    /// `eth<index>`, the container's side of its `index`-th connection.
    pub fn eth(index: u16) -> Self {
        Self(format!("eth{index}"))
    }
}

impl FromStr for InterfaceName {
    type Err = ParseInterfaceNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let printable = text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b':' | b'%'));
        match printable && (1..=15).contains(&text.len()) && text != "." && text != ".." {
            true => Ok(Self(text.to_owned())),
            false => Err(ParseInterfaceNameError { text: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for InterfaceName {
    type Error = ParseInterfaceNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<InterfaceName> for String {
    fn from(name: InterfaceName) -> Self {
        name.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_the_kernel() {
        let id = "0123456789abcdef".parse().unwrap();
        assert_eq!(InterfaceName::bridge_of(&id).as_str(), "br-0123456789ab");
        assert!("docker0".parse::<InterfaceName>().is_ok());
        for bad in ["", ".", "..", "a b", "a/b", "eth0:1", "sixteen-letters-", "br\u{e9}"] {
            assert!(bad.parse::<InterfaceName>().is_err(), "{bad}");
        }
    }
}
