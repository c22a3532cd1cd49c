//! Registries: who asks, and what is asked of them besides images.

use crate::{
    Engine,
    error::EngineError,
    op::{DistributionRequest, RegistryAuth, TransferProgress},
};
use image::Reference;
use image::manifest::Platform;
use registry::RegistryError;
use registry::client::{self, Description, Limits};
use registry::credentials::{ConfigFile, Credentials};
use registry::settings::{SYSTEM_FILE, Settings};
use std::path::Path;
use tokio::sync::mpsc;

/// Who is told.
pub(super) type Sender = mpsc::Sender<TransferProgress>;

impl Engine {
    /// What a name stands for at its registry.
    ///
    /// # Errors
    /// [`EngineError::Registry`] when the registry does not tell.
    pub async fn distribution(&self, request: &DistributionRequest) -> Result<Description, EngineError> {
        let reference = parse(&request.reference)?;
        let asked = async {
            let credentials = self.credentials(reference.domain(), request.auth.as_ref()).await?;
            client::describe(&self.registries()?, &reference, credentials, Limits::default()).await
        };
        asked.await.map_err(EngineError::registry)
    }

    /// Tries credentials at a registry.
    ///
    /// # Errors
    /// [`EngineError::Unauthorized`] when it does not take them.
    pub async fn registry_login(&self, auth: &RegistryAuth) -> Result<(), EngineError> {
        let credentials = auth.credentials();
        let credentials =
            credentials.ok_or_else(|| EngineError::bad_parameter("name and password are missing"))?;
        let domain = domain(&auth.serveraddress);
        let settings = self.registries().map_err(EngineError::registry)?;
        client::login(&settings, domain, credentials, Limits::default()).await.map_err(|error| match error {
            RegistryError::Denied { host, .. } => {
                EngineError::Unauthorized(format!("{host} does not take this name and password"))
            }
            other => EngineError::registry(other),
        })
    }

    /// The registries' settings: the root's own, or the machine's.
    pub(crate) fn registries(&self) -> Result<Settings, RegistryError> {
        Settings::load(&[&self.inner.config.root.join("registries.json"), Path::new(SYSTEM_FILE)])
    }

    /// Given credentials, or those of the engine's own user.
    pub(super) async fn credentials(
        &self,
        domain: &str,
        auth: Option<&RegistryAuth>,
    ) -> Result<Option<Credentials>, RegistryError> {
        if let Some(given) = auth.and_then(RegistryAuth::credentials) {
            return Ok(Some(given));
        }
        let domain = domain.to_owned();
        let found = tokio::task::spawn_blocking(move || {
            let path = ConfigFile::default_path()?;
            match ConfigFile::load(&path).and_then(|file| file.get(&domain)) {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(error = crate::chain(&error), "credentials are not used");
                    None
                }
            }
        });
        found.await.map_err(|_| RegistryError::Cancelled)
    }
}

pub(super) fn parse(name: &str) -> Result<Reference, EngineError> {
    Reference::parse(name).map_err(|error| EngineError::BadParameter(crate::chain(&error)))
}

pub(super) fn platform(text: Option<&str>) -> Result<Option<Platform>, EngineError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let parsed = Platform::parse(text);
    let wrong = || EngineError::BadParameter(format!("{text:?} is not a platform such as linux/amd64"));
    parsed.ok_or_else(wrong).map(Some)
}

/// The registry in what clients send as its address.
fn domain(address: &str) -> &str {
    let host =
        address.strip_prefix("https://").or_else(|| address.strip_prefix("http://")).unwrap_or(address);
    match host.split('/').next().unwrap_or_default() {
        "" | "index.docker.io" => "docker.io",
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_logins_become_domains() {
        assert_eq!(domain("https://index.docker.io/v1/"), "docker.io");
        assert_eq!(domain(""), "docker.io");
        assert_eq!(domain("http://r.example:5000/v2"), "r.example:5000");
    }
}
