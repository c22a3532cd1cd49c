//! `RUN --mount`

use std::fs::File;
use std::path::{Path, PathBuf};

use super::cache_mount;
use super::copy::write_to;
use super::layer::{Upper, scratch_error};
use super::source::Source;
use super::stage::{StageBuilder, failed};
use crate::context::{Ignore, clean};
use crate::dockerfile::{MountFlag, MountKind};
use crate::error::{BuildError, Excerpt, StepError};
use crate::hash::Hasher;
use crate::runner::{Access, RunMount};
use crate::secret::Secret;
use crate::transfer::digest::{self, Facts};
use crate::transfer::plan::{Overrides, Planned, Planner};
use crate::transfer::select::Selected;
use crate::tree::Tree;
use beneath::Root;

/// A mount with its variables replaced, and with what it brings.
pub(super) struct Prepared<'a> {
    pub(super) flag: &'a MountFlag,
    /// Of a cache, a secret or an agent.
    pub(super) id: String,
    /// Absolute.
    target: String,
    /// What a bind mount brings, or a cache begins with.
    pub(super) files: Option<Files<'a>>,
}

/// The files of a bind mount; they are copied, so that writing to them changes nothing.
pub(super) struct Files<'a> {
    source: Source<'a>,
    plan: Vec<Planned>,
    facts: Vec<Option<Facts>>,
    /// It is one file, of this name.
    pub(super) single: Option<PathBuf>,
}

/// Mounts that are in place, and the locks that keep others from them.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    pub(super) mounts: Vec<RunMount>,
    /// Variables that say where something is mounted.
    pub(super) env: Vec<String>,
    /// Variables that hold secrets.
    pub(super) secret_env: Vec<(String, Secret)>,
    _locks: Vec<File>,
}

/// Looks up what the mounts of a step bring.
pub(super) fn prepare<'a>(
    builder: &StageBuilder<'a, '_>,
    flags: &'a [MountFlag],
    at: &Excerpt,
) -> Result<Vec<Prepared<'a>>, BuildError> {
    flags.iter().enumerate().map(|(number, flag)| prepare_one(builder, flag, number, at)).collect()
}

fn prepare_one<'a>(
    builder: &StageBuilder<'a, '_>,
    flag: &'a MountFlag,
    number: usize,
    at: &Excerpt,
) -> Result<Prepared<'a>, BuildError> {
    let (state, escape) = (&builder.state, builder.session.file.directives.escape);
    let fail = |source: StepError| failed(at, source);
    let expand = |text: &str| state.expand(text, escape).map_err(|error| fail(error.into()));
    let target = expand(flag.target.as_deref().unwrap_or_default())?;
    let base = if target.starts_with('/') { "" } else { state.image.config.working_dir.as_str() };
    let absolute = |target: &str| format!("/{}", clean(&format!("{base}/{target}")));
    let id = flag.id.as_deref().map(expand).transpose()?;
    let files = match flag.kind {
        // The first content of a cache.
        MountKind::Cache if flag.from.is_none() => None,
        MountKind::Bind | MountKind::Cache => {
            let source = expand(flag.source.as_deref().unwrap_or("/"))?;
            Some(files(builder, flag.from.as_deref(), &source, at)?)
        }
        _ => None,
    };
    let (id, target) = match flag.kind {
        MountKind::Secret => {
            let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
            let id = id.unwrap_or_else(|| name(&target));
            let target = if target.is_empty() { format!("/run/secrets/{id}") } else { absolute(&target) };
            (id, target)
        }
        MountKind::Ssh => {
            let default = || format!("/run/buildkit/ssh_agent.{number}");
            (
                id.unwrap_or_else(|| "default".to_owned()),
                if target.is_empty() { default() } else { absolute(&target) },
            )
        }
        _ => {
            let target = absolute(&target);
            (id.unwrap_or_else(|| target.clone()), target)
        }
    };
    if target == "/" {
        return Err(fail(StepError::Value { value: target, expected: "a place for a mount" }));
    }
    check_given(builder, flag, &id).map_err(fail)?;
    Ok(Prepared { flag, id, target, files })
}

/// Refuses a step whose secret or agent is required and was not given.
fn check_given(builder: &StageBuilder<'_, '_>, flag: &MountFlag, id: &str) -> Result<(), StepError> {
    let request = builder.session.request;
    match flag.kind {
        MountKind::Secret if flag.required && !request.secrets.contains_key(id) => {
            Err(StepError::NotGiven { what: "secret", id: id.to_owned(), flag: "--secret id=" })
        }
        MountKind::Ssh if flag.required && !request.ssh.contains_key(id) => {
            Err(StepError::NotGiven { what: "SSH agent", id: id.to_owned(), flag: "--ssh " })
        }
        _ => Ok(()),
    }
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
    let known = session.known(origin.tree);
    let facts = digest::facts(&plan, &[origin.tree], known.as_deref(), origin.cancel)
        .map_err(|error| fail(error.into()))?;
    Ok(Files { source: from, plan, facts, single })
}

/// Adds the mounts to the step's key: where they are, and what bind mounts bring. The content of caches and secrets does
/// not count.
pub(super) fn add_to_key(hasher: &mut Hasher, mounts: &[Prepared<'_>]) {
    hasher.number(mounts.len() as u64);
    for mount in mounts {
        hasher.text(&format!("{:?}", mount.flag.kind));
        hasher.text(&mount.target);
        hasher.text(&mount.id);
        hasher.text(mount.flag.env.as_deref().unwrap_or_default());
        if let Some(files) = mount.files.as_ref().filter(|_| mount.flag.kind == MountKind::Bind) {
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
        match (&mount.flag.kind, &mount.files) {
            (MountKind::Bind, Some(files)) => {
                let source = copy_files(builder, files, &upper.aside(&format!("mount{number}"))?)?;
                made.mounts.push(bind(source, mount.flag.read_only.unwrap_or(true)));
            }
            (MountKind::Cache, _) => {
                let (source, lock) = cache_mount::open(builder, mount)?;
                made._locks.push(lock);
                made.mounts.push(bind(source, mount.flag.read_only.unwrap_or(false)));
            }
            (MountKind::Secret, _) => secret(builder, mount, &mut made),
            (MountKind::Ssh, _) => agent(builder, mount, &mut made),
            _ => made.mounts.push(RunMount::Tmpfs { target, size: mount.flag.size }),
        }
    }
    Ok(made)
}

/// A secret as a variable, as a file, or as both.
fn secret(builder: &StageBuilder<'_, '_>, mount: &Prepared<'_>, made: &mut Mounts) {
    let Some(content) = builder.session.request.secrets.get(&mount.id) else { return };
    if let Some(name) = &mount.flag.env {
        made.secret_env.push((name.clone(), content.clone()));
        if mount.flag.target.is_none() {
            return;
        }
    }
    let (content, target) = (content.clone(), mount.target.clone());
    made.mounts.push(RunMount::Secret { content, target, access: access(mount.flag, 0o400) });
}

/// An agent's socket, and the variable that names it.
fn agent(builder: &StageBuilder<'_, '_>, mount: &Prepared<'_>, made: &mut Mounts) {
    let Some(socket) = builder.session.request.ssh.get(&mount.id) else { return };
    if made.env.is_empty() {
        made.env.push(format!("SSH_AUTH_SOCK={}", mount.target));
    }
    let (socket, target) = (socket.clone(), mount.target.clone());
    made.mounts.push(RunMount::Agent { socket, target, access: access(mount.flag, 0o600) });
}

fn access(flag: &MountFlag, mode: u32) -> Access {
    Access { mode: flag.mode.unwrap_or(mode), uid: flag.uid.unwrap_or(0), gid: flag.gid.unwrap_or(0) }
}

pub(super) fn copy_files(
    builder: &StageBuilder<'_, '_>,
    files: &Files<'_>,
    into: &Path,
) -> Result<PathBuf, StepError> {
    let tree = files.source.tree();
    let root = Root::open(into).map_err(|source| scratch_error("open", into, source))?;
    write_to(builder, root, &[tree], &files.plan, &files.facts)?;
    Ok(files.single.as_ref().map_or_else(|| into.to_owned(), |name| into.join(name)))
}
