//! `RUN --mount`

use std::fs::File;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use beneath::Root;
use rustix::fs::FlockOperation;

use super::copy::write_to;
use super::layer::{Upper, scratch_error};
use super::source::Source;
use super::stage::{StageBuilder, failed};
use crate::context::{Ignore, clean};
use crate::dockerfile::{MountFlag, MountKind};
use crate::error::{BuildError, Excerpt, StepError};
use crate::hash::Hasher;
use crate::runner::RunMount;
use crate::transfer::digest::{self, Facts};
use crate::transfer::plan::{Overrides, Planned, Planner};
use crate::transfer::select::Selected;
use crate::tree::Tree;

/// A mount with its variables replaced, and with what it brings.
pub(super) struct Prepared<'a> {
    flag: &'a MountFlag,
    /// Absolute.
    target: String,
    /// What a bind mount brings.
    files: Option<Files<'a>>,
}

/// The files of a bind mount; they are copied, so that writing to them changes nothing.
struct Files<'a> {
    source: Source<'a>,
    plan: Vec<Planned>,
    facts: Vec<Option<Facts>>,
    /// It is one file, of this name.
    single: Option<PathBuf>,
}

/// Mounts that are in place, and the locks that keep others from them.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    pub(super) mounts: Vec<RunMount>,
    _locks: Vec<File>,
}

/// Looks up what the mounts of a step bring.
pub(super) fn prepare<'a>(
    builder: &StageBuilder<'a, '_>,
    flags: &'a [MountFlag],
    at: &Excerpt,
) -> Result<Vec<Prepared<'a>>, BuildError> {
    flags.iter().map(|flag| prepare_one(builder, flag, at)).collect()
}

fn prepare_one<'a>(
    builder: &StageBuilder<'a, '_>,
    flag: &'a MountFlag,
    at: &Excerpt,
) -> Result<Prepared<'a>, BuildError> {
    let (state, escape) = (&builder.state, builder.session.file.directives.escape);
    let fail = |source: StepError| failed(at, source);
    let expand = |text: &str| state.expand(text, escape).map_err(|error| fail(error.into()));
    let unsupported = |what| Err(fail(StepError::Unsupported(what)));
    match flag.kind {
        MountKind::Secret => return unsupported("RUN --mount=type=secret"),
        MountKind::Ssh => return unsupported("RUN --mount=type=ssh"),
        MountKind::Cache if flag.from.is_some() => return unsupported("RUN --mount=type=cache with from"),
        _ => {}
    }
    let target = expand(flag.target.as_deref().unwrap_or_default())?;
    let base = if target.starts_with('/') { "" } else { state.image.config.working_dir.as_str() };
    let target = format!("/{}", clean(&format!("{base}/{target}")));
    let files = match flag.kind {
        MountKind::Bind => {
            let source = expand(flag.source.as_deref().unwrap_or("/"))?;
            Some(files(builder, flag.from.as_deref(), &source, at)?)
        }
        _ => None,
    };
    Ok(Prepared { flag, target, files })
}

/// What a bind mount brings, from the context, a stage or an image.
fn files<'a>(
    builder: &StageBuilder<'a, '_>,
    from: Option<&str>,
    source: &str,
    at: &Excerpt,
) -> Result<Files<'a>, BuildError> {
    let session = builder.session;
    let fail = |source| failed(at, source);
    let io_fail = |source| fail(scratch_error("open the layers beneath", session.store.root(), source));
    let from = builder.source(from, at)?;
    let nothing = Tree::overlay(&[]).map_err(io_fail)?;
    let none = Ignore::default();
    let origin = from.origin(&none, builder);
    let mut planner =
        Planner::new(&nothing, Overrides { root_owned: from.is_of_this_host(), ..Overrides::default() });
    let mut single = None;
    for selected in origin.select(source).map_err(|error| fail(error.into()))? {
        if let Selected::File { name, .. } = &selected {
            single = Some(name.clone());
        }
        planner.add(selected, "/", true).map_err(|error| fail(error.into()))?;
    }
    let plan = planner.finish();
    let facts = digest::facts(&plan, &[origin.tree], origin.cancel).map_err(|error| fail(error.into()))?;
    Ok(Files { source: from, plan, facts, single })
}

/// Adds the mounts to the step's key: where they are, and what bind mounts bring. The content of a cache does not count.
pub(super) fn add_to_key(hasher: &mut Hasher, mounts: &[Prepared<'_>]) {
    hasher.number(mounts.len() as u64);
    for mount in mounts {
        hasher.text(&format!("{:?}", mount.flag.kind));
        hasher.text(&mount.target);
        if let Some(files) = &mount.files {
            digest::add(hasher, &files.plan, &files.facts);
        }
    }
}

/// Puts the mounts' sources in place.
pub(super) fn make(
    builder: &StageBuilder<'_, '_>,
    mounts: &[Prepared<'_>],
    upper: &Upper,
) -> Result<Mounts, StepError> {
    let mut made = Mounts::default();
    for (number, mount) in mounts.iter().enumerate() {
        let target = mount.target.clone();
        let bind = |source, read_only| RunMount::Bind { source, target: target.clone(), read_only };
        made.mounts.push(match (&mount.flag.kind, &mount.files) {
            (MountKind::Bind, Some(files)) => {
                let source = copy_files(builder, files, &upper.aside(&format!("mount{number}"))?)?;
                bind(source, mount.flag.read_only.unwrap_or(true))
            }
            (MountKind::Cache, _) => {
                let (source, lock) = cache(builder, mount)?;
                made._locks.extend(lock);
                bind(source, mount.flag.read_only.unwrap_or(false))
            }
            _ => RunMount::Tmpfs { target, size: mount.flag.size },
        });
    }
    Ok(made)
}

fn copy_files(builder: &StageBuilder<'_, '_>, files: &Files<'_>, into: &Path) -> Result<PathBuf, StepError> {
    let tree = files.source.tree();
    let root = Root::open(into).map_err(|source| scratch_error("open", into, source))?;
    write_to(builder, root, &[tree], &files.plan, &files.facts)?;
    Ok(files.single.as_ref().map_or_else(|| into.to_owned(), |name| into.join(name)))
}

/// The directory of a cache mount, and a lock if it is not to be shared.
fn cache(builder: &StageBuilder<'_, '_>, mount: &Prepared<'_>) -> Result<(PathBuf, Option<File>), StepError> {
    let flag = mount.flag;
    let mut hasher = Hasher::new("berth cache mount 1");
    hasher.text(flag.id.as_deref().unwrap_or(&mount.target));
    let all = builder.session.store.root().join("build-mounts").join(hasher.finish().hex());
    let fail = |action, path: &Path| {
        let path = path.to_owned();
        move |source| scratch_error(action, &path, source)
    };
    std::fs::create_dir_all(&all).map_err(fail("make", &all))?;
    match flag.sharing.as_deref() {
        Some("locked") => {
            let lock = lock_file(&all, 0)?;
            rustix::fs::flock(&lock, FlockOperation::LockExclusive)
                .map_err(|errno| scratch_error("lock", &all, errno.into()))?;
            Ok((cache_directory(&all, 0, flag)?, Some(lock)))
        }
        Some("private") => {
            for number in 1.. {
                let lock = lock_file(&all, number)?;
                if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
                    return Ok((cache_directory(&all, number, flag)?, Some(lock)));
                }
            }
            Err(scratch_error("lock", &all, std::io::ErrorKind::ResourceBusy.into()))
        }
        _ => Ok((cache_directory(&all, 0, flag)?, None)),
    }
}

fn lock_file(all: &Path, number: u32) -> Result<File, StepError> {
    let path = all.join(format!("{number}.lock"));
    File::create(&path).map_err(|source| scratch_error("make", &path, source))
}

fn cache_directory(all: &Path, number: u32, flag: &MountFlag) -> Result<PathBuf, StepError> {
    let path = all.join(number.to_string());
    if path.is_dir() {
        return Ok(path);
    }
    let aside = all.join(format!(".{number}-{}", std::process::id()));
    let made = std::fs::create_dir_all(&aside)
        .and_then(|()| {
            std::fs::set_permissions(&aside, PermissionsExt::from_mode(flag.mode.unwrap_or(0o755)))
        })
        .and_then(|()| chown(&aside, Some(flag.uid.unwrap_or(0)), Some(flag.gid.unwrap_or(0))))
        .and_then(|()| std::fs::rename(&aside, &path));
    match made {
        Err(_) if path.is_dir() => Ok(path),
        other => other.map(|()| path.clone()).map_err(|source| scratch_error("make", &path, source)),
    }
}
