//! Parameters and results of the engine's actions.

mod archive;
mod attach;
mod auth;
mod container;
mod exec;
mod filter;
mod image;
mod logs;
mod network;
mod transfer;
mod volume;

pub use ::registry::client::Description;
pub use archive::{ArchiveStream, ByteSource, Change, ChangeKind, PathStat, PutOptions};
pub use attach::{AttachOptions, Attachment, Connected, StreamEnd};
pub use auth::RegistryAuth;
pub use container::{
    Created, Exit, ProcessTable, Removal, RemoveOptions, StopOptions, UpdateRequest, WaitCondition, Waiter,
};
pub use exec::{ExecSpec, ExecStart};
pub use filter::{
    CachePruneFilter, ContainerFilter, EventFilter, ImageFilter, LabelFilter, NetworkFilter, PruneFilter,
    VolumeFilter,
};
pub use image::{BootstrapProgress, BootstrapRequest, ImageRemoval, Problem};
pub use logs::{LogLine, LogQuery, OutputStream};
pub use network::{IpamPool, NetworkDriver, NetworkRequest};
pub use transfer::{
    CommitRequest, DistributionRequest, ImportRequest, ProgressDetail, PullRequest, PushRequest,
    StoreFinding, TransferProgress,
};
pub use volume::VolumeRequest;
