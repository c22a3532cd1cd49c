//! Devices of the host that a container is given.

use crate::{error::EngineError, oci::config::HostDevice, spec::ContainerSpec};
use std::{
    fs,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::Path,
};

/// The devices asked for; a directory stands for the devices in it. A privileged container gets all of /dev.
pub(super) fn host_devices(spec: &ContainerSpec) -> Result<Vec<HostDevice>, EngineError> {
    if let Some(request) = spec.resources.device_requests.first() {
        return Err(EngineError::BadParameter(format!(
            "could not select device driver {:?} with capabilities {:?}: Berth gives devices by path (--device)",
            request.driver, request.capabilities
        )));
    }
    let mut devices = Vec::new();
    if spec.security.privileged {
        below(Path::new("/dev"), Path::new("/dev"), "rwm", &mut devices);
    }
    for mapping in &spec.resources.devices {
        let access = mapping.access.to_string();
        let metadata = fs::metadata(&mapping.host).map_err(|error| {
            EngineError::BadParameter(format!(
                "error gathering device information while adding custom device {}: {error}",
                mapping.host.display()
            ))
        })?;
        if metadata.is_dir() {
            below(&mapping.host, &mapping.container, &access, &mut devices);
        } else {
            let found = device(&metadata, &mapping.container, &access);
            devices.push(found.ok_or_else(|| {
                EngineError::BadParameter(format!("{} is not a device node", mapping.host.display()))
            })?);
        }
    }
    Ok(devices)
}

/// Directories below /dev whose content is the container's own.
const OWN: [&str; 5] = ["pts", "shm", "mqueue", "fd", ".lxc"];

fn below(host: &Path, container: &Path, access: &str, found: &mut Vec<HostDevice>) {
    for entry in fs::read_dir(host).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if OWN.iter().any(|own| name == *own) || name == "console" {
            continue;
        }
        let Ok(metadata) = fs::symlink_metadata(entry.path()) else { continue };
        let target = container.join(&name);
        if metadata.is_dir() {
            below(&entry.path(), &target, access, found);
        } else {
            found.extend(device(&metadata, &target, access));
        }
    }
}

fn device(metadata: &fs::Metadata, path: &Path, access: &str) -> Option<HostDevice> {
    let kind = metadata.file_type();
    (kind.is_block_device() || kind.is_char_device()).then(|| HostDevice {
        path: path.to_owned(),
        block: kind.is_block_device(),
        major: i64::from(rustix::fs::major(metadata.rdev())),
        minor: i64::from(rustix::fs::minor(metadata.rdev())),
        mode: metadata.mode(),
        uid: metadata.uid(),
        gid: metadata.gid(),
        access: access.to_owned(),
    })
}

/// The numbers of a block device, for I/O limits.
pub(super) fn block_device_numbers(path: &Path) -> Option<(i64, i64)> {
    let metadata = fs::metadata(path).ok()?;
    let rdev = metadata.rdev();
    metadata
        .file_type()
        .is_block_device()
        .then(|| (i64::from(rustix::fs::major(rdev)), i64::from(rustix::fs::minor(rdev))))
}
