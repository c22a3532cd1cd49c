//! Where a copy goes: Docker's rules, which are those of `cp -r` with a few differences.

/// What is at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    File,
    Directory,
}

/// Where the copied file or directory goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Into this directory, under its own name; when the source ends with `/.`, what it holds.
    Into(String),
    /// Into this directory under another name.
    As { directory: String, name: String },
}

/// A copy that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PlaceError {
    #[error("cannot copy a directory to {0:?}, which is a file")]
    DirectoryOntoFile(String),
    #[error("{0:?} is not a directory")]
    NotADirectory(String),
    #[error("the directory {0:?} does not exist: make it first")]
    NoDirectory(String),
}

/// Decides where a source goes. `destination` may end with a slash or `/.`, which says that it must be a directory.
pub(super) fn place(destination: &str, found: Found, source_is_directory: bool) -> Result<Place, PlaceError> {
    match found {
        Found::Directory => Ok(Place::Into(destination.to_owned())),
        Found::File if source_is_directory => Err(PlaceError::DirectoryOntoFile(destination.to_owned())),
        Found::File if is_directory(destination) => Err(PlaceError::NotADirectory(destination.to_owned())),
        Found::Nothing if is_directory(destination) && !source_is_directory => {
            Err(PlaceError::NoDirectory(destination.to_owned()))
        }
        Found::File | Found::Nothing => {
            let (directory, name) = split(destination);
            Ok(Place::As { directory: directory.to_owned(), name: name.to_owned() })
        }
    }
}

/// Whether a path says of itself that it is a directory.
pub(super) fn is_directory(path: &str) -> bool {
    path.ends_with('/') || names_content(path) || path == ".." || path.ends_with("/..")
}

/// Whether what a directory holds is meant, not the directory: `dir/.`.
pub(super) fn names_content(path: &str) -> bool {
    path == "." || path.ends_with("/.")
}

/// A path's directory and last component, without slashes and dots at its end.
fn split(path: &str) -> (&str, &str) {
    let mut path = path;
    while let Some(shorter) = path.strip_suffix("/.").or(path.strip_suffix('/')).filter(|p| !p.is_empty()) {
        path = shorter;
    }
    match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((directory, name)) => (directory, name),
        None => (".", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(directory: &str, name: &str) -> Result<Place, PlaceError> {
        Ok(Place::As { directory: directory.to_owned(), name: name.to_owned() })
    }

    #[test]
    fn a_directory_that_is_there_is_filled() {
        for source_is_directory in [true, false] {
            let into = place("/srv", Found::Directory, source_is_directory);
            assert_eq!(into, Ok(Place::Into("/srv".to_owned())));
        }
    }

    #[test]
    fn a_file_takes_the_place_of_a_file_and_of_nothing() {
        assert_eq!(place("/srv/x", Found::File, false), renamed("/srv", "x"));
        assert_eq!(place("/x", Found::Nothing, false), renamed("/", "x"));
        assert_eq!(place("x", Found::Nothing, false), renamed(".", "x"));
        let slash = place("/srv/x/", Found::Nothing, false);
        assert_eq!(slash, Err(PlaceError::NoDirectory("/srv/x/".to_owned())));
        assert_eq!(place("/x/", Found::File, false), Err(PlaceError::NotADirectory("/x/".to_owned())));
    }

    #[test]
    fn a_directory_takes_the_place_of_nothing_only() {
        assert_eq!(place("/srv/new/.", Found::Nothing, true), renamed("/srv", "new"));
        assert_eq!(place("/srv/new//", Found::Nothing, true), renamed("/srv", "new"));
        assert_eq!(place("/x", Found::File, true), Err(PlaceError::DirectoryOntoFile("/x".to_owned())));
    }
}
