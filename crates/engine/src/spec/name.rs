use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a name is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid name {0:?}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, at least two characters")]
pub struct NameError(pub String);

fn check(text: &str) -> Result<(), NameError> {
    let mut bytes = text.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = bytes.all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if first && rest && (2..=255).contains(&text.len()) { Ok(()) } else { Err(NameError(text.to_owned())) }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks a text; a leading slash, as Docker writes it, is dropped.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let text = text.strip_prefix('/').unwrap_or(text);
                check(text)?;
                Ok(Self(text.to_owned()))
            }

            /// The name without a slash.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// A container's name.
    ContainerName
);
name!(
    /// A volume's name.
    VolumeName
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_docker_allows() {
        for good in ["ab", "/web", "a_b.c-1", "0x"] {
            assert!(ContainerName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "-ab", "a b", "ä1", "a/b", "."] {
            assert!(ContainerName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_slash_is_dropped() {
        assert_eq!(ContainerName::parse("/web").unwrap().as_str(), "web");
    }
}
