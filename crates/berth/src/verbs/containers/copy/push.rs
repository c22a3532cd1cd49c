//! Into a container.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use beneath::Root;
use bytes::Bytes;
use image::PackError;
use tokio::sync::mpsc::Sender;

use super::bridge::{ArchiveWriter, channel};
use super::place::{Found, Place, is_directory, names_content, place};
use crate::cli::Context;
use crate::client::CallError;
use crate::failure::Failure;

const PIECE: usize = 64 * 1024;

/// A copy into a container.
pub(super) struct Push<'a> {
    pub(super) container: &'a str,
    /// The destination in the container.
    pub(super) path: &'a str,
    /// Copy what a link leads to.
    pub(super) follow: bool,
    /// Give everything to the container's user.
    pub(super) own: bool,
}

/// What is at the destination, with the link there followed.
struct Destination {
    path: String,
    found: Found,
}

impl Push<'_> {
    /// Copies `local`, or the archive on standard input for `-`; gives the archive's length.
    pub(super) async fn run(&self, context: &Context, local: &str) -> Result<u64, Failure> {
        let destination = self.destination(context).await?;
        if local == "-" {
            return self.standard_input(context, destination).await;
        }
        let source = Source::find(local, self.follow)?;
        let (directory, name) = match place(&destination.path, destination.found, source.is_directory)? {
            Place::Into(directory) => (directory, source.name.clone()),
            Place::As { directory, name } => (directory, name),
        };
        let (sender, receiver) = channel();
        let packing = tokio::task::spawn_blocking(move || source.pack(&name, sender));
        let sent = context.engine.archive_put(self.container, &directory, self.own, receiver).await;
        match packing.await? {
            // What broke here is why the engine saw a broken archive; the reverse is a broken pipe here.
            Err(PackError::Write(_)) => sent.map(|()| 0).map_err(Failure::from),
            Err(error) => Err(error.into()),
            Ok(length) => sent.map(|()| length).map_err(Failure::from),
        }
    }

    async fn standard_input(&self, context: &Context, destination: Destination) -> Result<u64, Failure> {
        if destination.found != Found::Directory {
            let text =
                format!("{:?} in {} is not a directory: an archive needs one", self.path, self.container);
            return Err(Failure::new(text));
        }
        let (sender, receiver) = channel();
        let reading = tokio::task::spawn_blocking(move || pass_standard_input(&sender));
        context.engine.archive_put(self.container, &destination.path, self.own, receiver).await?;
        Ok(reading.await?)
    }

    async fn destination(&self, context: &Context) -> Result<Destination, Failure> {
        let path = format!("/{}", self.path.trim_start_matches('/'));
        let here = match context.engine.archive_stat(self.container, &path).await {
            // Whether the container or the path is missing, the engine says when it gets the archive.
            Err(error) if error.is_not_found() => return Ok(Destination { path, found: Found::Nothing }),
            Err(CallError::Refused { status: 400, .. }) if is_directory(&path) => {
                return Ok(Destination { path, found: Found::File });
            }
            other => other?,
        };
        if !here.is_symlink() {
            let found = if here.is_directory() { Found::Directory } else { Found::File };
            return Ok(Destination { path, found });
        }
        let target = here.link_target;
        let found = match context.engine.archive_stat(self.container, &target).await {
            Ok(there) if there.is_directory() => Found::Directory,
            Ok(_) => Found::File,
            Err(error) if error.is_not_found() => Found::Nothing,
            Err(error) => return Err(error.into()),
        };
        Ok(Destination { path: target, found })
    }
}

/// Passes standard input on until it ends or nobody wants it; gives the number of bytes.
fn pass_standard_input(sender: &Sender<io::Result<Bytes>>) -> u64 {
    let (mut stdin, mut count) = (io::stdin().lock(), 0);
    let mut buffer = vec![0; PIECE];
    loop {
        let read = match stdin.read(&mut buffer) {
            Ok(0) => return count,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let _ = sender.blocking_send(Err(error));
                return count;
            }
        };
        if sender.blocking_send(Ok(Bytes::copy_from_slice(&buffer[..read]))).is_err() {
            return count;
        }
        count += read as u64;
    }
}

/// What is copied.
#[derive(Debug)]
struct Source {
    /// Absolute; only the last component may be a link.
    path: PathBuf,
    /// What it is called in the archive; `.` for what a directory holds.
    name: String,
    is_directory: bool,
}

impl Source {
    fn find(path: &str, follow: bool) -> Result<Source, Failure> {
        let failed = |error: io::Error| Failure::new(format!("cannot copy {path:?}: {error}"));
        let given = std::path::absolute(path).map_err(failed)?;
        let real = if follow || is_directory(path) { given.canonicalize() } else { keep_link(&given) };
        let real = real.map_err(failed)?;
        let is_dir = real.symlink_metadata().map_err(failed)?.is_dir();
        if is_directory(path) && !is_dir {
            return Err(Failure::new(format!("cannot copy {path:?}: it is not a directory")));
        }
        let name = match names_content(path) {
            true => ".".to_owned(),
            false => given
                .file_name()
                .or(real.file_name())
                .map_or(".".into(), |n| n.to_string_lossy())
                .into_owned(),
        };
        Ok(Source { path: real, name, is_directory: is_dir })
    }

    fn pack(&self, name: &str, sender: Sender<io::Result<Bytes>>) -> Result<u64, PackError> {
        let mut writer = ArchiveWriter::new(sender);
        let failed = |source| PackError::Read { path: self.path.clone(), source };
        let packed = Root::open("/").map_err(failed).and_then(|root| {
            let length = image::pack(&root, &self.path, Path::new(name), &mut writer)?;
            io::Write::flush(&mut writer).map_err(PackError::Write)?;
            Ok(length)
        });
        if packed.is_err() {
            writer.cut_off();
        }
        packed
    }
}

/// The path with all links resolved but one at its end.
fn keep_link(path: &Path) -> io::Result<PathBuf> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok(parent.canonicalize()?.join(name)),
        _ => path.canonicalize(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_source_is_what_its_path_says() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        std::fs::create_dir(base.join("d")).unwrap();
        std::fs::write(base.join("f"), "x").unwrap();
        symlink("d", base.join("l")).unwrap();
        let find = |path: &str, follow| {
            let found = Source::find(&format!("{}/{path}", base.display()), follow)?;
            let path = found.path.strip_prefix(&base).unwrap_or(&found.path).display().to_string();
            Ok::<_, Failure>((path, found.name, found.is_directory))
        };
        let wanted = |path: &str, name: &str, dir| (path.to_owned(), name.to_owned(), dir);
        assert_eq!(find("d", false).unwrap(), wanted("d", "d", true));
        assert_eq!(find("d/.", false).unwrap(), wanted("d", ".", true));
        assert_eq!(find("l", false).unwrap(), wanted("l", "l", false));
        assert_eq!(find("l", true).unwrap(), wanted("d", "l", true));
        assert_eq!(find("l/", false).unwrap(), wanted("d", "l", true));
        assert!(find("f/", false).unwrap_err().message().contains("Not a directory"));
        assert!(find("none", false).unwrap_err().message().contains("none"));
    }
}
