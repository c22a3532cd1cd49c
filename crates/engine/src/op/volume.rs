use std::collections::BTreeMap;

use crate::spec::VolumeName;

/// A volume to make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VolumeRequest {
    /// Its name; none is a random one.
    pub name: Option<VolumeName>,
    /// Its driver; none is `local`.
    pub driver: Option<String>,
    /// Driver options: `type`, `device`, `o` as of `mount`.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}
