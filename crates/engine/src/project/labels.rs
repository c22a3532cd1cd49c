//! The labels that tie things to a project: those of Docker Compose, so that its users and tools find them.

use compose::model::{Project, Service};
use std::collections::BTreeMap;

/// Name of the project.
pub const PROJECT: &str = "com.docker.compose.project";
/// Name of the service.
pub const SERVICE: &str = "com.docker.compose.service";
/// Number of the container among those of its service, from 1.
pub const NUMBER: &str = "com.docker.compose.container-number";
/// `True` for containers of `run`.
pub const ONE_OFF: &str = "com.docker.compose.oneoff";
/// What tells containers of `run` from one another.
pub const SLUG: &str = "com.docker.compose.slug";
/// Digest of what the container, network or volume was made from.
pub const CONFIG_HASH: &str = "com.docker.compose.config-hash";
/// Id of the image the container was made from.
pub const IMAGE: &str = "com.docker.compose.image";
/// What the service depends on: `name:condition:restart`, separated by commas.
pub const DEPENDS_ON: &str = "com.docker.compose.depends_on";
/// The project's directory.
pub const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
/// The project's files, separated by commas.
pub const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
/// The project's env files, separated by commas.
pub const ENVIRONMENT_FILES: &str = "com.docker.compose.project.environment_file";
/// Name of the container that this one replaces.
pub const REPLACE: &str = "com.docker.compose.replace";
/// Key of a network.
pub const NETWORK: &str = "com.docker.compose.network";
/// Key of a volume.
pub const VOLUME: &str = "com.docker.compose.volume";
/// Version of the program that made it.
pub const VERSION: &str = "com.docker.compose.version";

/// Labels of a container: the service's own and those above.
pub fn of_container(
    project: &Project,
    service: &Service,
    about: &AboutContainer<'_>,
) -> BTreeMap<String, String> {
    let mut labels = service.labels.clone();
    let mut set = |name: &str, value: String| labels.insert(name.to_owned(), value);
    set(PROJECT, project.name.to_string());
    set(SERVICE, service.name.to_string());
    set(NUMBER, about.number.to_string());
    set(ONE_OFF, if about.one_off { "True" } else { "False" }.to_owned());
    set(CONFIG_HASH, about.config_hash.to_owned());
    set(IMAGE, about.image_id.to_owned());
    set(DEPENDS_ON, depends_on(service));
    set(WORKING_DIR, project.working_dir.display().to_string());
    set(CONFIG_FILES, joined(&project.files));
    if !project.env_files.is_empty() {
        set(ENVIRONMENT_FILES, joined(&project.env_files));
    }
    if let Some(replaced) = about.replaces {
        set(REPLACE, replaced.to_owned());
    }
    set(VERSION, env!("CARGO_PKG_VERSION").to_owned());
    labels
}

/// What the labels of one container say.
#[derive(Debug, Clone, Copy)]
pub struct AboutContainer<'a> {
    /// Number among the service's containers.
    pub number: u32,
    /// A container of `run`.
    pub one_off: bool,
    /// Digest of what it is made from.
    pub config_hash: &'a str,
    /// Id of its image.
    pub image_id: &'a str,
    /// Name of the container that it replaces.
    pub replaces: Option<&'a str>,
}

/// Labels of a network or volume: its own and those above. `kind` is [`NETWORK`] or [`VOLUME`].
pub fn of_resource(
    project: &str,
    kind: &str,
    key: &str,
    own: &BTreeMap<String, String>,
    hash: &str,
) -> BTreeMap<String, String> {
    let mut labels = own.clone();
    labels.insert(PROJECT.to_owned(), project.to_owned());
    labels.insert(kind.to_owned(), key.to_owned());
    labels.insert(CONFIG_HASH.to_owned(), hash.to_owned());
    labels.insert(VERSION.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    labels
}

fn joined(paths: &[std::path::PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(",")
}

fn depends_on(service: &Service) -> String {
    let dependencies = service.lifecycle.depends_on.iter();
    dependencies
        .map(|(name, d)| format!("{name}:{}:{}", d.condition.as_str(), d.restart))
        .collect::<Vec<_>>()
        .join(",")
}

/// The services that a container's label says it depends on.
pub(crate) fn read_depends_on(label: &str) -> impl Iterator<Item = &str> {
    label.split(',').filter_map(|entry| entry.split(':').next()).filter(|name| !name.is_empty())
}
