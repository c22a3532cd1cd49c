//! The resolved project: what every later stage is a function of.
//!
//! # Guarantees (of a [`Project`] returned by [`crate::load`])
//! - every default of the compose specification is filled in, or its absence means "the engine decides";
//! - every local path is absolute;
//! - every reference (network, volume, secret, config, dependency) names something that exists;
//! - ranges, short forms, variables, anchors, `extends`, `include` and overriding files are gone.
//!
//! The model serialises to JSON and back without loss; it is what travels to the engine. The form that people
//! read (`berth config`) is made by [`crate::render_yaml`] instead.

mod build;
mod deploy;
mod file_object;
mod lifecycle;
mod name;
mod network;
mod networking;
mod process;
mod project;
mod resources;
mod security;
mod service;
mod storage;
mod units;
mod volume;

pub use build::{Build, BuildContext, BuildSecret};
pub use deploy::{
    Deploy, DeployMode, DeployRestart, DeployRestartCondition, Placement, ResourceSpec,
    Resources as DeployResources, UpdateConfig,
};
pub use file_object::{FileObject, FileReference, FileSource};
pub use lifecycle::{Condition, Dependency, HealthTest, Healthcheck, Lifecycle, RestartPolicy};
pub use name::{ConfigKey, InvalidName, NetworkKey, ProjectName, SecretKey, ServiceName, VolumeKey};
pub use network::{Ipam, IpamPool, Network};
pub use networking::{
    Attachment, ExposedPort, Link, Networking, Port, PortMode, PortRange, Protocol, ServiceNetwork,
};
pub use process::Process;
pub use project::Project;
pub use resources::{BlockIo, BlockRate, BlockWeight, Resources, Ulimit};
pub use security::{Device, Security};
pub use service::{Logging, PullPolicy, Service};
pub use storage::{BindMount, Mount, MountKind, Storage, Tmpfs, VolumeMount, VolumesFrom, VolumesFromSource};
pub use units::{InvalidMac, MacAddress, Nanoseconds, Origin};
pub use volume::Volume;
