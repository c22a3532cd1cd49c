use std::collections::BTreeMap;

use time::OffsetDateTime;

use crate::snapshot::{HealthStatus, Status};
use crate::spec::ContainerPort;

/// A label that must (or must not) be there: name, and value if that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelFilter {
    /// Its name.
    pub name: String,
    /// Its value, when that matters.
    pub value: Option<String>,
}

impl LabelFilter {
    /// Reads `name` or `name=value`.
    pub fn parse(text: &str) -> Self {
        match text.split_once('=') {
            Some((name, value)) => Self { name: name.to_owned(), value: Some(value.to_owned()) },
            None => Self { name: text.to_owned(), value: None },
        }
    }

    /// Whether the label is among these.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let found = labels.get(&self.name);
        found.is_some_and(|v| self.value.as_ref().is_none_or(|wanted| wanted == v))
    }
}

/// Which containers are listed. Empty lists do not filter; several values of one list are
/// alternatives, but labels must all match.
#[derive(Debug, Clone, Default)]
pub struct ContainerFilter {
    /// Also those that do not run (implied by `status`, `exited` and `limit`).
    pub all: bool,
    /// Only the newest so many.
    pub limit: Option<usize>,
    /// With the sizes of their files.
    pub size: bool,
    /// Ids or prefixes.
    pub ids: Vec<String>,
    /// Regular expressions over names, with or without the slash.
    pub names: Vec<String>,
    /// Labels that must all be there.
    pub labels: Vec<LabelFilter>,
    /// States.
    pub status: Vec<Status>,
    /// Health; `Some(None)`-like "no check" is `without_health`.
    pub health: Vec<HealthStatus>,
    /// Containers without a health check match too.
    pub without_health: bool,
    /// Exit codes of containers that have exited.
    pub exited: Vec<i64>,
    /// Images: reference, id or id prefix, also as an ancestor.
    pub ancestor: Vec<String>,
    /// Created before this container.
    pub before: Option<String>,
    /// Created after this container.
    pub since: Option<String>,
    /// Networks by name or id.
    pub networks: Vec<String>,
    /// Volumes by name, or paths in the container.
    pub volumes: Vec<String>,
    /// Published ports.
    pub publish: Vec<ContainerPort>,
    /// Exposed ports.
    pub expose: Vec<ContainerPort>,
}

/// Which networks are listed.
#[derive(Debug, Clone, Default)]
pub struct NetworkFilter {
    /// Ids or prefixes.
    pub ids: Vec<String>,
    /// Parts of names.
    pub names: Vec<String>,
    /// Labels that must all be there.
    pub labels: Vec<LabelFilter>,
    /// Drivers.
    pub drivers: Vec<String>,
    /// Without (`true`) or with (`false`) containers.
    pub dangling: Option<bool>,
    /// Built-in (`false`) or made by a user (`true`).
    pub custom: Option<bool>,
}

/// Which volumes are listed.
#[derive(Debug, Clone, Default)]
pub struct VolumeFilter {
    /// Parts of names.
    pub names: Vec<String>,
    /// Labels that must all be there.
    pub labels: Vec<LabelFilter>,
    /// Drivers.
    pub drivers: Vec<String>,
    /// Used by no container (`true`) or by one (`false`).
    pub dangling: Option<bool>,
}

/// Which images are listed.
#[derive(Debug, Clone, Default)]
pub struct ImageFilter {
    /// Patterns over references (`debian`, `debian:*`).
    pub references: Vec<String>,
    /// Labels that must all be there.
    pub labels: Vec<LabelFilter>,
    /// Without (`true`) or with (`false`) a reference.
    pub dangling: Option<bool>,
    /// Made before this image.
    pub before: Option<String>,
    /// Made after this image.
    pub since: Option<String>,
}

/// What `prune` takes.
#[derive(Debug, Clone, Default)]
pub struct PruneFilter {
    /// Only what was made before.
    pub until: Option<OffsetDateTime>,
    /// Labels that must all be there.
    pub labels: Vec<LabelFilter>,
    /// Labels of which none may be there.
    pub without_labels: Vec<LabelFilter>,
    /// Volumes: named ones too. Images: those with a reference too.
    pub all: bool,
}

impl PruneFilter {
    /// Whether something made then, with these labels, is taken.
    pub fn takes(&self, labels: &BTreeMap<String, String>, created: OffsetDateTime) -> bool {
        self.until.is_none_or(|until| created < until)
            && self.labels.iter().all(|label| label.matches(labels))
            && !self.without_labels.iter().any(|label| label.matches(labels))
    }
}

/// Which steps of the build cache are forgotten.
#[derive(Debug, Clone, Default)]
pub struct CachePruneFilter {
    /// Those of images too.
    pub all: bool,
    /// Only what was not used since.
    pub until: Option<OffsetDateTime>,
    /// Only these, by the beginnings of their ids; all when empty.
    pub ids: Vec<String>,
    /// As many bytes of layers are kept, the last used ones.
    pub keep_bytes: u64,
}

/// Which events are told. Empty lists do not filter.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// `container`, `image`, `network`, `volume`, `daemon`, `builder`.
    pub types: Vec<String>,
    /// Actions; `exec_create` also matches `exec_create: ls`.
    pub actions: Vec<String>,
    /// Container names or ids.
    pub containers: Vec<String>,
    /// Image references or ids.
    pub images: Vec<String>,
    /// Network names or ids.
    pub networks: Vec<String>,
    /// Volume names.
    pub volumes: Vec<String>,
    /// Labels that must all be there.
    pub labels: Vec<LabelFilter>,
}
