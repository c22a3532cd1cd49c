use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::VolumeName;

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSpec {
    /// Absolute path in the container.
    pub target: PathBuf,
    /// Mounted read-only.
    pub read_only: bool,
    /// What is mounted.
    pub kind: MountKind,
    /// The form it was asked for in, which `inspect` shows again.
    pub declared: Declared,
}

/// The kinds of mounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountKind {
    /// A path of the host.
    Bind(BindMount),
    /// A volume.
    Volume(VolumeMount),
    /// Memory.
    Tmpfs(TmpfsMount),
}

/// The form in which a mount was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Declared {
    /// `-v source:target[:options]` or `--tmpfs` (Docker's `Binds` and `Tmpfs`).
    #[default]
    Short,
    /// `--mount` (Docker's `Mounts`).
    Long,
    /// A bare path: `-v /path` or Docker's `Config.Volumes`.
    Anonymous,
}

/// A path of the host, mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindMount {
    /// Absolute path on the host.
    pub source: PathBuf,
    /// Make an empty directory there when it is missing; otherwise that is an error.
    pub create_source: bool,
    /// How mounts made later travel.
    pub propagation: Option<Propagation>,
    /// Take the mounts below the source along.
    pub recursive: bool,
}

/// How mounts made below a mount later travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Propagation {
    /// `private`
    Private,
    /// `rprivate`
    RPrivate,
    /// `shared`
    Shared,
    /// `rshared`
    RShared,
    /// `slave`
    Slave,
    /// `rslave`
    RSlave,
}

impl Propagation {
    /// Reads a mount option.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "private" => Self::Private,
            "rprivate" => Self::RPrivate,
            "shared" => Self::Shared,
            "rshared" => Self::RShared,
            "slave" => Self::Slave,
            "rslave" => Self::RSlave,
            _ => return None,
        })
    }

    /// The mount option.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::RPrivate => "rprivate",
            Self::Shared => "shared",
            Self::RShared => "rshared",
            Self::Slave => "slave",
            Self::RSlave => "rslave",
        }
    }
}

/// A volume, mounted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeMount {
    /// Name of the volume, made when it is missing; none is an anonymous one.
    pub name: Option<VolumeName>,
    /// Driver of a volume that is made; none is `local`.
    pub driver: Option<String>,
    /// Options of a volume that is made.
    pub driver_options: BTreeMap<String, String>,
    /// Labels of a volume that is made.
    pub labels: BTreeMap<String, String>,
    /// Do not fill a fresh volume with the image's content.
    pub no_copy: bool,
    /// Path inside the volume that is mounted instead of all of it.
    pub subpath: Option<PathBuf>,
}

/// A file system in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TmpfsMount {
    /// Bytes it may hold; none is the kernel's default.
    pub size: Option<u64>,
    /// Mode of its root; none is 01777.
    pub mode: Option<u32>,
    /// Further options (`exec`, `uid=…`), over Docker's `noexec,nosuid,nodev`.
    pub options: Vec<String>,
}

/// An option of a file system in memory that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tmpfs option `{0}` cannot be read: write a size such as 64m, or an octal mode")]
pub struct TmpfsOptionError(pub String);

impl TmpfsMount {
    /// Reads the options of `--tmpfs`: `size=64m,mode=1777,noexec`.
    ///
    /// # Errors
    /// [`TmpfsOptionError`] for a size or mode that is none.
    pub fn parse(options: &str) -> Result<Self, TmpfsOptionError> {
        let mut tmpfs = Self::default();
        for option in options.split(',').filter(|option| !option.is_empty()) {
            let error = || TmpfsOptionError(option.to_owned());
            match option.split_once('=') {
                Some(("size", text)) => tmpfs.size = Some(compose::parse_bytes(text).ok_or_else(error)?),
                Some(("mode", text)) => tmpfs.mode = Some(u32::from_str_radix(text, 8).map_err(|_| error())?),
                _ => tmpfs.options.push(option.to_owned()),
            }
        }
        Ok(tmpfs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_tmpfs_are_read() {
        let tmpfs = TmpfsMount::parse("size=64m,mode=1770,exec,uid=5").unwrap();
        assert_eq!((tmpfs.size, tmpfs.mode), (Some(64 << 20), Some(0o1770)));
        assert_eq!(tmpfs.options, ["exec", "uid=5"]);
        assert!(TmpfsMount::parse("size=big").is_err());
    }
}
