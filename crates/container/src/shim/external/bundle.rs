//! The bundle directory and the root file system for another runtime.

use std::fs;
use std::io;
use std::path::Path;

use rustix::mount::{MountPropagationFlags, mount_change};
use serde::Serialize;

use crate::overlay::Overlay;
use crate::protocol::{InitKind, Rootfs};
use crate::sys;

/// Writes the bundle's `config.json`, and mounts the root file system for this process and its children.
pub(super) fn make(bundle: &Path, init: &InitKind) -> io::Result<()> {
    fs::create_dir_all(bundle)?;
    write_json(&bundle.join("config.json"), &init.spec)?;
    match &init.rootfs {
        Rootfs::Directory => Ok(()),
        Rootfs::Overlay { layers_dir, lower, upper, work, volatile } => {
            let root = init.spec.root().as_ref().ok_or(io::ErrorKind::InvalidInput)?.path();
            let lower: Vec<_> = lower.iter().map(|layer| layers_dir.join(layer)).collect();
            let overlay =
                Overlay { lower: &lower, upper: Some((upper, work)), options: &[], volatile: *volatile };
            mount_privately(&overlay, root)
        }
    }
}

/// Writes a JSON file.
pub(super) fn write_json(path: &Path, content: &impl Serialize) -> io::Result<()> {
    fs::write(path, serde_json::to_vec(content)?)
}

/// Mounts in a mount namespace of this process, so that nothing is seen or left outside.
fn mount_privately(overlay: &Overlay<'_>, target: &Path) -> io::Result<()> {
    sys::unshare(libc::CLONE_NEWNS)?;
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
    overlay.mount(target)
}
