//! Options of the volume driver `local`: what `mount` takes, under Docker's names.

use super::TmpfsMount;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where a volume's content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalVolume {
    /// In a directory of the engine.
    Directory,
    /// In a path of the host.
    Bind {
        /// The path, absolute.
        device: PathBuf,
        /// With the mounts below it.
        recursive: bool,
        /// Never written through the volume.
        read_only: bool,
    },
    /// In memory: each container that has the volume gets memory of its own.
    Tmpfs(TmpfsMount),
}

/// Why options are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalVolumeError {
    /// An option that the driver does not have.
    #[error("invalid option {0:?}; the driver local has type, device and o")]
    UnknownOption(String),
    /// A kind of file system that is not mounted by the engine.
    #[error(
        "the engine mounts no file systems of type {0:?}; mount it on the host, and name the mount point: type=none, o=bind, device=/mount/point"
    )]
    Type(String),
    /// A bind without an absolute path.
    #[error("a volume with o=bind needs device=/absolute/path")]
    Device,
    /// Options of the memory that cannot be read.
    #[error(transparent)]
    Tmpfs(#[from] super::TmpfsOptionError),
}

impl LocalVolume {
    /// Reads `type`, `device` and `o`.
    ///
    /// # Errors
    /// [`LocalVolumeError`] for what the driver does not have or the engine does not do.
    pub fn parse(options: &BTreeMap<String, String>) -> Result<Self, LocalVolumeError> {
        if let Some(unknown) = options.keys().find(|key| !matches!(key.as_str(), "type" | "device" | "o")) {
            return Err(LocalVolumeError::UnknownOption(unknown.clone()));
        }
        let get = |key: &str| options.get(key).map(String::as_str).unwrap_or_default();
        let flags: Vec<&str> = get("o").split(',').filter(|flag| !flag.is_empty()).collect();
        let recursive = flags.contains(&"rbind");
        match get("type") {
            "" | "none" | "bind" if recursive || flags.contains(&"bind") => {
                let device = Some(PathBuf::from(get("device"))).filter(|device| device.is_absolute());
                let device = device.ok_or(LocalVolumeError::Device)?;
                Ok(Self::Bind { device, recursive, read_only: flags.contains(&"ro") })
            }
            "" if options.is_empty() => Ok(Self::Directory),
            "tmpfs" => Ok(Self::Tmpfs(TmpfsMount::parse(get("o"))?)),
            other => Err(LocalVolumeError::Type(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[(&str, &str)]) -> Result<LocalVolume, LocalVolumeError> {
        LocalVolume::parse(&options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn binds_and_memory_are_taken() {
        assert_eq!(parse(&[]), Ok(LocalVolume::Directory));
        let bind = parse(&[("type", "none"), ("o", "bind,ro"), ("device", "/srv/d")]);
        let expected = LocalVolume::Bind { device: "/srv/d".into(), recursive: false, read_only: true };
        assert_eq!(bind, Ok(expected));
        let Ok(LocalVolume::Tmpfs(tmpfs)) =
            parse(&[("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=64m,uid=7")])
        else {
            panic!("memory is taken")
        };
        assert_eq!((tmpfs.size, tmpfs.options), (Some(64 << 20), vec!["uid=7".to_owned()]));
    }

    #[test]
    fn what_is_not_done_is_refused_with_a_way_out() {
        let nfs = parse(&[("type", "nfs"), ("o", "addr=192.0.2.1,rw"), ("device", ":/export")]).unwrap_err();
        assert!(nfs.to_string().contains("type=none, o=bind"), "{nfs}");
        assert_eq!(parse(&[("size", "1g")]), Err(LocalVolumeError::UnknownOption("size".to_owned())));
        assert_eq!(parse(&[("o", "bind"), ("device", "relative")]), Err(LocalVolumeError::Device));
        assert!(parse(&[("type", "tmpfs"), ("o", "size=big")]).is_err());
    }
}
