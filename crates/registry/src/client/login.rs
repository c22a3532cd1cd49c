//! Trying credentials.

use super::Limits;
use super::session::Session;
use crate::RegistryError;
use crate::auth::Credentials;
use crate::settings::Settings;

/// Whether a registry takes the credentials.
///
/// # Errors
/// [`RegistryError::Denied`] when it does not.
pub async fn login(
    settings: &Settings,
    domain: &str,
    credentials: Credentials,
    limits: Limits,
) -> Result<(), RegistryError> {
    let session = Session::new(settings.endpoint(domain), "", "", Some(credentials), limits)?;
    session.ping().await
}
