use std::collections::BTreeMap;
use std::path::PathBuf;

use time::OffsetDateTime;

use crate::spec::VolumeName;

/// A volume.
#[derive(Debug, Clone)]
pub struct VolumeSnapshot {
    /// Its name.
    pub name: VolumeName,
    /// When it was made.
    pub created: OffsetDateTime,
    /// Its directory on the host.
    pub mountpoint: PathBuf,
    /// Made for one container without a name.
    pub anonymous: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Driver options.
    pub options: BTreeMap<String, String>,
    /// Containers that mount it.
    pub used_by: usize,
    /// Bytes in it, when asked for.
    pub size: Option<u64>,
}
