//! `COPY`, `ADD` and `WORKDIR`.

use std::fs::File;
use std::path::Path;

use beneath::{Accounts, Root};

use super::layer::{self, Upper, scratch_error};
use super::source::Source;
use super::stage::{Outcome, StageBuilder, failed};
use crate::cache::Record;
use crate::context::Ignore;
use crate::dockerfile::Transfer;
use crate::error::{BuildError, Excerpt, StepError};
use crate::expand;
use crate::transfer::TransferError;
use crate::transfer::archive;
use crate::transfer::chmod::Chmod;
use crate::transfer::digest::{self, Facts};
use crate::transfer::plan::{Overrides, Planned, Planner};
use crate::transfer::select::{Origin, Selected};
use crate::transfer::write::Writer;
use crate::tree::{EntryKind, Tree};

/// `/etc/passwd` and `/etc/group` are not longer.
const ACCOUNTS_LIMIT: u64 = 16 << 20;

/// A transfer with everything expanded and looked up.
struct Job<'a> {
    origin: Origin<'a>,
    /// The image below; empty with `--link`.
    base: &'a Tree,
    sources: Vec<String>,
    /// Names and texts of here-documents.
    texts: Vec<(String, String)>,
    /// Absolute; ends with a slash if it must be a directory.
    destination: String,
    overrides: Overrides,
    /// Local archives are unpacked.
    unpack: bool,
}

pub(super) fn copy(
    builder: &mut StageBuilder<'_, '_>,
    transfer: &Transfer,
    add: bool,
    at: &Excerpt,
) -> Result<Outcome, BuildError> {
    let fail = |source| failed(at, source);
    supported(transfer, add).map_err(fail)?;
    let session = builder.session;
    let io_fail = |source| fail(scratch_error("open the layers beneath", session.store.root(), source));
    let base = Tree::overlay(&session.lower_dirs(&builder.state.layers)).map_err(io_fail)?;
    let nothing = Tree::overlay(&[]).map_err(io_fail)?;
    let exclude =
        Ignore::new(transfer.exclude.iter().map(String::as_str)).map_err(|error| fail(error.into()))?;
    let source = builder.source(transfer.from.as_deref(), at)?;
    let job = job(builder, transfer, &source, &exclude, (&base, &nothing), add).map_err(fail)?;
    run(builder, &job, transfer.link, add).map_err(fail)
}

fn supported(transfer: &Transfer, add: bool) -> Result<(), StepError> {
    let is_remote = |source: &String| {
        ["http://", "https://", "git://", "git@", "ssh://"].iter().any(|scheme| source.starts_with(scheme))
    };
    let missing = match () {
        () if add && transfer.sources.iter().any(is_remote) => "ADD from a URL or repository",
        () if transfer.checksum.is_some() => "ADD --checksum",
        () if transfer.keep_git_dir => "ADD --keep-git-dir",
        () if transfer.parents => "COPY --parents",
        () => return Ok(()),
    };
    Err(StepError::Unsupported(missing))
}

fn job<'a>(
    builder: &'a StageBuilder<'_, '_>,
    transfer: &Transfer,
    source: &'a Source<'a>,
    exclude: &'a Ignore,
    (base, nothing): (&'a Tree, &'a Tree),
    add: bool,
) -> Result<Job<'a>, StepError> {
    let (state, escape) = (&builder.state, builder.session.file.directives.escape);
    let sources = transfer.sources.iter().map(|source| state.expand(source, escape));
    let texts = transfer.heredocs.iter().map(|heredoc| {
        let content = heredoc.content();
        let lookup = |name: &str| state.variable(name);
        let text = if heredoc.expand { expand::document(&content, escape, &lookup)? } else { content };
        Ok((heredoc.name.clone(), text))
    });
    let written = state.expand(&transfer.destination, escape)?;
    let owner =
        transfer.chown.as_deref().map(|chown| owner(base, &state.expand(chown, escape)?)).transpose()?;
    let chmod = transfer.chmod.as_deref().map(|chmod| chmod_of(&state.expand(chmod, escape)?)).transpose()?;
    Ok(Job {
        overrides: Overrides { owner, chmod, root_owned: source.is_of_this_host() },
        origin: source.origin(exclude, builder),
        base: if transfer.link { nothing } else { base },
        sources: sources.collect::<Result<_, _>>()?,
        texts: texts.collect::<Result<_, StepError>>()?,
        destination: destination(&state.image.config.working_dir, &written),
        unpack: add && transfer.unpack != Some(false),
    })
}

fn chmod_of(text: &str) -> Result<Chmod, StepError> {
    let invalid = || StepError::Value { value: text.to_owned(), expected: "a mode: 755 or u=rwX,go=rX" };
    Chmod::parse(text).ok_or_else(invalid)
}

/// `user[:group]` by the image's own files; a number alone is the group as well.
fn owner(base: &Tree, spec: &str) -> Result<(u32, u32), StepError> {
    if let Ok(id) = spec.parse() {
        return Ok((id, id));
    }
    let read = |path: &str| {
        let content = base.read(Path::new(path), ACCOUNTS_LIMIT);
        content
            .map(Option::unwrap_or_default)
            .map_err(|source| scratch_error("read", Path::new(path), source))
    };
    let identity = Accounts::parse(&read("/etc/passwd")?, &read("/etc/group")?).resolve(spec)?;
    Ok((identity.uid, identity.gid))
}

/// A path of an instruction, made absolute; a trailing slash stays, and `.` means one.
pub(super) fn destination(working_dir: &str, path: &str) -> String {
    let is_directory = path.is_empty() || path == "." || path.ends_with('/') || path.ends_with("/.");
    let base = if path.starts_with('/') { "" } else { working_dir };
    let parts = base.split('/').chain(path.split('/')).filter(|part| !part.is_empty() && *part != ".");
    let joined: String = parts.map(|part| format!("/{part}")).collect();
    if is_directory { joined + "/" } else { joined }
}

/// Copies, or takes the layer from the cache.
fn run(builder: &StageBuilder<'_, '_>, job: &Job<'_>, link: bool, add: bool) -> Result<Outcome, StepError> {
    let (session, cancel) = (builder.session, &builder.session.cancel);
    let (plan, archives) = plan(job, None)?;
    let facts = digest::facts(&plan, &[job.origin.tree], cancel)?;
    let key = {
        let mut hasher = layer::key(session, if link { &[] } else { &builder.state.layers }, "copy");
        hasher.number(job.unpack.into());
        digest::add(&mut hasher, &plan, &facts);
        hasher.finish()
    };
    let created_by = created_by(job, add);
    let (record, cached) = layer::cached_or(builder, &key, || {
        let upper = layer::begin(session, job.base)?;
        match archives.is_empty() {
            true => write(builder, &upper, &[job.origin.tree], &plan, &facts)?,
            false => unpacked(builder, job, &upper, &archives)?,
        }
        layer::commit(session, &upper, &key)
    })?;
    Ok(Outcome::Layer { created_by, record, cached })
}

/// Plans a transfer. Archives are planned as files, and listed, unless they were unpacked: then `unpacked` has the tree
/// of each, in the order they were listed.
fn plan(
    job: &Job<'_>,
    unpacked: Option<&[Tree]>,
) -> Result<(Vec<Planned>, Vec<crate::tree::Entry>), StepError> {
    let mut planner = Planner::new(job.base, job.overrides.clone());
    let mut archives = Vec::new();
    let selected = job.sources.iter().map(|source| job.origin.select(source));
    let selected: Vec<Selected> = selected.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    let into = job.destination.ends_with('/');
    if selected.len() + job.texts.len() > 1 && !into {
        return Err(TransferError::DestinationNotDirectory { destination: job.destination.clone() }.into());
    }
    for selected in selected {
        let archive = archive_entry(job, &selected)?;
        match (archive, unpacked) {
            (Some(entry), Some(trees)) => {
                planner.use_tree(archives.len() + 1);
                let tree = trees.get(archives.len());
                tree.map(|tree| planner.add_tree(tree, job.origin.cancel, &job.destination)).transpose()?;
                planner.use_tree(0);
                archives.push(entry);
            }
            (Some(entry), None) => {
                planner.add(selected, &job.destination, true)?;
                archives.push(entry);
            }
            (None, _) => planner.add(selected, &job.destination, into)?,
        }
    }
    for (name, text) in &job.texts {
        planner.text(name, text.clone(), &job.destination, into)?;
    }
    Ok((planner.finish(), archives))
}

/// The entry of a source that is an archive to be unpacked.
fn archive_entry(job: &Job<'_>, selected: &Selected) -> Result<Option<crate::tree::Entry>, TransferError> {
    match selected {
        Selected::File { entry, .. } if job.unpack && entry.kind == EntryKind::File => {
            let fail = |source| TransferError::Read { path: entry.path.clone(), source };
            let file = File::from(job.origin.tree.open(entry).map_err(fail)?);
            Ok(archive::detect(file).map_err(fail)?.map(|_| entry.clone()))
        }
        _ => Ok(None),
    }
}

/// Unpacks archives aside and copies from there.
fn unpacked(
    builder: &StageBuilder<'_, '_>,
    job: &Job<'_>,
    upper: &Upper,
    archives: &[crate::tree::Entry],
) -> Result<(), StepError> {
    let mut trees = Vec::new();
    for (number, entry) in archives.iter().enumerate() {
        let into = upper.aside(&format!("archive{number}"))?;
        let fail = |source| TransferError::Archive { archive: entry.path.clone(), source };
        let file = File::from(job.origin.tree.open(entry).map_err(fail)?);
        if let Some((compression, stream)) = archive::detect(file).map_err(fail)? {
            let stream = compression.reader(stream).map_err(fail)?;
            archive::unpack(&entry.path, stream, &into, job.origin.cancel)?;
        }
        trees.push(Tree::plain(&into).map_err(fail)?);
    }
    let (plan, _) = plan(job, Some(&trees))?;
    let trees: Vec<&Tree> = [job.origin.tree].into_iter().chain(&trees).collect();
    let facts = digest::facts(&plan, &trees, job.origin.cancel)?;
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
    let words: Vec<_> = texts.chain(job.sources.iter().cloned()).collect();
    format!("{name} {} {}", words.join(" "), job.destination)
}

/// `WORKDIR`: sets it, and makes it where it is missing, for the user of the stage.
pub(super) fn workdir(builder: &mut StageBuilder<'_, '_>, path: &str) -> Result<Outcome, StepError> {
    let session = builder.session;
    let path = builder.state.expand(path, session.file.directives.escape)?;
    let joined = destination(&builder.state.image.config.working_dir, &path);
    let path = format!("/{}", crate::context::clean(&joined));
    builder.state.image.config.working_dir.clone_from(&path);
    let created_by = format!("WORKDIR {path}");
    let base = Tree::overlay(&session.lower_dirs(&builder.state.layers))
        .map_err(|source| scratch_error("open the layers beneath", session.store.root(), source))?;
    let user = builder.state.image.config.user.clone();
    let owner = if user.is_empty() { None } else { Some(owner(&base, &user)?) };
    let mut planner = Planner::new(&base, Overrides { owner, ..Overrides::default() });
    planner.directory(&path)?;
    let plan = planner.finish();
    if plan.is_empty() {
        return Ok(Outcome::Metadata { created_by });
    }
    let facts = vec![None; plan.len()];
    let mut hasher = layer::key(session, &builder.state.layers, "workdir");
    digest::add(&mut hasher, &plan, &facts);
    let key = hasher.finish();
    let make = || make_workdir(builder, &base, &plan, &facts, &key);
    let (record, cached) = layer::cached_or(builder, &key, make)?;
    Ok(Outcome::Layer { created_by, record, cached })
}

fn make_workdir(
    builder: &StageBuilder<'_, '_>,
    base: &Tree,
    plan: &[Planned],
    facts: &[Option<Facts>],
    key: &image::Digest,
) -> Result<Record, StepError> {
    let upper = layer::begin(builder.session, base)?;
    write(builder, &upper, &[], plan, facts)?;
    layer::commit(builder.session, &upper, key)
}

#[cfg(test)]
mod tests {
    use super::destination;

    #[test]
    fn destinations_become_absolute() {
        assert_eq!(destination("/app", "x"), "/app/x");
        assert_eq!(destination("/app", "x/"), "/app/x/");
        assert_eq!(destination("/app", "."), "/app/");
        assert_eq!(destination("", "x"), "/x");
        assert_eq!(destination("/app", "/x/."), "/x/");
        assert_eq!(destination("/", "/"), "/");
        assert_eq!(destination("/app", "../x"), "/app/../x");
    }
}
