//! The texts a project is read from, and places in them.

use crate::env::Environment;
use crate::model::Origin;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Index of a [`Source`] in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SourceId(u32);

/// A range of characters in one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) source: SourceId,
    /// First character, counted from 0.
    pub(crate) start: u32,
    /// One past the last character.
    pub(crate) end: u32,
    /// Line of the first character, counted from 1.
    pub(crate) line: u32,
    /// Column of the first character, counted from 1.
    pub(crate) column: u32,
}

/// One text, and the surroundings that what is written in it is resolved in.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The file as the user would name it; `-` is standard input.
    pub(crate) name: PathBuf,
    /// Absolute path of the file; `-` is standard input.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// What relative paths in it are relative to (absolute).
    pub(crate) base_dir: PathBuf,
    /// Variables for interpolation, and for keys that take a value from outside.
    pub(crate) environment: Rc<Environment>,
}

/// Every source read so far.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    list: RefCell<Vec<Rc<Source>>>,
}

impl Sources {
    pub(crate) fn add(&self, source: Source) -> SourceId {
        let mut list = self.list.borrow_mut();
        list.push(Rc::new(source));
        SourceId(u32::try_from(list.len() - 1).unwrap_or(u32::MAX))
    }

    /// The source with this id. Ids come from [`Self::add`] only, so it is there.
    pub(crate) fn get(&self, id: SourceId) -> Rc<Source> {
        Rc::clone(&self.list.borrow()[id.0 as usize])
    }

    /// Gives new variables to every source that was read so far.
    pub(crate) fn set_environment(&self, environment: &Rc<Environment>) {
        for source in self.list.borrow_mut().iter_mut() {
            let replaced = Source { environment: Rc::clone(environment), ..(**source).clone() };
            *source = Rc::new(replaced);
        }
    }

    pub(crate) fn origin(&self, span: Span) -> Origin {
        Origin { file: self.get(span.source).name.clone(), line: span.line, column: span.column }
    }

    /// A path written at `span`: `~` is the home directory, and relative means relative to the source's base.
    pub(crate) fn resolve_path(&self, span: Span, path: &str) -> PathBuf {
        let source = self.get(span.source);
        if let Some(rest) = path.strip_prefix('~')
            && (rest.is_empty() || rest.starts_with('/'))
            && let Some(home) = source.environment.get("HOME")
        {
            return normalize(&Path::new(home).join(rest.trim_start_matches('/')));
        }
        normalize(&source.base_dir.join(path))
    }
}

/// The path without `.` and `..` (lexically, as Compose does it) and without a trailing slash.
pub(crate) fn normalize(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() && !out.has_root() {
                    out.push("..");
                }
            }
            other => out.push(other),
        }
    }
    if out.as_os_str().is_empty() { PathBuf::from(".") } else { out }
}

/// The path as seen from `from`, when it is below it; otherwise as it is.
pub(crate) fn display_name(path: &Path, from: &Path) -> PathBuf {
    path.strip_prefix(from).map_or_else(|_| path.to_owned(), Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalized_lexically() {
        for (from, to) in [("/a/./b/../c/", "/a/c"), ("/..", "/"), ("./a", "a"), (".", "."), ("a/..", ".")] {
            assert_eq!(normalize(Path::new(from)), Path::new(to), "{from}");
        }
    }
}
