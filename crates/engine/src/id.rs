//! Identifiers: 64 hexadecimal digits, one type per kind of thing.

use std::fmt;

use rand::RngCore;
use serde::{Deserialize, Serialize};

/// What a text that should be an identifier is instead.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not an identifier of 64 hexadecimal digits")]
pub struct IdError(pub String);

fn check(text: &str) -> Result<(), IdError> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() == 64 && text.bytes().all(hex) { Ok(()) } else { Err(IdError(text.to_owned())) }
}

fn random() -> String {
    let mut bytes = [0u8; 32];
    loop {
        rand::rng().fill_bytes(&mut bytes);
        let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        // A short id of digits only could be taken for a number (a pid, a host name of digits).
        if text[..12].bytes().any(|b| b.is_ascii_alphabetic()) {
            return text;
        }
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// A new random identifier.
            pub fn random() -> Self {
                Self(random())
            }

            /// All 64 digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The first 12 digits, as tables show them.
            pub fn short(&self) -> &str {
                &self.0[..12]
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                check(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.short())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

identifier!(
    /// Identifies a container for its whole life.
    ContainerId
);
identifier!(
    /// Identifies a network.
    NetworkId
);
identifier!(
    /// Identifies one command executed in a running container.
    ExecId
);
identifier!(
    /// Identifies one endpoint: a container's place in a network.
    EndpointId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_id_is_64_hex_digits_with_a_letter_in_its_short_form() {
        let id = ContainerId::random();
        assert_eq!(check(id.as_str()), Ok(()));
        assert!(id.short().bytes().any(|b| b.is_ascii_alphabetic()));
        assert_ne!(id, ContainerId::random());
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in ["", "abc", &"g".repeat(64), &"A".repeat(64)] {
            assert!(ContainerId::try_from(bad.to_owned()).is_err());
        }
    }
}
