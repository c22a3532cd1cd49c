//! Where `build` takes its files from: a directory, an address, or standard input.

use std::io::{self, IsTerminal as _, Read, Write as _};
use std::path::{Path, PathBuf};

use beneath::Root;
use build::{BuildRequest, DockerfileSource};
use bytes::Bytes;
use tokio::sync::mpsc::Receiver;

use crate::cli::{Context, Host};
use crate::client::{Call, Lines};
use crate::failure::Failure;
use crate::verbs::containers::copy::bridge::{ArchiveWriter, channel};

/// Bytes of standard input that tell an archive from a Dockerfile.
const HEAD: u64 = 512;
/// No Dockerfile is longer.
const TEXT_LIMIT: u64 = 16 << 20;

/// The files of a build.
pub(super) enum Source {
    /// A directory of this machine.
    Directory(PathBuf),
    /// An address that the engine fetches.
    Url(String),
    /// A Dockerfile and no files; the directory is empty.
    Text(String, tempfile::TempDir),
    /// An archive on standard input, of which this was read already.
    Archive(Vec<u8>),
}

impl Source {
    /// What PATH means. `taken` says that standard input has the Dockerfile already.
    pub(super) fn of(path: &Path, taken: bool) -> Result<Source, Failure> {
        let text = path.to_string_lossy();
        if text == "-" && taken {
            return Err(Failure::new("standard input cannot be both the Dockerfile and the context"));
        }
        if text == "-" {
            return Self::stdin();
        }
        if !matches!(build::is_remote(&text), Ok(false)) {
            return Ok(Source::Url(text.into_owned()));
        }
        let directory = std::path::absolute(path)
            .map_err(|e| Failure::new(format!("cannot resolve {}: {e}", path.display())))?;
        match directory.metadata() {
            Ok(meta) if meta.is_dir() => Ok(Source::Directory(directory)),
            Ok(_) => Err(Failure::new(format!(
                "cannot build from {}: it is not a directory; a Dockerfile is named with -f, an archive is read with \
                 `berth build - < {0}`",
                path.display()
            ))),
            Err(e) => Err(Failure::new(format!("cannot build from {}: {e}", path.display()))),
        }
    }

    fn stdin() -> Result<Source, Failure> {
        let mut stdin = io::stdin().lock();
        if io::stdin().is_terminal() {
            return Err(Failure::new(
                "refusing to read from the terminal: redirect a Dockerfile or a tar archive, as in `berth build - < Dockerfile`",
            ));
        }
        let mut head = Vec::new();
        stdin.by_ref().take(HEAD).read_to_end(&mut head)?;
        if is_archive(&head) {
            return Ok(Source::Archive(head));
        }
        stdin.take(TEXT_LIMIT).read_to_end(&mut head)?;
        let directory = tempfile::tempdir()
            .map_err(|e| Failure::new(format!("cannot make a temporary directory: {e}")))?;
        Ok(Source::Text(String::from_utf8_lossy(&head).into_owned(), directory))
    }

    /// Puts into the request what it says of the source.
    pub(super) fn apply(&self, request: &mut BuildRequest) {
        match self {
            Source::Directory(directory) => request.context.clone_from(directory),
            Source::Url(url) => request.context_url = Some(url.clone()),
            Source::Text(text, directory) => {
                request.context = directory.path().to_owned();
                request.dockerfile = DockerfileSource::Inline(text.clone());
            }
            Source::Archive(_) => {}
        }
    }

    /// Whether the Dockerfile's path is one of this machine rather than one in the context.
    pub(super) fn has_paths(&self) -> bool {
        matches!(self, Source::Directory(_) | Source::Text(..))
    }

    /// Has the engine build; sends it the files if it cannot read them itself.
    pub(super) async fn start(self, context: &Context, request: &BuildRequest) -> Result<Lines, Failure> {
        let elsewhere = !matches!(context.globals.host, Host::Unix(_));
        let body = serde_json::to_value(request)?;
        let pieces = match self {
            Source::Archive(head) => sent(&body, move |writer| {
                writer.write_all(&head)?;
                io::copy(&mut io::stdin().lock(), writer).map(drop)
            }),
            Source::Directory(directory) if elsewhere => {
                let root = Root::open(&directory).map_err(|e| {
                    Failure::new(format!("cannot read the context {}: {e}", directory.display()))
                })?;
                sent(&body, move |writer| {
                    image::pack(&root, Path::new("."), Path::new(""), writer)
                        .map(drop)
                        .map_err(io::Error::other)
                })
            }
            Source::Text(..) if elsewhere => sent(&body, |writer| writer.write_all(&[0; 1024])),
            _ => return Ok(context.engine.lines(Call::post("/berth/build").json(&body)).await?),
        };
        Ok(context.engine.upload("/berth/build/context", pieces).await?)
    }
}

/// A request, and an archive that a thread of its own writes.
fn sent(
    request: &serde_json::Value,
    write: impl FnOnce(&mut ArchiveWriter) -> io::Result<()> + Send + 'static,
) -> Receiver<io::Result<Bytes>> {
    let (sender, pieces) = channel();
    let line = format!("{request}\n");
    tokio::task::spawn_blocking(move || {
        let mut writer = ArchiveWriter::new(sender);
        let written = writer.write_all(line.as_bytes()).and_then(|()| write(&mut writer));
        if written.and_then(|()| writer.flush()).is_err() {
            writer.cut_off();
        }
    });
    pieces
}

/// Whether bytes are the beginning of a tar archive, plain or compressed.
fn is_archive(head: &[u8]) -> bool {
    let compressed = head.starts_with(&[0x1f, 0x8b])
        || head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
        || head.starts_with(b"BZh")
        || head.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]);
    let marked = head.get(257..262).is_some_and(|magic| magic == b"ustar");
    // An old archive has no mark: no text has a zero byte in its first block.
    compressed || marked || (head.len() as u64 == HEAD && head.contains(&0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_told_from_dockerfiles() {
        assert!(is_archive(&[0x1f, 0x8b, 8]) && is_archive(b"BZh9"));
        let mut tar = [0; 512];
        assert!(is_archive(&tar));
        tar[257..262].copy_from_slice(b"ustar");
        assert!(is_archive(&tar));
        assert!(!is_archive(b"FROM scratch\n") && !is_archive(b""));
    }

    #[test]
    fn a_path_is_a_directory_or_an_address() {
        assert!(matches!(Source::of(Path::new("/"), false), Ok(Source::Directory(_))));
        assert!(matches!(Source::of(Path::new("https://h/x.git#v1"), false), Ok(Source::Url(_))));
        for (path, told) in [("/etc/passwd", "not a directory"), ("/none/such", "No such file")] {
            let error = format!("{:?}", Source::of(Path::new(path), false).err().unwrap());
            assert!(error.contains(told), "{error}");
        }
        assert!(Source::of(Path::new("-"), true).is_err());
    }
}
