//! What happened: Docker's events.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use crate::op::EventFilter;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub time: OffsetDateTime,
    /// To what kind of thing.
    pub kind: EventKind,
    /// What: `start`, `die`, `exec_create: ls`, …
    pub action: String,
    /// The thing's id or name.
    pub actor: String,
    /// `name`, `image`, `exitCode`, the labels, …
    pub attributes: BTreeMap<String, String>,
}

/// Kinds of things that events are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A container.
    Container,
    /// An image.
    Image,
    /// A network.
    Network,
    /// A volume.
    Volume,
    /// A build.
    Builder,
    /// The engine.
    Daemon,
}

impl EventKind {
    /// Docker's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Builder => "builder",
            Self::Daemon => "daemon",
        }
    }
}

/// Which events a client wants.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// From then on, as far back as the engine remembers; none is from now on.
    pub since: Option<OffsetDateTime>,
    /// Until then; none does not end.
    pub until: Option<OffsetDateTime>,
    /// Only these.
    pub filter: EventFilter,
}
