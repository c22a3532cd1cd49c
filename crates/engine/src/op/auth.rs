use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use registry::credentials::Credentials;
use serde::Deserialize;

/// Who pulls or pushes, as clients of the Docker Engine API say it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RegistryAuth {
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: String,
    /// `name:password` in base 64, instead of the two.
    pub auth: String,
    /// A refresh token.
    pub identitytoken: String,
    /// A bearer token.
    pub registrytoken: String,
    /// The registry; only for a login.
    pub serveraddress: String,
}

impl std::fmt::Debug for RegistryAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RegistryAuth({} at {}, …)", self.username, self.serveraddress)
    }
}

impl RegistryAuth {
    /// Reads the `X-Registry-Auth` header: JSON in base 64 of either alphabet. `None` when it is neither.
    pub fn from_header(text: &str) -> Option<Self> {
        let text = text.trim();
        let padded = format!(
            "{}{}",
            text.trim_end_matches('='),
            "=".repeat((4 - text.trim_end_matches('=').len() % 4) % 4)
        );
        let decoded = URL_SAFE.decode(&padded).or_else(|_| STANDARD.decode(&padded)).ok()?;
        if decoded.is_empty() { Some(Self::default()) } else { serde_json::from_slice(&decoded).ok() }
    }

    /// The credentials; none when nothing is given.
    pub fn credentials(&self) -> Option<Credentials> {
        if !self.registrytoken.is_empty() {
            return Some(Credentials::RegistryToken(self.registrytoken.clone()));
        }
        if !self.identitytoken.is_empty() {
            return Some(Credentials::IdentityToken(self.identitytoken.clone()));
        }
        if !self.username.is_empty() {
            let (username, password) = (self.username.clone(), self.password.clone());
            return Some(Credentials::Password { username, password });
        }
        let pair = String::from_utf8(STANDARD.decode(&self.auth).ok()?).ok()?;
        let (username, password) = pair.split_once(':')?;
        Some(Credentials::Password { username: username.to_owned(), password: password.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_both_alphabets_are_read() {
        let json = r#"{"username":"me","password":"p?>~","serveraddress":"r.example"}"#;
        for text in [STANDARD.encode(json), URL_SAFE.encode(json), URL_SAFE.encode(json).replace('=', "")] {
            let auth = RegistryAuth::from_header(&text).unwrap();
            assert_eq!((auth.username.as_str(), auth.password.as_str()), ("me", "p?>~"));
            assert!(!format!("{auth:?}").contains("p?"));
        }
        assert_eq!(RegistryAuth::from_header("e30="), Some(RegistryAuth::default()));
        assert_eq!(RegistryAuth::from_header("%%"), None);
        assert_eq!(RegistryAuth::default().credentials(), None);
    }
}
