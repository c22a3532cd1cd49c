//! A value that must not be seen.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The content of a secret. `Debug` hides it; its serialized form, which travels to the engine, is base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Larger ones are not secrets but files.
    pub const LIMIT: usize = 500 << 10;

    /// Takes the content; `None` if it is larger than [`Secret::LIMIT`].
    pub fn new(content: Vec<u8>) -> Option<Self> {
        (content.len() <= Self::LIMIT).then_some(Self(content))
    }

    /// The content.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let content = STANDARD.decode(text).map_err(|_| D::Error::custom("a secret is not base64"))?;
        Self::new(content).ok_or_else(|| D::Error::custom("a secret is too large"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_travels_but_does_not_show() {
        let secret = Secret::new(b"hush\0".to_vec()).unwrap();
        let json = serde_json::to_string(&secret).unwrap();
        assert_eq!(serde_json::from_str::<Secret>(&json).unwrap().reveal(), b"hush\0");
        assert!(!format!("{secret:?}").contains("hush") && !json.contains("hush"));
        assert!(Secret::new(vec![0; Secret::LIMIT + 1]).is_none());
        assert!(serde_json::from_str::<Secret>("\"%\"").is_err());
    }
}
