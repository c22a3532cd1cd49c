//! `--output`: the result as files or archives on this host.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{chown, lchown};
use std::path::{Path, PathBuf};

use beneath::Root;
use image::{LayerId, PackError, SaveError, StoreError};

use super::session::Session;
use crate::context::Ignore;
use crate::error::BuildError;
use crate::request::{Output, OutputKind};
use crate::transfer::TransferError;
use crate::transfer::digest;
use crate::transfer::plan::{Overrides, Planner};
use crate::transfer::select::Origin;
use crate::transfer::write::Writer;
use crate::tree::Tree;

/// Why a result was not written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// A file or directory of this host.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Copying the image's files.
    #[error(transparent)]
    Copy(#[from] TransferError),
    /// Writing them as a tar stream.
    #[error("cannot write the tar stream")]
    Pack(#[from] PackError),
    /// Writing the image as an archive.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// The image store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OutputKind {
    /// Whether the output is of the image rather than of its files.
    pub(super) fn needs_image(self) -> bool {
        matches!(self, Self::OciArchive | Self::DockerArchive)
    }
}

/// Writes an output; `names` is what the image is called.
pub(super) fn write(
    session: &Session<'_>,
    output: &Output,
    layers: &[LayerId],
    names: &[String],
) -> Result<(), BuildError> {
    let written = match output.kind {
        OutputKind::Directory => directory(session, output, layers),
        OutputKind::Tar => archive(output, |to| {
            let scratch = session.store.scratch()?;
            let files = scratch.path().join("files");
            fs::create_dir(&files).map_err(failed("make", &files))?;
            copy(session, layers, &files, None)?;
            let root = Root::open(&files).map_err(failed("open", &files))?;
            image::pack(&root, Path::new("."), Path::new(""), to)?;
            Ok(())
        }),
        OutputKind::OciArchive | OutputKind::DockerArchive => {
            archive(output, |to| Ok(session.store.save(names, to)?))
        }
    };
    written.map_err(|source| BuildError::Output { to: output.to.clone(), source: Box::new(source) })
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OutputError {
    let path = path.to_owned();
    move |source| OutputError::File { action, path, source }
}

/// Writes a file aside and renames it, so that there is a whole one or none.
fn archive(
    output: &Output,
    write: impl FnOnce(&mut dyn Write) -> Result<(), OutputError>,
) -> Result<(), OutputError> {
    let aside = beside(&output.to);
    let made = || {
        let mut file = BufWriter::new(File::create(&aside).map_err(failed("make", &aside))?);
        write(&mut file)?;
        file.flush().map_err(failed("write", &aside))?;
        chown(&aside, Some(output.owner.0), Some(output.owner.1)).map_err(failed("change", &aside))?;
        fs::rename(&aside, &output.to).map_err(failed("write", &output.to))
    };
    let done = made();
    if done.is_err() {
        // It may never have been there.
        let _ = fs::remove_file(&aside);
    }
    done
}

/// A name beside `path` that nothing else has.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}-{:?}", std::process::id(), std::thread::current().id()))
}

/// Writes the image's files aside, in the directory itself, and moves them in: files there of the same names are replaced.
fn directory(session: &Session<'_>, output: &Output, layers: &[LayerId]) -> Result<(), OutputError> {
    let (to, owner) = (&output.to, output.owner);
    if !to.is_dir() {
        fs::create_dir_all(to).map_err(failed("make", to))?;
        chown(to, Some(owner.0), Some(owner.1)).map_err(failed("change", to))?;
    }
    let aside = beside(&to.join("output"));
    fs::create_dir(&aside).map_err(failed("make", &aside))?;
    let done = copy(session, layers, &aside, Some(owner)).and_then(|()| move_in(&aside, to));
    let removed = fs::remove_dir_all(&aside).map_err(failed("remove", &aside));
    done.and(removed)
}

fn move_in(from: &Path, to: &Path) -> Result<(), OutputError> {
    for entry in fs::read_dir(from).map_err(failed("read", from))? {
        let entry = entry.map_err(failed("read", from))?;
        let (own, target) = (entry.path(), to.join(entry.file_name()));
        let is_directory = |path: &Path| path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
        if is_directory(&own) && is_directory(&target) {
            move_in(&own, &target)?;
        } else {
            fs::rename(&own, &target).map_err(failed("write", &target))?;
        }
    }
    Ok(())
}

/// Copies the files of merged layers into an empty directory.
fn copy(
    session: &Session<'_>,
    layers: &[LayerId],
    to: &Path,
    owner: Option<(u32, u32)>,
) -> Result<(), OutputError> {
    let root = session.store.root();
    let tree = Tree::overlay(&session.lower_dirs(layers)).map_err(failed("open", root))?;
    let (nothing, none) = (Tree::overlay(&[]).map_err(failed("open", root))?, Ignore::default());
    let cancel = &session.cancel;
    let origin =
        Origin { tree: &tree, ignore: &none, exclude: &none, devices: true, name: "the image", cancel };
    let mut planner = Planner::new(&nothing, Overrides { owner, ..Overrides::default() });
    for selected in if layers.is_empty() { Vec::new() } else { origin.select("/")? } {
        planner.add(selected, "/", true)?;
    }
    let plan = planner.finish();
    let facts = digest::facts(&plan, &[&tree], None, cancel)?;
    let upper = Root::open(to).map_err(failed("open", to))?;
    let now = session.now.unix_timestamp();
    Writer { upper, trees: &[&tree], now, cancel }.run(&plan, &facts)?;
    match owner {
        Some((uid, gid)) => lchown(to, Some(uid), Some(gid)).map_err(failed("change", to)),
        None => Ok(()),
    }
}
