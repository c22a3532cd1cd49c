//! How registries are reached: mirrors, plain HTTP, certificates of their own.
//!
//! One JSON file, `registries.json`; each key is a registry as image names have it:
//!
//! ```json
//! {
//!   "docker.io": { "mirrors": ["https://mirror.example.org"] },
//!   "registry.example.org:5000": { "plain_http": true },
//!   "private.example.org": { "ca_file": "/etc/berth/private-ca.pem" }
//! }
//! ```
//!
//! Mirrors are asked in their order before the registry itself, for pulls only. `localhost`, `127.0.0.0/8` and `::1` are
//! reached by plain HTTP unless `"plain_http": false` stands there. `ca_file` holds PEM certificates that are trusted
//! beside the system's.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::RegistryError;

/// The file for the whole machine.
pub const SYSTEM_FILE: &str = "/etc/berth/registries.json";

/// The settings of all registries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings {
    registries: BTreeMap<String, Registry>,
}

/// The settings of one registry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Registry {
    /// Base addresses that are asked before the registry itself.
    pub mirrors: Vec<String>,
    /// Without TLS.
    pub plain_http: Option<bool>,
    /// Certificates that are trusted, too.
    pub ca_file: Option<PathBuf>,
}

/// Where a registry's API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `https://host[:port]`, without a slash at the end.
    pub base: String,
    /// Whether it stands in for the registry: it gets no credentials.
    pub mirror: bool,
    /// Certificates that are trusted, too.
    pub ca_file: Option<PathBuf>,
}

impl Endpoint {
    /// Host and port, for messages.
    pub fn host(&self) -> &str {
        self.base.split_once("://").map_or(self.base.as_str(), |(_, host)| host)
    }
}

impl Settings {
    /// Reads the first of these files that is there; none is no settings.
    pub fn load(files: &[&Path]) -> Result<Self, RegistryError> {
        for path in files {
            match std::fs::read(path) {
                Ok(content) => return Self::parse(path, &content),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(RegistryError::Settings {
                        path: path.to_path_buf(),
                        reason: error.to_string(),
                    });
                }
            }
        }
        Ok(Self::default())
    }

    fn parse(path: &Path, content: &[u8]) -> Result<Self, RegistryError> {
        let wrong = |reason: String| RegistryError::Settings { path: path.to_owned(), reason };
        let settings: Self = serde_json::from_slice(content).map_err(|error| wrong(error.to_string()))?;
        let mirrors = settings.registries.values().flat_map(|registry| &registry.mirrors);
        for mirror in mirrors {
            if !mirror.starts_with("http://") && !mirror.starts_with("https://") {
                return Err(wrong(format!("the mirror {mirror:?} does not begin with http:// or https://")));
            }
        }
        Ok(settings)
    }

    /// The registry of a name's domain.
    pub fn endpoint(&self, domain: &str) -> Endpoint {
        let own = self.registries.get(domain).cloned().unwrap_or_default();
        let host = api_host(domain);
        let plain = own.plain_http.unwrap_or_else(|| is_local(host));
        let scheme = if plain { "http" } else { "https" };
        Endpoint { base: format!("{scheme}://{host}"), mirror: false, ca_file: own.ca_file }
    }

    /// Where to pull from: the mirrors, then the registry.
    pub fn sources(&self, domain: &str) -> Vec<Endpoint> {
        let own = self.registries.get(domain).cloned().unwrap_or_default();
        let mirrors = own.mirrors.iter().map(|base| Endpoint {
            base: base.trim_end_matches('/').to_owned(),
            mirror: true,
            ca_file: own.ca_file.clone(),
        });
        mirrors.chain([self.endpoint(domain)]).collect()
    }
}

/// The default registry's API has another name than the registry.
fn api_host(domain: &str) -> &str {
    if domain == "docker.io" { "index.docker.io" } else { domain }
}

/// Whether a host is this machine.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, RegistryError> {
        Settings::parse(Path::new("registries.json"), text.as_bytes())
    }

    #[test]
    fn this_machine_is_reached_without_tls_unless_told_otherwise() {
        let settings =
            parse(r#"{"127.0.0.1:5000": {"plain_http": false}, "x.example": {"plain_http": true}}"#).unwrap();
        let base = |domain: &str| settings.endpoint(domain).base;
        assert_eq!(base("localhost:5000"), "http://localhost:5000");
        assert_eq!(base("127.1.2.3"), "http://127.1.2.3");
        assert_eq!(base("[::1]:5000"), "http://[::1]:5000");
        assert_eq!(base("127.0.0.1:5000"), "https://127.0.0.1:5000");
        assert_eq!(base("x.example"), "http://x.example");
        assert_eq!(base("10.0.0.1:5000"), "https://10.0.0.1:5000");
    }

    #[test]
    fn mirrors_come_first() {
        let settings = parse(r#"{"docker.io": {"mirrors": ["https://m.example/"]}}"#).unwrap();
        let sources = settings.sources("docker.io");
        assert_eq!(sources.len(), 2);
        assert_eq!((sources[0].base.as_str(), sources[0].mirror), ("https://m.example", true));
        assert_eq!(settings.sources("quay.example").len(), 1);
    }

    #[test]
    fn mistakes_are_named() {
        assert!(parse(r#"{"a": {"mirror": []}}"#).unwrap_err().to_string().contains("mirror"));
        assert!(parse(r#"{"a": {"mirrors": ["m.example"]}}"#).unwrap_err().to_string().contains("http://"));
        assert_eq!(
            Settings::load(&[Path::new("/nonexistent/registries.json")]).unwrap(),
            Settings::default()
        );
    }
}
