//! Paths in containers, as clients name them.

use crate::{containers::normal, error::EngineError, op::PathStat};
use beneath::{ResolveError, Root};
use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, statat},
    io::Errno,
};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};
use time::OffsetDateTime;

/// A path to copy from or to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// Absolute, without `.` and `..`.
    path: PathBuf,
    /// What its members are named after: the last component, `.` where the path ends with one, `/` for the root.
    name: OsString,
    /// It ends with a slash or a dot: it must be a directory, and a link there is followed.
    is_directory: bool,
}

/// What a path led to.
#[derive(Debug)]
pub(super) struct Found {
    /// Links are resolved but for one at the end that was not to be followed.
    pub(super) path: PathBuf,
    pub(super) stat: PathStat,
}

impl Asked {
    pub(super) fn new(asked: &Path) -> Self {
        let bytes = asked.as_os_str().as_bytes();
        let path = normal(asked);
        let ends_with_dot = bytes == b"." || bytes.ends_with(b"/.");
        let is_directory = ends_with_dot || bytes.ends_with(b"/") || path.file_name().is_none();
        let name = match path.file_name() {
            _ if ends_with_dot => OsStr::new("."),
            Some(name) => name,
            None => OsStr::new("/"),
        };
        Self { name: name.to_owned(), path, is_directory }
    }

    pub(super) fn name(&self) -> &OsStr {
        &self.name
    }

    /// Looks the path up.
    pub(super) fn find(&self, root: &Root, container: &str) -> Result<Found, EngineError> {
        let failed = |error: ResolveError| self.failed(container, error.source);
        if self.is_directory {
            let path = self.directory(root, container)?;
            let directory = root
                .open_at(&path, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW, Mode::empty())
                .map_err(failed)?;
            let stat = fstat(&directory).map_err(|errno| self.failed(container, errno.into()))?;
            return Ok(Found { path, stat: self.describe(&stat, String::new()) });
        }
        let parent = root.parent(&self.path).map_err(failed)?;
        let stat = statat(&parent.dir, &parent.name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| self.failed(container, errno.into()))?;
        let target = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => root.real_path(&self.path).map_err(failed)?.to_string_lossy().into_owned(),
            _ => String::new(),
        };
        Ok(Found { path: self.path.clone(), stat: self.describe(&stat, target) })
    }

    /// The directory the path leads to after all links.
    pub(super) fn directory(&self, root: &Root, container: &str) -> Result<PathBuf, EngineError> {
        let failed = |error: ResolveError| self.failed(container, error.source);
        let real = root.real_path(&self.path).map_err(failed)?;
        root.open_at(&real, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).map_err(failed)?;
        Ok(real)
    }

    fn failed(&self, container: &str, source: std::io::Error) -> EngineError {
        match Errno::from_io_error(&source) {
            Some(Errno::NOENT) => {
                EngineError::NoSuchFile { container: container.to_owned(), path: self.path.clone() }
            }
            Some(Errno::NOTDIR) => EngineError::BadParameter(format!(
                "{} in container {container} is not a directory",
                self.path.display()
            )),
            Some(Errno::LOOP) => EngineError::BadParameter(format!(
                "{} in container {container} has too many symbolic links",
                self.path.display()
            )),
            _ => EngineError::Files { container: container.to_owned(), source: Box::new(source) },
        }
    }

    fn describe(&self, stat: &Stat, link_target: String) -> PathStat {
        let nanos = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
        PathStat {
            name: self.name.to_string_lossy().into_owned(),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mode: stat.st_mode,
            mtime: OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH),
            link_target,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use std::{fs, os::unix::fs::symlink};

    fn asked(path: &str) -> (String, String, bool) {
        let asked = Asked::new(Path::new(path));
        (asked.path.display().to_string(), asked.name.into_string().unwrap(), asked.is_directory)
    }

    #[test]
    fn paths_are_taken_as_docker_takes_them() {
        let wanted = |path: &str, name: &str, directory| (path.to_owned(), name.to_owned(), directory);
        assert_eq!(asked("etc/passwd"), wanted("/etc/passwd", "passwd", false));
        assert_eq!(asked("/etc/"), wanted("/etc", "etc", true));
        assert_eq!(asked("/etc/."), wanted("/etc", ".", true));
        assert_eq!(asked("/etc/../../x"), wanted("/x", "x", false));
        assert_eq!(asked("/"), wanted("/", "/", true));
        assert_eq!(asked("."), wanted("/", ".", true));
        assert_eq!(asked("/a/.."), wanted("/", "/", true));
        assert_eq!(asked("/a."), wanted("/a.", "a.", false));
    }

    #[test]
    fn links_are_followed_inside_the_root_and_only_where_asked() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("real")).unwrap();
        fs::write(dir.path().join("real/file"), "four").unwrap();
        symlink("/real", dir.path().join("link")).unwrap();
        symlink("/../../../etc", dir.path().join("out")).unwrap();
        let root = Root::open(dir.path()).unwrap();
        let find = |path: &str| Asked::new(Path::new(path)).find(&root, "c");

        let link = find("/link").unwrap();
        assert_eq!(link.path, Path::new("/link"));
        assert_eq!(link.stat.link_target, "/real");
        assert_eq!(link.stat.mode & 0o170_000, 0o120_000);
        let followed = find("/link/").unwrap();
        assert_eq!(followed.path, Path::new("/real"));
        assert_eq!((followed.stat.name.as_str(), followed.stat.mode & 0o170_000), ("link", 0o040_000));
        assert_eq!(find("/link/file").unwrap().stat.size, 4);

        assert_eq!(find("/out/passwd").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(find("/none").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(find("/real/file/").unwrap_err().kind(), ErrorKind::BadParameter);
        assert_eq!(find("/real/file/below").unwrap_err().kind(), ErrorKind::BadParameter);
    }
}
