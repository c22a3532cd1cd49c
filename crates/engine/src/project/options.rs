//! What is asked of `up` and `down`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a project is brought up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpOptions {
    /// Build images that have a `build` section also when they are there.
    pub build: bool,
    /// Never build.
    pub no_build: bool,
    /// When to pull images, whatever the services say.
    pub pull: Option<PullChoice>,
    /// Make every container of the chosen services anew.
    pub force_recreate: bool,
    /// Make the containers of services that the chosen ones depend on anew, too.
    pub always_recreate_deps: bool,
    /// Keep containers whose service has changed.
    pub no_recreate: bool,
    /// Leave the services that the chosen ones depend on alone.
    pub no_deps: bool,
    /// Remove containers of services that the project does not have any more.
    pub remove_orphans: bool,
    /// Make containers but do not start them.
    pub no_start: bool,
    /// Number of containers by service, instead of the file's.
    pub scale: BTreeMap<String, u32>,
    /// Wait until everything runs and is healthy.
    pub wait: bool,
    /// Bound of that wait in seconds.
    pub wait_timeout_s: Option<u64>,
    /// Only these services (and what they depend on); empty is all.
    pub services: Vec<String>,
    /// Seconds between stop signal and SIGKILL for containers that are replaced.
    pub timeout_s: Option<i64>,
    /// Give replaced containers fresh anonymous volumes instead of those of the old ones.
    pub renew_anon_volumes: bool,
}

impl UpOptions {
    /// Which images are built.
    pub fn build_choice(&self) -> BuildChoice {
        match (self.no_build, self.build) {
            (true, _) => BuildChoice::Never,
            (false, true) => BuildChoice::Always,
            (false, false) => BuildChoice::Missing,
        }
    }
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PullChoice {
    /// Each time.
    Always,
    /// When it is not there.
    Missing,
    /// Never.
    Never,
}

/// Which images `up` builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildChoice {
    /// Those that are not there.
    Missing,
    /// All that have a `build`.
    Always,
    /// None.
    Never,
}

/// How one container of a service is made by `run`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunOptions {
    /// The service.
    pub service: String,
    /// Build its image, and those of what it depends on, also when they are there.
    pub build: bool,
    /// Leave the services that it depends on alone.
    pub no_deps: bool,
    /// Remove containers of services that the project does not have any more.
    pub remove_orphans: bool,
    /// Publish the service's ports.
    pub service_ports: bool,
    /// Have the service's names and fixed addresses in its networks.
    pub use_aliases: bool,
}

/// How a project is taken down.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DownOptions {
    /// Remove its volumes too.
    pub volumes: bool,
    /// Remove images: `all`, or `local` for those without a name of their own.
    pub rmi: Option<String>,
    /// Seconds between stop signal and SIGKILL.
    pub timeout_s: Option<i64>,
    /// Remove containers of services that the project does not have any more.
    pub remove_orphans: bool,
    /// Only these services.
    pub services: Vec<String>,
}

impl DownOptions {
    /// Which images are removed; none for a word that is not known.
    pub fn remove_images(&self) -> Option<RemoveImages> {
        match self.rmi.as_deref() {
            None | Some("") => Some(RemoveImages::None),
            Some("local") => Some(RemoveImages::Local),
            Some("all") => Some(RemoveImages::All),
            Some(_) => None,
        }
    }
}

/// Which images `down` removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoveImages {
    /// None.
    None,
    /// Those that were built without a name of their own.
    Local,
    /// All that services use.
    All,
}
