//! Out of a container.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use beneath::Root;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use image::{ExtractError, ExtractOptions};

use super::bridge::{ArchiveReader, channel, feed};
use super::place::{Found, Place, PlaceError, place};
use crate::cli::Context;
use crate::client::PathStat;
use crate::failure::Failure;
use crate::output;

/// A copy out of a container.
pub(super) struct Pull<'a> {
    pub(super) container: &'a str,
    /// The source in the container.
    pub(super) path: &'a str,
    /// Copy what a link leads to.
    pub(super) follow: bool,
    /// Owners as in the container; else everything belongs to the user.
    pub(super) keep_owners: bool,
}

/// An archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
enum UnpackError {
    #[error("cannot write to {}", path.display())]
    Path {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot unpack what the container holds")]
    Extract(#[from] ExtractError),
}

impl Pull<'_> {
    /// Copies to `local`, or as an archive to standard output for `-`; gives the archive's length.
    pub(super) async fn run(&self, context: &Context, local: &str) -> Result<u64, Failure> {
        if local == "-" && output::stdout_is_terminal() {
            return Err(Failure::new("refusing to write an archive to the terminal: redirect the output"));
        }
        let (path, name) = self.source(context).await?;
        let (mut stat, archive) = context.engine.archive_get(self.container, &path).await?;
        if local == "-" {
            return to_standard_output(archive).await;
        }
        let destination = follow_links(local)?;
        let mut place = place(&destination, found(&destination), stat.is_directory())?;
        if let Place::As { directory, .. } = &place
            && found(directory) == Found::Nothing
        {
            return Err(PlaceError::NoDirectory(directory.clone()).into());
        }
        if let (Some(name), Place::Into(directory)) = (name, &place) {
            place = Place::As { directory: directory.clone(), name };
        }
        if let Place::As { .. } = place
            && ["/", ""].contains(&stat.name.as_str())
        {
            stat.name = ".".to_owned();
        }
        let owner = (!self.keep_owners)
            .then(|| (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()));
        let options = ExtractOptions { owner, keep_kind: true, ..ExtractOptions::default() };
        let (sender, receiver) = channel();
        let unpacking = tokio::task::spawn_blocking(move || {
            let mut reader = ArchiveReader::new(receiver);
            unpack(&place, &stat, &mut reader, &options).map(|()| reader.count)
        });
        feed(archive, sender).await;
        Ok(unpacking.await??)
    }

    /// The path to ask for, and the name it must get when it is another than the path's own.
    async fn source(&self, context: &Context) -> Result<(String, Option<String>), Failure> {
        let path = format!("/{}", self.path.trim_start_matches('/'));
        if !self.follow {
            return Ok((path, None));
        }
        let stat = match context.engine.archive_stat(self.container, &path).await {
            // The answer to the real question says more.
            Err(error) if error.is_not_found() => return Ok((path, None)),
            other => other?,
        };
        if !stat.is_symlink() {
            return Ok((path, None));
        }
        let target = context.engine.archive_stat(self.container, &stat.link_target).await?;
        // A slash makes the engine follow the link, and keeps its name.
        match target.is_directory() {
            true => Ok((format!("{path}/"), None)),
            false => Ok((stat.link_target, Some(stat.name))),
        }
    }
}

async fn to_standard_output(mut archive: Incoming) -> Result<u64, Failure> {
    let mut count = 0;
    while let Some(frame) = archive.frame().await {
        let frame = frame.map_err(crate::client::CallError::from)?;
        if let Some(data) = frame.data_ref() {
            output::write(data)?;
            count += data.len() as u64;
        }
    }
    io::stdout().flush()?;
    Ok(count)
}

/// Where a destination that is a link leads, also when nothing is there yet.
fn follow_links(local: &str) -> Result<String, Failure> {
    const MOST: usize = 40;
    let mut path = local.to_owned();
    for _ in 0..MOST {
        let Ok(target) = fs::read_link(&path) else { return Ok(path) };
        let parent = Path::new(&path).parent().unwrap_or(Path::new("."));
        path = parent.join(target).to_string_lossy().into_owned();
    }
    Err(Failure::new(format!("cannot copy to {local:?}: too many symbolic links")))
}

fn found(path: &str) -> Found {
    let trimmed = match path.trim_end_matches('/') {
        "" if path.starts_with('/') => "/",
        trimmed => trimmed,
    };
    match fs::metadata(path).or_else(|_| fs::metadata(trimmed)) {
        Ok(metadata) if metadata.is_dir() => Found::Directory,
        Ok(_) => Found::File,
        Err(_) => Found::Nothing,
    }
}

/// Unpacks into the place. Under another name it is unpacked beside first, and renamed when it is whole.
fn unpack(
    place: &Place,
    stat: &PathStat,
    reader: &mut ArchiveReader,
    options: &ExtractOptions,
) -> Result<(), UnpackError> {
    let (directory, name) = match place {
        Place::Into(directory) => return extract(Path::new(directory), reader, options),
        Place::As { directory, name } => (Path::new(directory), name),
    };
    let failed = |path: &Path, source| UnpackError::Path { path: path.to_owned(), source };
    let aside = tempfile::Builder::new().prefix(".berth-cp-").tempdir_in(directory);
    let aside = aside.map_err(|source| failed(directory, source))?;
    let whole = if stat.name == "." {
        let content = aside.path().join("content");
        fs::create_dir(&content).map_err(|source| failed(&content, source))?;
        extract(&content, reader, options)?;
        content
    } else {
        extract(aside.path(), reader, options)?;
        aside.path().join(&stat.name)
    };
    let goal = directory.join(name);
    fs::rename(&whole, &goal).map_err(|source| failed(&goal, source))
}

fn extract(
    directory: &Path,
    reader: &mut ArchiveReader,
    options: &ExtractOptions,
) -> Result<(), UnpackError> {
    let opened = Root::open(directory);
    let root = opened.map_err(|source| UnpackError::Path { path: directory.to_owned(), source })?;
    image::extract(&root, Path::new("."), reader, options)?;
    // The end of an archive comes before the end of its stream.
    io::copy(reader, &mut io::sink())
        .map(drop)
        .map_err(|source| UnpackError::Path { path: directory.to_owned(), source })
}
