//! Validated identifiers: each kind of name is a type of its own.

use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;

/// A text that is not allowed as the named kind of identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a valid {kind}: {rule}")]
pub struct InvalidName {
    /// What kind of name was wanted, as said to the user ("service name").
    pub kind: &'static str,
    /// The rejected text.
    pub value: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $valid:path, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text and makes the name.
            ///
            /// # Errors
            /// [`InvalidName`] when the text breaks the rule of this kind of name.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
                let value = text.into();
                if $valid(&value) { Ok(Self(value)) } else { Err(InvalidName { kind: $kind, value, rule: $rule }) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type! {
    /// Name of a project: the prefix of everything the project owns.
    ProjectName, "project name", is_project_name,
    "it must start with a lower-case letter or a digit and hold only a-z, 0-9, `_` and `-`"
}
name_type! {
    /// Key of a service below `services`.
    ServiceName, "service name", is_key, "only A-Z, a-z, 0-9, `.`, `_` and `-` are allowed"
}
name_type! {
    /// Key of a network below the top-level `networks`.
    NetworkKey, "network name", is_key, "only A-Z, a-z, 0-9, `.`, `_` and `-` are allowed"
}
name_type! {
    /// Key of a volume below the top-level `volumes`.
    VolumeKey, "volume name", is_key, "only A-Z, a-z, 0-9, `.`, `_` and `-` are allowed"
}
name_type! {
    /// Key of a secret below the top-level `secrets`.
    SecretKey, "secret name", is_key, "only A-Z, a-z, 0-9, `.`, `_` and `-` are allowed"
}
name_type! {
    /// Key of a config below the top-level `configs`.
    ConfigKey, "config name", is_key, "only A-Z, a-z, 0-9, `.`, `_` and `-` are allowed"
}

fn is_project_name(text: &str) -> bool {
    let first_is_fine = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    first_is_fine
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_names_are_lower_case() {
        assert!(ProjectName::new("redis-cluster_2").is_ok());
        assert!(ProjectName::new("Redis").is_err());
        assert!(ProjectName::new("-x").is_err());
        assert!(ProjectName::new("").is_err());
    }

    #[test]
    fn an_invalid_name_is_refused_when_read_from_json() {
        assert!(serde_json::from_str::<ServiceName>("\"a b\"").is_err());
    }
}
