//! Identifiers: of a network, and of the engine that owns kernel objects.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Identifier of a network: 12 to 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetworkId(String);

/// The text is not a network identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a network id (12 to 64 lower-case hexadecimal digits)")]
pub struct ParseNetworkIdError {
    /// What was given.
    pub text: String,
}

impl NetworkId {
    /// The whole identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits: what tables print and what the bridge is named after.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl FromStr for NetworkId {
    type Err = ParseNetworkIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match hex && (12..=64).contains(&text.len()) {
            true => Ok(Self(text.to_owned())),
            false => Err(ParseNetworkIdError { text: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for NetworkId {
    type Error = ParseNetworkIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<NetworkId> for String {
    fn from(id: NetworkId) -> Self {
        id.0
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which engine on this machine owns a kernel object. Several engines with different roots live side by side;
/// the suffix keeps their firewall tables, bridges and address plans apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    suffix: Option<String>,
}

impl Instance {
    /// The engine of `/var/lib/berth`: its table is named `berth`.
    pub fn primary() -> Self {
        Self { suffix: None }
    }

    /// The engine of another root: its table is named `berth_` and eight digits that depend on the path alone.
    pub fn for_root(root: &Path) -> Self {
        let digest = crate::hash::fnv64(root.as_os_str().as_encoded_bytes());
        Self { suffix: Some(format!("{:08x}", (digest ^ (digest >> 32)) as u32)) }
    }

    /// Name of the firewall table.
    pub fn table(&self) -> String {
        match &self.suffix {
            None => "berth".to_owned(),
            Some(suffix) => format!("berth_{suffix}"),
        }
    }

    /// Prefix of iptables chains, at most 14 characters.
    pub fn chain_prefix(&self) -> String {
        match &self.suffix {
            None => "BERTH".to_owned(),
            Some(suffix) => format!("BERTH-{suffix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_id_is_hexadecimal_and_long_enough() {
        assert_eq!("0123456789abcdef".parse::<NetworkId>().unwrap().short(), "0123456789ab");
        assert!("0123456789AB".parse::<NetworkId>().is_err());
        assert!("abc".parse::<NetworkId>().is_err());
        assert!("é23456789abc".parse::<NetworkId>().is_err());
    }

    #[test]
    fn engines_with_other_roots_have_other_tables() {
        let one = Instance::for_root(Path::new("/srv/a"));
        let two = Instance::for_root(Path::new("/srv/b"));
        assert_eq!(Instance::primary().table(), "berth");
        assert_ne!(one.table(), two.table());
        assert_eq!(one, Instance::for_root(Path::new("/srv/a")));
        assert!(one.chain_prefix().len() <= 14);
    }
}
