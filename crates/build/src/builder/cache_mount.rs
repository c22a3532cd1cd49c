//! `RUN --mount=type=cache`: directories that outlive builds.
//!
//! `<root>/build-mounts/<hash of the id>/<number>` is a directory, `<number>.lock` the file that is locked while a step
//! uses it: by all who share it, or by one alone. A lock ends with its process.

use std::fs::File;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::layer::scratch_error;
use super::mounts::{Prepared, copy_files};
use super::stage::StageBuilder;
use crate::error::StepError;
use crate::hash::Hasher;
use crate::transfer::TransferError;

/// How often a lock that another step holds is tried.
const RETRY: Duration = Duration::from_millis(20);

/// The directory of a cache mount, and the lock that is held while it is used.
pub(super) fn open(
    builder: &StageBuilder<'_, '_>,
    mount: &Prepared<'_>,
) -> Result<(PathBuf, File), StepError> {
    let mut hasher = Hasher::new("berth cache mount 1");
    hasher.text(&mount.id);
    let all = builder.session.store.root().join("build-mounts").join(hasher.finish().hex());
    std::fs::create_dir_all(&all).map_err(|source| scratch_error("make", &all, source))?;
    let (number, lock) = match mount.flag.sharing.as_deref() {
        Some("locked") => (0, wait(builder, &all, FlockOperation::NonBlockingLockExclusive)?),
        Some("private") => first_free(&all)?,
        _ => (0, wait(builder, &all, FlockOperation::NonBlockingLockShared)?),
    };
    let path = all.join(number.to_string());
    if !path.is_dir() {
        make(builder, mount, &path)?;
    }
    Ok((with_source(mount, path), lock))
}

/// With `from`, a mount may be of a single file of what is copied.
fn with_source(mount: &Prepared<'_>, path: PathBuf) -> PathBuf {
    match mount.files.as_ref().and_then(|files| files.single.as_ref()) {
        Some(name) => path.join(name),
        None => path,
    }
}

/// Waits until the directory may be used.
fn wait(builder: &StageBuilder<'_, '_>, all: &Path, how: FlockOperation) -> Result<File, StepError> {
    let lock = lock_file(all, 0)?;
    loop {
        match rustix::fs::flock(&lock, how) {
            Ok(()) => return Ok(lock),
            Err(Errno::WOULDBLOCK | Errno::INTR) => {}
            Err(errno) => return Err(scratch_error("lock", all, errno.into())),
        }
        if builder.session.cancel.is_cancelled() {
            return Err(TransferError::Cancelled.into());
        }
        std::thread::sleep(RETRY);
    }
}

/// The first directory that nobody uses.
fn first_free(all: &Path) -> Result<(u32, File), StepError> {
    for number in 0..=u32::MAX {
        let lock = lock_file(all, number)?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok((number, lock)),
            Err(Errno::WOULDBLOCK) => {}
            Err(errno) => return Err(scratch_error("lock", all, errno.into())),
        }
    }
    Err(scratch_error("lock", all, io::ErrorKind::ResourceBusy.into()))
}

fn lock_file(all: &Path, number: u32) -> Result<File, StepError> {
    let path = all.join(format!("{number}.lock"));
    File::create(&path).map_err(|source| scratch_error("make", &path, source))
}

/// Makes a cache's directory with its first content, aside.
fn make(builder: &StageBuilder<'_, '_>, mount: &Prepared<'_>, path: &Path) -> Result<(), StepError> {
    let scratch = builder.session.store.scratch()?;
    let aside = scratch.path().join("cache");
    let fail = |source| scratch_error("make", path, source);
    let (flag, mode) = (mount.flag, mount.flag.mode.unwrap_or(0o755));
    std::fs::create_dir(&aside).map_err(fail)?;
    if let Some(files) = &mount.files {
        copy_files(builder, files, &aside)?;
    }
    std::fs::set_permissions(&aside, PermissionsExt::from_mode(mode)).map_err(fail)?;
    chown(&aside, Some(flag.uid.unwrap_or(0)), Some(flag.gid.unwrap_or(0))).map_err(fail)?;
    match std::fs::rename(&aside, path) {
        // Another step that shares it was quicker.
        Err(_) if path.is_dir() => Ok(()),
        other => other.map_err(fail),
    }
}
