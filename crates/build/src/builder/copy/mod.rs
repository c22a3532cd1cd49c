//! `COPY`, `ADD` and `WORKDIR`.

mod job;
mod remote;
mod workdir;

use std::fs::File;

use beneath::Root;

use super::layer::{self, Upper, scratch_error};
use super::stage::{Outcome, StageBuilder, failed};
use crate::context::Ignore;
use crate::dockerfile::Transfer;
use crate::error::{BuildError, Excerpt, StepError};
use crate::hash::Hasher;
use crate::transfer::TransferError;
use crate::transfer::archive;
use crate::transfer::digest::{self, Facts};
use crate::transfer::plan::{Planned, Planner};
use crate::transfer::select::Selected;
use crate::transfer::write::Writer;
use crate::tree::{Entry, EntryKind, Tree};
use job::{Job, Wanted};

pub(super) use job::destination;
pub(super) use workdir::workdir;

pub(super) fn copy(
    builder: &mut StageBuilder<'_, '_>,
    transfer: &Transfer,
    add: bool,
    at: &Excerpt,
) -> Result<Outcome, BuildError> {
    let fail = |source| failed(at, source);
    let session = builder.session;
    let io_fail = |source| fail(scratch_error("open the layers beneath", session.store.root(), source));
    let base = Tree::overlay(&session.lower_dirs(&builder.state.layers)).map_err(io_fail)?;
    let nothing = Tree::overlay(&[]).map_err(io_fail)?;
    let exclude =
        Ignore::new(transfer.exclude.iter().map(String::as_str)).map_err(|error| fail(error.into()))?;
    let source = builder.source(transfer.from.as_deref(), at)?;
    let job = job::job(builder, transfer, &source, &exclude, (&base, &nothing), add).map_err(fail)?;
    run(builder, &job, transfer.link, add).map_err(fail)
}

/// Copies, or takes the layer from the cache.
fn run(builder: &StageBuilder<'_, '_>, job: &Job<'_>, link: bool, add: bool) -> Result<Outcome, StepError> {
    let (session, cancel) = (builder.session, &builder.session.cancel);
    let (plan, archives) = plan(job, None)?;
    let trees = job.trees();
    let known = session.known(job.origin.tree);
    let facts = digest::facts(&plan, &trees, known.as_deref(), cancel)?;
    let key = {
        let mut hasher = layer::key(session, if link { &[] } else { &builder.state.layers }, "copy");
        hasher.number(job.unpack.into());
        hasher.number(job.unpack_fetched.into());
        add_to_key(&mut hasher, job, &plan, &facts);
        hasher.finish()
    };
    let created_by = created_by(job, add);
    let (record, cached) = layer::cached_or(builder, &key, || {
        let upper = layer::begin(session, job.base)?;
        match archives.is_empty() {
            true => write(builder, &upper, &trees, &plan, &facts)?,
            false => unpacked(builder, job, &upper, &archives)?,
        }
        layer::commit(session, &upper, &key)
    })?;
    Ok(Outcome::Layer { created_by, record, cached })
}

/// Adds what is copied to a step's key. A repository with its own directory counts as its commit: git writes that
/// directory a little differently each time.
fn add_to_key(hasher: &mut Hasher, job: &Job<'_>, plan: &[Planned], facts: &[Option<Facts>]) {
    let commit = |tree: usize| job.taken.get(tree.checked_sub(1)?)?.commit.as_deref();
    hasher.list(job.taken.iter().filter_map(|taken| taken.commit.as_deref()));
    let counted = plan.iter().zip(facts);
    let counted: Vec<_> =
        counted.map(|(planned, facts)| facts.clone().filter(|_| commit(planned.tree).is_none())).collect();
    digest::add(hasher, plan, &counted);
}

/// An archive to be unpacked: the tree it is in, and its entry there.
type Archive = (usize, Entry);

impl Job<'_> {
    /// The trees that a plan refers to by number: the origin, and what was fetched.
    fn trees(&self) -> Vec<&Tree> {
        [self.origin.tree].into_iter().chain(self.taken.iter().map(|taken| &taken.tree)).collect()
    }

    /// Everything selected: the number of its tree, the directories it keeps, and what it is.
    fn selected(&self) -> Result<Vec<(usize, String, Selected)>, StepError> {
        let mut all = Vec::new();
        for source in &self.sources {
            match source {
                Wanted::Path(path) => {
                    let found = self.origin.select_paths(path)?;
                    let parents = |at: &str| if self.parents { kept(path, at) } else { String::new() };
                    all.extend(found.into_iter().map(|(at, selected)| (0, parents(&at), selected)));
                }
                Wanted::Taken(index) => {
                    let taken = self.taken.get(*index);
                    let select = taken.map(|taken| {
                        taken.select(self.origin.exclude, self.origin.cancel, &self.destination)
                    });
                    all.extend(select.transpose()?.map(|selected| (index + 1, String::new(), selected)));
                }
            }
        }
        Ok(all)
    }
}

/// With `--parents`, the path beneath the destination that the source `at`, found by `pattern`, is copied to. What is
/// before a component `.` of the pattern is left out.
fn kept(pattern: &str, at: &str) -> String {
    let left_out = pattern.split_once("/./").map_or(0, |(before, _)| {
        crate::context::clean(before).split('/').filter(|part| !part.is_empty()).count()
    });
    at.split('/').skip(left_out).collect::<Vec<_>>().join("/")
}

/// Plans a transfer. Archives are planned as files, and listed, unless they were unpacked: then `unpacked` has the tree
/// of each, in the order they were listed.
fn plan(job: &Job<'_>, unpacked: Option<&[Tree]>) -> Result<(Vec<Planned>, Vec<Archive>), StepError> {
    let mut planner = Planner::new(job.base, job.overrides.clone());
    let mut archives = Vec::new();
    let selected = job.selected()?;
    let into = job.destination.ends_with('/') || job.parents;
    if selected.len() + job.texts.len() > 1 && !into {
        return Err(TransferError::DestinationNotDirectory { destination: job.destination.clone() }.into());
    }
    for (tree, kept, selected) in selected {
        planner.use_tree(tree);
        if archive_entry(job, tree, &selected)? {
            let Selected::File { entry, .. } = &selected else { continue };
            let entry = entry.clone();
            match unpacked {
                Some(trees) => {
                    planner.use_tree(1 + job.taken.len() + archives.len());
                    let tree = trees.get(archives.len());
                    tree.map(|tree| planner.add_tree(tree, job.origin.cancel, &job.destination))
                        .transpose()?;
                }
                None => planner.add(selected, &job.destination, true)?,
            }
            archives.push((tree, entry));
        } else if job.parents {
            planner.add_with_parents(job.origin.tree, selected, &job.destination, &kept)?;
        } else {
            planner.add(selected, &job.destination, into)?;
        }
    }
    for (name, text) in &job.texts {
        planner.text(name, text.clone(), &job.destination, into)?;
    }
    Ok((planner.finish(), archives))
}

/// Whether a source is an archive that is to be unpacked.
fn archive_entry(job: &Job<'_>, tree: usize, selected: &Selected) -> Result<bool, TransferError> {
    let wanted = if tree == 0 { job.unpack } else { job.unpack_fetched };
    match selected {
        Selected::File { entry, .. } if wanted && entry.kind == EntryKind::File => {
            let fail = |source| TransferError::Read { path: entry.path.clone(), source };
            Ok(archive::detect(open(job, tree, entry).map_err(fail)?).map_err(fail)?.archive().is_some())
        }
        _ => Ok(false),
    }
}

fn open(job: &Job<'_>, tree: usize, entry: &Entry) -> std::io::Result<File> {
    let tree = job.trees().get(tree).copied().ok_or(std::io::ErrorKind::NotFound)?;
    tree.open(entry).map(File::from)
}

/// Unpacks archives aside and copies from there.
fn unpacked(
    builder: &StageBuilder<'_, '_>,
    job: &Job<'_>,
    upper: &Upper,
    archives: &[Archive],
) -> Result<(), StepError> {
    let mut trees = Vec::new();
    for (number, (tree, entry)) in archives.iter().enumerate() {
        let into = upper.aside(&format!("archive{number}"))?;
        let fail = |source| TransferError::Archive { archive: entry.path.clone(), source };
        let file = open(job, *tree, entry).map_err(fail)?;
        if let Some((compression, stream)) = archive::detect(file).map_err(fail)?.archive() {
            let stream = compression.reader(stream).map_err(fail)?;
            archive::unpack(&entry.path, stream, &into, job.origin.cancel)?;
        }
        trees.push(Tree::plain(&into).map_err(fail)?);
    }
    let (plan, _) = plan(job, Some(&trees))?;
    let trees: Vec<&Tree> = job.trees().into_iter().chain(&trees).collect();
    let facts = digest::facts(&plan, &trees, None, job.origin.cancel)?;
    write(builder, upper, &trees, &plan, &facts)
}

fn write(
    builder: &StageBuilder<'_, '_>,
    upper: &Upper,
    trees: &[&Tree],
    plan: &[Planned],
    facts: &[Option<Facts>],
) -> Result<(), StepError> {
    let path = upper.path();
    let root = Root::open(&path).map_err(|source| scratch_error("open", &path, source))?;
    write_to(builder, root, trees, plan, facts)
}

/// Writes a plan to an empty directory.
pub(super) fn write_to(
    builder: &StageBuilder<'_, '_>,
    root: Root,
    trees: &[&Tree],
    plan: &[Planned],
    facts: &[Option<Facts>],
) -> Result<(), StepError> {
    let (now, cancel) = (builder.session.now.unix_timestamp(), &builder.session.cancel);
    Ok(Writer { upper: root, trees, now, cancel }.run(plan, facts)?)
}

fn created_by(job: &Job<'_>, add: bool) -> String {
    let name = if add { "ADD" } else { "COPY" };
    let texts = job.texts.iter().map(|(name, _)| format!("<<{name}"));
    let source = |source: &Wanted| match source {
        Wanted::Path(path) => path.clone(),
        Wanted::Taken(index) => job.taken.get(*index).map(|taken| taken.address.clone()).unwrap_or_default(),
    };
    let words: Vec<_> = texts.chain(job.sources.iter().map(source)).collect();
    format!("{name} {} {}", words.join(" "), job.destination)
}
