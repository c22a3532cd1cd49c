//! The build context: a directory without what `.dockerignore` excludes.

mod ignore;

pub use ignore::Ignore;
pub(crate) use ignore::{Matched, clean};

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::error::BuildError;
use crate::glob::GlobError;
use crate::request::{BuildRequest, DockerfileSource};
use crate::tree::Tree;

/// No Dockerfile and no `.dockerignore` is longer.
pub(crate) const TEXT_LIMIT: u64 = 16 << 20;

/// An opened context.
#[derive(Debug)]
pub(crate) struct Context {
    /// Its files.
    pub(crate) tree: Tree,
    /// What is excluded of them.
    pub(crate) ignore: Ignore,
}

/// A `.dockerignore` file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IgnoreError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// One of its patterns does not parse.
    #[error("{}", path.display())]
    Pattern {
        /// The file.
        path: PathBuf,
        /// The pattern and its mistake.
        source: GlobError,
    },
}

impl Context {
    /// Opens the directory and reads its `.dockerignore`; `dockerfile` is the path of the Dockerfile if it is a file:
    /// `<dockerfile>.dockerignore` goes before `.dockerignore`.
    pub(crate) fn open(directory: &Path, dockerfile: Option<&Path>) -> Result<Self, BuildError> {
        let fail = |source| BuildError::Context { path: directory.to_owned(), source };
        let tree = Tree::plain(directory).map_err(fail)?;
        let mut candidates = Vec::new();
        candidates.extend(dockerfile.map(|file| PathBuf::from(format!("{}.dockerignore", file.display()))));
        candidates.push(directory.join(".dockerignore"));
        for path in candidates {
            match read_in(directory, &path) {
                Ok(text) => {
                    let ignore =
                        Ignore::parse(&text).map_err(|source| IgnoreError::Pattern { path, source })?;
                    return Ok(Self { tree, ignore });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(IgnoreError::Read { path, source }.into()),
            }
        }
        Ok(Self { tree, ignore: Ignore::default() })
    }
}

/// The Dockerfile's name for messages, its path if it is a file, and its text.
pub(crate) fn dockerfile(request: &BuildRequest) -> Result<(String, Option<PathBuf>, String), BuildError> {
    match &request.dockerfile {
        DockerfileSource::Inline(text) => Ok(("Dockerfile".into(), None, text.clone())),
        DockerfileSource::Path(path) => {
            let full = request.context.join(path);
            match read_in(&request.context, &full) {
                Ok(text) => Ok((path.display().to_string(), Some(full), text)),
                Err(source) => Err(BuildError::ReadDockerfile { path: full, source }),
            }
        }
    }
}

/// Reads a text file; in a context, links are followed inside it only.
fn read_in(context: &Path, path: &Path) -> io::Result<String> {
    let inside = path
        .strip_prefix(context)
        .ok()
        .filter(|path| !path.components().any(|part| part == Component::ParentDir));
    let Some(inside) = inside else { return read_text(path) };
    let content = Tree::plain(context)?.read(inside, TEXT_LIMIT)?;
    let content = content.ok_or_else(|| match path.symlink_metadata() {
        Ok(_) => io::Error::new(io::ErrorKind::InvalidInput, "not a regular file in the build context"),
        Err(error) => error,
    })?;
    Ok(String::from_utf8_lossy(&content).into_owned())
}

/// Reads a text file of bounded size; bytes that are not UTF-8 are replaced.
fn read_text(path: &Path) -> io::Result<String> {
    use std::io::Read;
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let file = std::fs::File::open(path)?;
    let mut bytes = Vec::new();
    file.take(TEXT_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > TEXT_LIMIT {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
