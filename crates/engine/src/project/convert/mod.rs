//! A service → what one of its containers is made from. Pure.

mod mounts;
mod network;
mod process;
mod resources;
mod security;
#[cfg(test)]
mod tests;

use crate::spec::{ContainerName, ContainerSpec, LogConfig, LogDriver};
use compose::model::{ConfigKey, FileReference, Project, SecretKey, Service, ServiceName};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is known about one container beside its service.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Ids of the containers whose namespaces or volumes it uses, by service.
    pub providers: BTreeMap<ServiceName, String>,
    /// Names of the containers of services that it links to.
    pub linked: BTreeMap<ServiceName, Vec<String>>,
    /// Anonymous volumes that it takes over: path in the container → name of the volume.
    pub inherits: BTreeMap<String, String>,
    /// The files on the host that stand for secrets and configs, and the texts of seccomp profiles.
    pub files: Files,
}

/// Files of the host that a container needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// The file for each use of a secret.
    pub secrets: Vec<(FileReference<SecretKey>, PathBuf)>,
    /// The file for each use of a config.
    pub configs: Vec<(FileReference<ConfigKey>, PathBuf)>,
    /// Texts of seccomp profiles, by the path that the service names.
    pub profiles: BTreeMap<String, String>,
}

/// Why a service cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{service}`: {problem}")]
pub struct ConvertError {
    /// The service.
    pub service: ServiceName,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// What a container of the service is made from.
///
/// # Errors
/// Values that the loader takes and the engine has no room for.
pub fn container_spec(
    project: &Project,
    service: &Service,
    about: &About,
) -> Result<ContainerSpec, ConvertError> {
    let fail = |problem: String| ConvertError { service: service.name.clone(), problem };
    let name = ContainerName::parse(&about.name).map_err(|error| fail(error.to_string()))?;
    let mut spec = ContainerSpec::new(project.image_of(service));
    spec.name = Some(name);
    spec.labels = about.labels.clone();
    spec.annotations = service.annotations.clone();
    spec.platform = service.platform.clone();
    spec.runtime = service.runtime.clone();
    spec.log = log(service).map_err(fail)?;
    process::apply(service, &mut spec).map_err(fail)?;
    spec.network = network::settings(project, service, about).map_err(fail)?;
    spec.exposed = network::exposed(service).map_err(fail)?;
    spec.mounts = mounts::mounts(project, service, about).map_err(fail)?;
    spec.volumes_from = mounts::volumes_from(service, about).map_err(fail)?;
    spec.security = security::settings(service, about).map_err(fail)?;
    spec.resources = resources::resources(service).map_err(fail)?;
    spec.shm_size = service.resources.shm_size;
    spec.sysctls = service.security.sysctls.clone();
    spec.cgroup_parent = service.security.cgroup_parent.clone();
    Ok(spec)
}

/// A container that a service leans on.
fn provider<'a>(about: &'a About, service: &ServiceName) -> Result<&'a str, String> {
    let id = about.providers.get(service.as_str()).map(String::as_str);
    id.ok_or_else(|| format!("it needs a container of `{service}`, and there is none; bring that up, too"))
}

fn log(service: &Service) -> Result<LogConfig, String> {
    let mut config = LogConfig::default();
    let Some(logging) = &service.logging else { return Ok(config) };
    if logging.driver.as_deref() == Some("none") {
        config.driver = LogDriver::None;
    }
    if let Some(text) = logging.options.get("max-size").filter(|text| *text != "-1") {
        let size = compose::parse_bytes(text).filter(|size| *size > 0);
        config.max_size = Some(size.ok_or_else(|| format!("the log option max-size is no size: `{text}`"))?);
    }
    if let Some(text) = logging.options.get("max-file") {
        let count = text.parse().ok().filter(|count| *count > 0);
        config.max_file = count.ok_or_else(|| format!("the log option max-file is no number: `{text}`"))?;
    }
    Ok(config)
}
