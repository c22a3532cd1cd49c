//! Tokens: asked for when a registry wants one, kept while it takes them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::{Challenge, Credentials};
use crate::RegistryError;
use crate::http::{Ask, Http, host, uri};

/// Longest answer of a token server, in bytes.
const MAX_TOKEN: u64 = 1 << 20;

/// Whoever asks one registry for one scope.
pub(crate) struct Authority {
    credentials: Option<Credentials>,
    scope: String,
    header: Mutex<Option<HeaderValue>>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
}

impl Authority {
    /// `scope` as registries write it: `repository:library/debian:pull`, or empty for a login.
    pub(crate) fn new(credentials: Option<Credentials>, scope: String) -> Self {
        let header = match &credentials {
            Some(Credentials::RegistryToken(token)) => secret(&format!("Bearer {token}")),
            _ => None,
        };
        Self { credentials, scope, header: Mutex::new(header) }
    }

    /// What to send with a request.
    pub(crate) async fn header(&self) -> Option<HeaderValue> {
        self.header.lock().await.clone()
    }

    /// Answers a challenge; false when there is nothing (more) to answer with. `used` is what the refused request had.
    pub(crate) async fn answer(
        &self,
        http: &Http,
        registry: &str,
        challenge: &Challenge,
        used: Option<&HeaderValue>,
    ) -> Result<bool, RegistryError> {
        let mut header = self.header.lock().await;
        if header.as_ref() != used {
            // Another request has answered it meanwhile.
            return Ok(true);
        }
        let fresh = match challenge {
            Challenge::Basic => self.basic(),
            Challenge::Bearer { realm, service, scope } => {
                let scope = if self.scope.is_empty() { scope.as_deref().unwrap_or("") } else { &self.scope };
                let token = self.token(http, registry, realm, service.as_deref(), scope).await?;
                secret(&format!("Bearer {token}"))
            }
        };
        let better = fresh.is_some() && fresh.as_ref() != used;
        *header = fresh;
        Ok(better)
    }

    fn basic(&self) -> Option<HeaderValue> {
        let Some(Credentials::Password { username, password }) = &self.credentials else { return None };
        secret(&format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}"))))
    }

    async fn token(
        &self,
        http: &Http,
        registry: &str,
        realm: &str,
        service: Option<&str>,
        scope: &str,
    ) -> Result<String, RegistryError> {
        let at = uri(realm)?;
        if self.credentials.is_some() && registry.starts_with("https:") && at.scheme_str() != Some("https") {
            let reason = format!("it wants the password sent without encryption to {realm}");
            return Err(RegistryError::Protocol { host: host(&at), reason });
        }
        let mut response = match &self.credentials {
            Some(Credentials::IdentityToken(token)) => {
                let pairs = [
                    ("grant_type", "refresh_token"),
                    ("service", service.unwrap_or_default()),
                    ("client_id", "berth"),
                    ("scope", scope),
                    ("refresh_token", token),
                ];
                let body =
                    Full::new(Bytes::from(form(&pairs))).map_err(|never| match never {}).boxed_unsync();
                let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
                let ask = Ask::new(Method::POST, realm, "a token").with(CONTENT_TYPE, Some(kind));
                http.write(ask, body).await?
            }
            _ => {
                let pairs = [("service", service.unwrap_or_default()), ("scope", scope)];
                let joint = if at.query().is_some() { '&' } else { '?' };
                let url = format!("{realm}{joint}{}", form(&pairs));
                http.read(Ask::get(&url, "a token").with(AUTHORIZATION, self.basic())).await?
            }
        };
        let host = host(&at);
        if response.status() != StatusCode::OK {
            let message = http.message(&host, response.body_mut()).await;
            let what = if scope.is_empty() { "the account".to_owned() } else { scope.to_owned() };
            return Err(match response.status() {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    RegistryError::Denied { host, what, message }
                }
                status => RegistryError::Status {
                    host,
                    what: "a token".to_owned(),
                    status: status.as_u16(),
                    message,
                },
            });
        }
        let content = http.whole(&host, response.body_mut(), MAX_TOKEN).await?;
        let content = content
            .ok_or_else(|| RegistryError::TooLong { host: host.clone(), what: "a token".to_owned() })?;
        let answer: Answer = serde_json::from_slice(&content).map_err(|source| RegistryError::Document {
            host: host.clone(),
            what: "a token",
            source,
        })?;
        match (answer.token, answer.access_token) {
            (token, _) if !token.is_empty() => Ok(token),
            (_, token) if !token.is_empty() => Ok(token),
            _ => Err(RegistryError::Protocol { host, reason: "its answer holds no token".to_owned() }),
        }
    }
}

/// A header that is not shown in logs.
fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `a=1&b=2`, without the pairs that are empty.
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    let filled = pairs.iter().filter(|(_, value)| !value.is_empty());
    filled.map(|(name, value)| format!("{name}={}", escape(value))).collect::<Vec<_>>().join("&")
}

/// Percent escapes for a query.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_leave_out_what_is_empty() {
        assert_eq!(
            form(&[("a", ""), ("scope", "repository:x/y:pull,push")]),
            "scope=repository%3Ax%2Fy%3Apull%2Cpush"
        );
    }
}
