//! Who asks: challenges of registries, and the tokens they lead to.
//!
//! Follows the token authentication of Docker's registry protocol: a `401` names a realm, which gives a token for a scope
//! to whom it knows (or to anybody).

mod challenge;
mod token;

pub(crate) use challenge::Challenge;
pub(crate) use token::{Authority, escape};

use std::fmt;

/// A user's secret for a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Name and password.
    Password {
        /// The user's name.
        username: String,
        /// The password, or an access token in its place.
        password: String,
    },
    /// A refresh token that login gave.
    IdentityToken(String),
    /// A bearer token that is used as it is.
    RegistryToken(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { username, .. } => write!(f, "Password({username}, …)"),
            Self::IdentityToken(_) => f.write_str("IdentityToken(…)"),
            Self::RegistryToken(_) => f.write_str("RegistryToken(…)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let credentials = Credentials::Password { username: "me".into(), password: "secret".into() };
        assert_eq!(format!("{credentials:?}"), "Password(me, …)");
    }
}
