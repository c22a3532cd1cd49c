//! The mounts of a container.

use super::config::{Inputs, NamespaceChoice};
use crate::spec::{IpcMode, Propagation, TmpfsMount};
use oci_spec::runtime::{Mount, MountBuilder};
use std::path::{Path, PathBuf};

const SHM_SIZE: u64 = 64 << 20;

/// A mount whose source is known: what the engine made of a [`crate::spec::MountSpec`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadyMount {
    /// Path in the container.
    pub(crate) target: PathBuf,
    /// Mounted read-only.
    pub(crate) read_only: bool,
    /// What is mounted.
    pub(crate) source: ReadySource,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReadySource {
    /// A path of the host: a bind mount or a volume's directory.
    Path { path: PathBuf, propagation: Option<Propagation>, recursive: bool },
    /// Memory.
    Tmpfs(TmpfsMount),
}

/// All mounts, in the order they are made: the system's own, then the engine's files, then the user's by depth, so
/// that a mount below another is made after it.
pub(super) fn mounts(inputs: &Inputs<'_>) -> Vec<Mount> {
    let mut all = system(inputs);
    let covered = |target: &Path| inputs.mounts.iter().any(|mount| mount.target == target);
    all.retain(|mount| !covered(mount.destination()));
    let files = [
        (&inputs.files.resolv_conf, "/etc/resolv.conf"),
        (&inputs.files.hostname, "/etc/hostname"),
        (&inputs.files.hosts, "/etc/hosts"),
    ];
    for (source, target) in files {
        if let Some(source) = source.as_ref().filter(|_| !covered(Path::new(target))) {
            all.extend(bind(target, source, &["rbind", "rprivate"]));
        }
    }
    all.extend(own(inputs.mounts));
    all
}

/// The user's mounts, the deepest last.
pub(crate) fn own(mounts: &[ReadyMount]) -> Vec<Mount> {
    let mut own: Vec<&ReadyMount> = mounts.iter().collect();
    own.sort_by_key(|mount| mount.target.components().count());
    own.into_iter().filter_map(ready).collect()
}

fn mount(target: &str, typ: &str, source: &str, options: &[&str]) -> Option<Mount> {
    let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
    MountBuilder::default().destination(target).typ(typ).source(source).options(options).build().ok()
}

fn bind(target: &str, source: &Path, options: &[&str]) -> Option<Mount> {
    let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
    MountBuilder::default().destination(target).typ("bind").source(source).options(options).build().ok()
}

fn system(inputs: &Inputs<'_>) -> Vec<Mount> {
    let privileged = inputs.spec.security.privileged;
    let sys_access = if privileged { "rw" } else { "ro" };
    let mut all = Vec::new();
    all.extend(match inputs.namespaces.pid {
        NamespaceChoice::Host => bind("/proc", Path::new("/proc"), &["rbind", "nosuid", "noexec", "nodev"]),
        _ => mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
    });
    all.extend(mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]));
    let devpts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"];
    all.extend(mount("/dev/pts", "devpts", "devpts", &devpts));
    all.extend(match inputs.namespaces.network {
        NamespaceChoice::Host => {
            bind("/sys", Path::new("/sys"), &["rbind", "nosuid", "noexec", "nodev", sys_access])
        }
        _ => mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", sys_access]),
    });
    all.extend(mount(
        "/sys/fs/cgroup",
        "cgroup",
        "cgroup",
        &["nosuid", "noexec", "nodev", "relatime", sys_access],
    ));
    all.extend(mqueue(inputs));
    all.extend(shm(inputs));
    all
}

fn mqueue(inputs: &Inputs<'_>) -> Option<Mount> {
    match inputs.spec.security.ipc {
        IpcMode::Host => {
            bind("/dev/mqueue", Path::new("/dev/mqueue"), &["rbind", "nosuid", "noexec", "nodev"])
                .filter(|_| Path::new("/dev/mqueue").exists())
        }
        _ => mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
    }
}

fn shm(inputs: &Inputs<'_>) -> Option<Mount> {
    let size = format!("size={}", inputs.spec.shm_size.unwrap_or(SHM_SIZE));
    match (&inputs.spec.security.ipc, &inputs.shm) {
        (IpcMode::None, _) => None,
        (_, Some(source)) => bind("/dev/shm", source, &["rbind", "rprivate", "nosuid", "noexec", "nodev"]),
        (_, None) => mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", &size]),
    }
}

fn ready(wanted: &ReadyMount) -> Option<Mount> {
    let access = if wanted.read_only { "ro" } else { "rw" };
    let target = wanted.target.to_str()?;
    match &wanted.source {
        ReadySource::Path { path, propagation, recursive } => {
            let kind = if *recursive { "rbind" } else { "bind" };
            let propagation = propagation.unwrap_or(Propagation::RPrivate).as_str();
            bind(target, path, &[kind, access, propagation])
        }
        ReadySource::Tmpfs(tmpfs) => {
            let options = tmpfs_options(tmpfs, wanted.read_only);
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            mount(target, "tmpfs", "tmpfs", &options)
        }
    }
}

/// Docker's `noexec,nosuid,nodev`, unless an option says the opposite; then what was asked for.
fn tmpfs_options(tmpfs: &TmpfsMount, read_only: bool) -> Vec<String> {
    let defaults = [("noexec", "exec"), ("nosuid", "suid"), ("nodev", "dev")];
    let asked = |option: &str| tmpfs.options.iter().any(|asked| asked == option);
    let kept = defaults.into_iter().filter(|(default, opposite)| !asked(opposite) && !asked(default));
    let mut options: Vec<String> = kept.map(|(default, _)| default.to_owned()).collect();
    options.extend(tmpfs.options.iter().cloned());
    options.extend(tmpfs.size.map(|size| format!("size={size}")));
    options.extend(tmpfs.mode.map(|mode| format!("mode={mode:o}")));
    if read_only {
        options.push("ro".to_owned());
    }
    options
}
