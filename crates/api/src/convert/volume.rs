//! Volumes.

use super::{map, signed};
use crate::error::BadRequest;
use bollard_stubs::models::{Volume, VolumeCreateRequest, VolumeScopeEnum, VolumeUsageData};
use engine::{op::VolumeRequest, snapshot::VolumeSnapshot, spec::VolumeName};

/// The label that Docker puts on volumes without a name.
const ANONYMOUS: &str = "com.docker.volume.anonymous";

/// Reads a request for a new volume.
pub(crate) fn request(body: VolumeCreateRequest) -> Result<VolumeRequest, BadRequest> {
    let name = body.name.filter(|name| !name.is_empty()).map(|name| VolumeName::parse(&name)).transpose();
    Ok(VolumeRequest {
        name: name.map_err(|error| BadRequest::field("Name", error.to_string()))?,
        driver: body.driver.filter(|driver| !driver.is_empty()),
        options: body.driver_opts.unwrap_or_default().into_iter().collect(),
        labels: body.labels.unwrap_or_default().into_iter().collect(),
    })
}

/// A volume as `docker volume inspect` shows it.
pub(crate) fn inspect(snapshot: &VolumeSnapshot) -> Volume {
    let mut labels = map(&snapshot.labels);
    if snapshot.anonymous {
        labels.insert(ANONYMOUS.to_owned(), String::new());
    }
    Volume {
        name: snapshot.name.to_string(),
        driver: "local".to_owned(),
        mountpoint: snapshot.mountpoint.display().to_string(),
        created_at: Some(snapshot.created),
        labels,
        scope: Some(VolumeScopeEnum::LOCAL),
        options: map(&snapshot.options),
        usage_data: snapshot.size.map(|size| VolumeUsageData {
            size: signed(size),
            ref_count: i64::try_from(snapshot.used_by).unwrap_or(i64::MAX),
        }),
        ..Volume::default()
    }
}
