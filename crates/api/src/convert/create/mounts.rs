//! Mounts: `Binds`, `Mounts`, `Tmpfs` and `Volumes`.

use super::sorted;
use crate::error::BadRequest;
use bollard_stubs::models::{ContainerCreateBody, HostConfig, Mount, MountType};
use engine::spec::{
    BindMount, Declared, MountKind, MountSpec, Propagation, TmpfsMount, VolumeMount, VolumeName,
};
use std::path::PathBuf;

/// All mounts, in Docker's order: binds, long forms, tmpfs, anonymous volumes that nothing else covers.
pub(super) fn mounts(body: &ContainerCreateBody, host: &HostConfig) -> Result<Vec<MountSpec>, BadRequest> {
    let mut all = Vec::new();
    for bind in host.binds.iter().flatten() {
        all.push(short_form(bind, host.volume_driver.as_deref())?);
    }
    for mount in host.mounts.iter().flatten() {
        all.push(long_form(mount)?);
    }
    for (target, options) in host.tmpfs.iter().flatten() {
        all.push(tmpfs_short(target, options)?);
    }
    for target in body.volumes.iter().flatten() {
        let target = absolute("Volumes", target)?;
        if !all.iter().any(|mount| mount.target == target) {
            all.push(anonymous(target));
        }
    }
    refuse_duplicates(&all)?;
    Ok(all)
}

fn refuse_duplicates(mounts: &[MountSpec]) -> Result<(), BadRequest> {
    for (index, mount) in mounts.iter().enumerate() {
        if mounts[..index].iter().any(|earlier| earlier.target == mount.target) {
            return Err(BadRequest::field(
                "Mounts",
                format!("Duplicate mount point: {}", mount.target.display()),
            ));
        }
    }
    Ok(())
}

fn absolute(field: &'static str, path: &str) -> Result<PathBuf, BadRequest> {
    let path = PathBuf::from(path);
    if !path.is_absolute() {
        let reason = format!("invalid mount path: {:?}, it must be absolute", path.display().to_string());
        return Err(BadRequest::field(field, reason));
    }
    if path.components().nth(1).is_none() {
        return Err(BadRequest::field(field, "the destination cannot be \"/\""));
    }
    Ok(path.components().collect())
}

fn anonymous(target: PathBuf) -> MountSpec {
    MountSpec {
        target,
        read_only: false,
        kind: MountKind::Volume(VolumeMount::default()),
        declared: Declared::Anonymous,
    }
}

fn volume_name(field: &'static str, name: &str) -> Result<VolumeName, BadRequest> {
    VolumeName::parse(name).map_err(|error| BadRequest::field(field, error.to_string()))
}

/// `source:target[:options]`
fn short_form(bind: &str, driver: Option<&str>) -> Result<MountSpec, BadRequest> {
    let parts: Vec<&str> = bind.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] => return Ok(anonymous(absolute("Binds", target)?)),
        [source, target] => (source, target, ""),
        [source, target, options] => (source, target, options),
        _ => return Err(BadRequest::field("Binds", format!("invalid volume specification: {bind:?}"))),
    };
    let target = absolute("Binds", target)?;
    let options = Options::parse(options)?;
    let kind = if source.starts_with('/') {
        MountKind::Bind(BindMount {
            source: PathBuf::from(source),
            create_source: true,
            propagation: options.propagation,
            recursive: true,
        })
    } else {
        MountKind::Volume(VolumeMount {
            name: Some(volume_name("Binds", source)?),
            driver: driver.filter(|name| !name.is_empty()).map(str::to_owned),
            no_copy: options.no_copy,
            ..VolumeMount::default()
        })
    };
    Ok(MountSpec { target, read_only: options.read_only, kind, declared: Declared::Short })
}

#[derive(Default)]
struct Options {
    read_only: bool,
    no_copy: bool,
    propagation: Option<Propagation>,
}

impl Options {
    fn parse(text: &str) -> Result<Self, BadRequest> {
        let mut options = Options::default();
        for option in text.split(',').filter(|option| !option.is_empty()) {
            match option {
                "ro" => options.read_only = true,
                "rw" | "z" | "Z" | "cached" | "delegated" | "consistent" | "copy" => {}
                "nocopy" => options.no_copy = true,
                other => match Propagation::parse(other) {
                    Some(propagation) => options.propagation = Some(propagation),
                    None => return Err(BadRequest::field("Binds", format!("invalid mode: {other}"))),
                },
            }
        }
        Ok(options)
    }
}

fn long_form(mount: &Mount) -> Result<MountSpec, BadRequest> {
    let target = absolute("Mounts", mount.target.as_deref().unwrap_or_default())?;
    let kind = match mount.typ {
        Some(MountType::BIND) => bind_long(mount)?,
        Some(MountType::VOLUME) | None => volume_long(mount)?,
        Some(MountType::TMPFS) => tmpfs_long(mount)?,
        Some(other) => {
            return Err(BadRequest::field("Mounts", format!("mounts of type {other} are not offered")));
        }
    };
    let read_only = mount.read_only.unwrap_or_default();
    Ok(MountSpec { target, read_only, kind, declared: Declared::Long })
}

fn bind_long(mount: &Mount) -> Result<MountKind, BadRequest> {
    let source = absolute_source(mount)?;
    let options = mount.bind_options.clone().unwrap_or_default();
    let propagation = options.propagation.map(|value| value.to_string()).filter(|value| !value.is_empty());
    Ok(MountKind::Bind(BindMount {
        source,
        create_source: options.create_mountpoint.unwrap_or_default(),
        propagation: propagation.and_then(|value| Propagation::parse(&value)),
        recursive: !options.non_recursive.unwrap_or_default(),
    }))
}

fn absolute_source(mount: &Mount) -> Result<PathBuf, BadRequest> {
    let source = PathBuf::from(mount.source.as_deref().unwrap_or_default());
    if source.is_absolute() {
        Ok(source)
    } else {
        let reason = format!(
            "invalid mount config for type \"bind\": {:?} is not an absolute path",
            source.display().to_string()
        );
        Err(BadRequest::field("Mounts", reason))
    }
}

fn volume_long(mount: &Mount) -> Result<MountKind, BadRequest> {
    let options = mount.volume_options.clone().unwrap_or_default();
    let name = mount.source.as_deref().filter(|name| !name.is_empty());
    let driver = options.driver_config.unwrap_or_default();
    Ok(MountKind::Volume(VolumeMount {
        name: name.map(|name| volume_name("Mounts", name)).transpose()?,
        driver: driver.name.filter(|name| !name.is_empty()),
        driver_options: sorted(&driver.options),
        labels: sorted(&options.labels),
        no_copy: options.no_copy.unwrap_or_default(),
        subpath: options.subpath.filter(|path| !path.is_empty()).map(PathBuf::from),
    }))
}

fn tmpfs_long(mount: &Mount) -> Result<MountKind, BadRequest> {
    let options = mount.tmpfs_options.clone().unwrap_or_default();
    let mode = options.mode.map(u32::try_from).transpose();
    Ok(MountKind::Tmpfs(TmpfsMount {
        size: super::unsigned("TmpfsOptions.SizeBytes", options.size_bytes)?,
        mode: mode.map_err(|_| BadRequest::field("TmpfsOptions.Mode", "is not a file mode"))?,
        options: options.options.into_iter().flatten().map(|option| option.join("=")).collect(),
    }))
}

fn tmpfs_short(target: &str, options: &str) -> Result<MountSpec, BadRequest> {
    let mut tmpfs = TmpfsMount::default();
    let mut read_only = false;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("size", value)) => tmpfs.size = tmpfs_size(value)?,
            Some(("mode", value)) => {
                let mode = u32::from_str_radix(value, 8);
                tmpfs.mode =
                    Some(mode.map_err(|_| BadRequest::field("Tmpfs", format!("mode={value} is not octal")))?);
            }
            None if option == "ro" => read_only = true,
            _ => tmpfs.options.push(option.to_owned()),
        }
    }
    let target = absolute("Tmpfs", target)?;
    Ok(MountSpec { target, read_only, kind: MountKind::Tmpfs(tmpfs), declared: Declared::Short })
}

/// Bytes with the kernel's suffixes k, m and g; a percentage is left to the kernel's default.
fn tmpfs_size(text: &str) -> Result<Option<u64>, BadRequest> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(['k', 'm', 'g', 'b']);
    let unit = match lower[digits.len()..].chars().next() {
        Some('k') => 1 << 10,
        Some('m') => 1 << 20,
        Some('g') => 1 << 30,
        _ => 1,
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| BadRequest::field("Tmpfs", format!("size={text} is not a size, such as 64m")))?;
    Ok(number.checked_mul(unit))
}
