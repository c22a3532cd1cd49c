//! What there is, as far as a plan needs to know it.

use compose::model::{Project, Protocol, Service};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What there is.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Every container of the engine, in no order.
    pub containers: Vec<ObservedContainer>,
    /// Every network of the engine, by name.
    pub networks: BTreeMap<String, ObservedResource>,
    /// Every volume of the engine, by name.
    pub volumes: BTreeMap<String, ObservedResource>,
    /// Ids of the images that the project's services use, by the reference the service gives.
    pub images: BTreeMap<String, String>,
    /// Digests of the files on the host that services get copies of, by service.
    pub file_digests: BTreeMap<String, String>,
    /// Routes of the host that are not Berth's own, with the name of their interface.
    pub host_routes: Vec<(IpNet, String)>,
}

/// A container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedContainer {
    /// Its id.
    pub id: String,
    /// Its name, without a slash.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Id of its image.
    pub image_id: String,
    /// What it does.
    pub state: ObservedState,
    /// Names of the networks that it is attached to.
    pub networks: BTreeSet<String>,
    /// Fixed and given addresses by network name.
    pub addresses: BTreeMap<String, Vec<IpAddr>>,
    /// Ports of the host that it holds while it runs.
    pub published: Vec<ObservedPort>,
    /// Its anonymous volumes: path in the container → name of the volume.
    pub anonymous_volumes: BTreeMap<String, String>,
}

/// A port of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObservedPort {
    /// Address; none is every address.
    pub host_ip: Option<IpAddr>,
    /// Number.
    pub port: u16,
    /// Protocol.
    pub protocol: Protocol,
}

/// What a container does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ObservedState {
    /// It was never started.
    #[default]
    Created,
    /// It runs (or is between two runs, by its restart policy).
    Running,
    /// It is frozen.
    Paused,
    /// Its process has ended.
    Exited {
        /// Exit code.
        code: i64,
        /// It ended of itself: nobody stopped it.
        by_itself: bool,
    },
    /// It is being removed, or its removal failed.
    Dead,
}

impl ObservedState {
    /// It has a process, or will have one again by itself.
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// A network or a volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedResource {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its subnets, if it is a network.
    pub subnets: Vec<IpNet>,
}

impl ObservedContainer {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// Its number among the containers of its service.
    pub fn number(&self) -> u32 {
        self.label(super::labels::NUMBER).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// It was made by `run`.
    pub fn is_one_off(&self) -> bool {
        self.label(super::labels::ONE_OFF).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }
}

impl Observed {
    /// Digest of what a container of the service is made from, the content of its copied files included.
    pub fn service_hash(&self, project: &Project, service: &Service) -> String {
        let hash = compose::config_hash(project, service);
        match self.file_digests.get(service.name.as_str()) {
            Some(files) => format!("{hash}-{files}"),
            None => hash,
        }
    }

    /// The containers of a project.
    pub fn of_project<'a>(&'a self, project: &'a str) -> impl Iterator<Item = &'a ObservedContainer> {
        self.containers.iter().filter(move |c| c.label(super::labels::PROJECT) == Some(project))
    }
}
