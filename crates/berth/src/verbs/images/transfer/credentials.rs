//! The user's credentials for a registry, as the engine takes them.

use image::Reference;
use registry::credentials::{ConfigFile, Credentials};
use serde_json::{Value, json};

use crate::failure::Failure;

/// The user's configuration of Docker's command line.
///
/// # Errors
/// There is no home directory, or the file is not valid.
pub(super) fn config() -> Result<ConfigFile, Failure> {
    let path = ConfigFile::default_path();
    let path =
        path.ok_or_else(|| Failure::new("neither DOCKER_CONFIG nor HOME says where credentials are"))?;
    ConfigFile::load(&path).map_err(|error| Failure::new(engine::chain(&error)))
}

/// The document for the registry of an image's name; `None` when there are no credentials.
///
/// # Errors
/// The configuration or its helper fails.
pub(super) fn of_image(name: &str) -> Result<Option<Value>, Failure> {
    // The engine says what is wrong with a name.
    let Ok(reference) = Reference::parse(name) else { return Ok(None) };
    if ConfigFile::default_path().is_none() {
        return Ok(None);
    }
    let found = config()?.get(reference.domain());
    let found = found.map_err(|error| Failure::new(engine::chain(&error)))?;
    Ok(found.map(|credentials| document(reference.domain(), &credentials)))
}

/// Docker's `AuthConfig`.
pub(super) fn document(domain: &str, credentials: &Credentials) -> Value {
    match credentials {
        Credentials::Password { username, password } => {
            json!({ "username": username, "password": password, "serveraddress": domain })
        }
        Credentials::IdentityToken(token) => json!({ "identitytoken": token, "serveraddress": domain }),
        Credentials::RegistryToken(token) => json!({ "registrytoken": token, "serveraddress": domain }),
    }
}
