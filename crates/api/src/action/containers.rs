//! Containers.

mod archive;
mod attach;
mod execute;
mod filters;
mod logs;
mod parse;

pub(crate) use execute::execute;
pub(crate) use filters::{Filters, prune, time as time_of};
pub(crate) use parse::{ROUTES, terminal_size};

use engine::{
    op::{
        AttachOptions, ContainerFilter, LogQuery, PruneFilter, PutOptions, RemoveOptions, StopOptions,
        UpdateRequest, WaitCondition,
    },
    spec::{ContainerName, ContainerSpec, Signal},
};
use hyper::{body::Incoming, header::HeaderValue, upgrade::OnUpgrade};
use std::path::PathBuf;

/// What can be asked of containers. `id` is an id, a prefix of one, or a name.
#[derive(Debug)]
pub(crate) enum ContainerAction {
    List(Box<ContainerFilter>),
    Create(Box<ContainerSpec>),
    Inspect {
        id: String,
        size: bool,
    },
    Top {
        id: String,
        ps_args: Vec<String>,
    },
    Logs {
        id: String,
        query: LogQuery,
        timestamps: bool,
    },
    Changes {
        id: String,
    },
    Export {
        id: String,
    },
    Stats {
        id: String,
        stream: bool,
        one_shot: bool,
    },
    Resize {
        id: String,
        columns: u16,
        rows: u16,
    },
    Start {
        id: String,
    },
    Stop {
        id: String,
        options: StopOptions,
    },
    Restart {
        id: String,
        options: StopOptions,
    },
    Kill {
        id: String,
        signal: Signal,
    },
    Update {
        id: String,
        request: Box<UpdateRequest>,
    },
    Rename {
        id: String,
        name: ContainerName,
    },
    Pause {
        id: String,
    },
    Unpause {
        id: String,
    },
    Attach {
        id: String,
        options: AttachOptions,
        logs: bool,
        stream: bool,
        detach_keys: Option<String>,
        /// Absent if the client wants the output as the reply's body.
        upgrade: Option<OnUpgrade>,
        /// The key of a WebSocket's client.
        websocket: Option<HeaderValue>,
    },
    Wait {
        id: String,
        condition: WaitCondition,
    },
    Remove {
        id: String,
        options: RemoveOptions,
    },
    ArchiveGet {
        id: String,
        path: PathBuf,
    },
    ArchiveStat {
        id: String,
        path: PathBuf,
    },
    ArchivePut {
        id: String,
        path: PathBuf,
        options: PutOptions,
        body: Incoming,
    },
    Prune(PruneFilter),
}
