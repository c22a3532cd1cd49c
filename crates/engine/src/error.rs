//! What can go wrong with an action, and what kind of failure it is.

use crate::{
    id::{ContainerId, NetworkId},
    oci::{config::ConfigError, resolve::ResolveProcessError},
    snapshot::Status,
};
use container::{cgroup::CgroupError, client::ClientError, protocol::FailureKind};
use registry::RegistryError;
use std::{io, path::PathBuf};

/// Kinds of failures, which decide the status a client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was named does not exist.
    NotFound,
    /// It does not fit the state of things.
    Conflict,
    /// What was asked for cannot be understood or used.
    BadParameter,
    /// It is so already.
    NotModified,
    /// It is not allowed.
    Forbidden,
    /// Name and password are not taken.
    Unauthorized,
    /// It cannot be done now.
    Unavailable,
    /// Berth does not do it.
    NotImplemented,
    /// Something broke.
    Internal,
}

/// What could not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starting {
    /// A container.
    Container,
    /// A further command in a container that runs.
    Command,
}

impl std::fmt::Display for Starting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Starting::Container => "start the container",
            Starting::Command => "execute a command in the container",
        })
    }
}

/// Why a container or a command could not be started, with the exit code Docker's tools give for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {starting} {container}: {message}")]
pub struct StartFailure {
    /// What was to be started.
    pub starting: Starting,
    /// The container's name.
    pub container: String,
    /// What sort of failure it is.
    pub kind: FailureKind,
    /// The runtime's words.
    pub message: String,
}

/// Why an action failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No container has this id or name.
    #[error("No such container: {0}")]
    NoSuchContainer(String),
    /// No network has this id or name.
    #[error("network {0} not found")]
    NoSuchNetwork(String),
    /// No volume has this name.
    #[error("get {0}: no such volume")]
    NoSuchVolume(String),
    /// No image has this id or name.
    #[error("No such image: {0}; make it with `berth image bootstrap` or `berth build`")]
    NoSuchImage(String),
    /// No executed command has this id.
    #[error("No such exec instance: {0}")]
    NoSuchExec(String),
    /// A file that was asked for is not in the container.
    #[error("Could not find the file {path} in container {container}", path = path.display())]
    NoSuchFile {
        /// The container.
        container: String,
        /// The path.
        path: PathBuf,
    },
    /// A prefix that several ids have.
    #[error("the prefix {prefix} is ambiguous: {count} {what} have it; give more digits")]
    Ambiguous {
        /// What was given.
        prefix: String,
        /// `containers`, `networks`.
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// The name is another container's.
    #[error(
        "Conflict. The container name \"/{name}\" is already in use by container \"{holder}\". You have to remove (or rename) that container to be able to reuse that name."
    )]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        holder: ContainerId,
    },
    /// The name is another network's.
    #[error("network with name {name} already exists ({holder:?})")]
    NetworkNameTaken {
        /// The name.
        name: String,
        /// Who has it.
        holder: NetworkId,
    },
    /// The container does something that does not allow the action.
    #[error("container {container} is {status}: {needed}")]
    WrongState {
        /// Its name.
        container: String,
        /// What it does.
        status: Status,
        /// What it would have to do.
        needed: &'static str,
    },
    /// There is nothing to do.
    #[error("container {container} is already {status}")]
    AlreadySo {
        /// Its name.
        container: String,
        /// What it does.
        status: Status,
    },
    /// It is used.
    #[error("{what} is in use: {by}")]
    InUse {
        /// `volume x`, `network x`.
        what: String,
        /// Who uses it.
        by: String,
    },
    /// A value cannot be used.
    #[error("{0}")]
    BadParameter(String),
    /// It does not fit the state of things.
    #[error("{0}")]
    Conflict(String),
    /// It is not allowed.
    #[error("{0}")]
    Forbidden(String),
    /// A registry takes neither this name and password nor nobody's.
    #[error("{0}")]
    Unauthorized(String),
    /// An image that is to be pulled is not there, or not for this user.
    #[error(transparent)]
    Pull(Box<RegistryError>),
    /// A registry does not do what it was asked for.
    #[error(transparent)]
    Registry(Box<RegistryError>),
    /// Berth does not do it.
    #[error("{0}")]
    NotImplemented(String),
    /// The container could not be started.
    #[error(transparent)]
    Start(#[from] StartFailure),
    /// Image and container describe no process.
    #[error(transparent)]
    Process(#[from] ResolveProcessError),
    /// The container cannot be described to the runtime.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A port cannot be had.
    #[error(transparent)]
    Port(#[from] network::ReserveError),
    /// A port is published by another container.
    #[error("port {port}/{protocol} of the host is already taken by the container {container}")]
    PortHeld {
        /// The port.
        port: u16,
        /// Its protocol.
        protocol: network::Protocol,
        /// Who publishes it.
        container: String,
    },
    /// An address cannot be had.
    #[error(transparent)]
    Address(#[from] network::plan::AddressError),
    /// A network cannot be planned.
    #[error(transparent)]
    PlanNetwork(#[from] network::plan::PlanNetworkError),
    /// A part of the network cannot be made.
    #[error("{action}")]
    Network {
        /// What was tried.
        action: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The shim does not do its part.
    #[error("the shim of container {container}")]
    Shim {
        /// The container.
        container: String,
        /// What happened.
        #[source]
        source: ClientError,
    },
    /// A control group cannot be used.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// The image store failed.
    #[error("the image store")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A container's file system cannot be reached, read or written.
    #[error("the files of container {container}")]
    Files {
        /// The container.
        container: String,
        /// What happened.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Work inside the engine was given up, because it stops.
    #[error("the engine is stopping")]
    Stopping,
}

impl EngineError {
    /// A value that cannot be used.
    pub fn bad_parameter(reason: impl Into<String>) -> Self {
        Self::BadParameter(reason.into())
    }

    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn store(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Store(Box::new(source))
    }

    pub(crate) fn registry(error: RegistryError) -> Self {
        Self::Registry(Box::new(error))
    }

    pub(crate) fn network<E>(action: impl Into<String>) -> impl FnOnce(E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let action = action.into();
        move |source| Self::Network { action, source: Box::new(source) }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchContainer(_)
            | Self::NoSuchNetwork(_)
            | Self::NoSuchVolume(_)
            | Self::NoSuchImage(_)
            | Self::NoSuchExec(_)
            | Self::NoSuchFile { .. } => ErrorKind::NotFound,
            Self::NameTaken { .. }
            | Self::NetworkNameTaken { .. }
            | Self::WrongState { .. }
            | Self::InUse { .. }
            | Self::Conflict(_) => ErrorKind::Conflict,
            Self::AlreadySo { .. } => ErrorKind::NotModified,
            Self::Ambiguous { .. }
            | Self::BadParameter(_)
            | Self::Process(_)
            | Self::Config(_)
            | Self::Address(_) => ErrorKind::BadParameter,
            Self::Start(failure) => match failure.kind {
                FailureKind::CommandNotFound | FailureKind::NotExecutable | FailureKind::BadRequest => {
                    ErrorKind::BadParameter
                }
                FailureKind::Conflict => ErrorKind::Conflict,
                FailureKind::Other => ErrorKind::Internal,
            },
            Self::Forbidden(_) | Self::PlanNetwork(_) => ErrorKind::Forbidden,
            Self::Unauthorized(_) => ErrorKind::Unauthorized,
            Self::Pull(error) => match **error {
                RegistryError::NotFound { .. } | RegistryError::Denied { .. } => ErrorKind::NotFound,
                _ => ErrorKind::Internal,
            },
            Self::Registry(error) => match **error {
                RegistryError::NotFound { .. } => ErrorKind::NotFound,
                RegistryError::Denied { .. } => ErrorKind::Unauthorized,
                _ => ErrorKind::Internal,
            },
            Self::NotImplemented(_) => ErrorKind::NotImplemented,
            Self::Stopping => ErrorKind::Unavailable,
            Self::Port(_)
            | Self::PortHeld { .. }
            | Self::Network { .. }
            | Self::Shim { .. }
            | Self::Cgroup(_)
            | Self::Store(_)
            | Self::Files { .. }
            | Self::Io { .. } => ErrorKind::Internal,
        }
    }
}
