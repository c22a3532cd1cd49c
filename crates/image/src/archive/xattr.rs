//! Extended attributes: which ones travel, and overlayfs' marks.

use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, Stat, XattrFlags, fgetxattr, flistxattr, fsetxattr};
use rustix::io::Errno;

use super::entry::Xattr;

/// Overlayfs' mark of a directory that hides the one below.
const OPAQUE: &str = "trusted.overlay.opaque";
/// Largest value the kernel stores, in bytes.
const MAX_VALUE: usize = 64 * 1024;

/// Whether an attribute is part of a file rather than of the machine it lies on.
pub(crate) fn travels(name: &[u8]) -> bool {
    let user = name.starts_with(b"user.") && !name.starts_with(b"user.overlay.");
    let acl = name == b"system.posix_acl_access" || name == b"system.posix_acl_default";
    user || acl || name == b"security.capability"
}

/// What overlayfs has marked a directory or file with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Marks {
    pub(crate) opaque: bool,
    /// The data or the name is elsewhere (`redirect`, `metacopy`), which no layer can express.
    pub(crate) redirected: bool,
}

/// Reads the attributes that travel, and overlayfs' marks.
pub(crate) fn read(fd: BorrowedFd<'_>) -> Result<(Vec<Xattr>, Marks), Errno> {
    let mut xattrs = Vec::new();
    let mut marks = Marks::default();
    for name in list(fd)?.split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        match name {
            b"trusted.overlay.opaque" => marks.opaque = value(fd, name)?.is_some_and(|value| value == b"y"),
            b"trusted.overlay.redirect" | b"trusted.overlay.metacopy" => marks.redirected = true,
            _ if travels(name) => {
                let value = value(fd, name)?;
                xattrs.extend(value.map(|value| Xattr { name: name.to_vec(), value }));
            }
            _ => {}
        }
    }
    Ok((xattrs, marks))
}

fn list(fd: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
    let mut names = vec![0; 1024];
    loop {
        match flistxattr(fd, names.as_mut_slice()) {
            Ok(length) => {
                names.truncate(length);
                return Ok(names);
            }
            Err(Errno::RANGE) if names.len() < MAX_VALUE => names.resize(MAX_VALUE, 0),
            Err(Errno::NOTSUP) => return Ok(Vec::new()),
            Err(errno) => return Err(errno),
        }
    }
}

/// `None` when the attribute is gone by now.
fn value(fd: BorrowedFd<'_>, name: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
    let mut value = vec![0; MAX_VALUE];
    match fgetxattr(fd, name, value.as_mut_slice()) {
        Ok(length) => {
            value.truncate(length);
            Ok(Some(value))
        }
        Err(Errno::NODATA) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Sets those attributes that travel. A file system without user attributes loses them, with a warning.
pub(crate) fn write(fd: BorrowedFd<'_>, xattrs: &[Xattr]) -> Result<(), Errno> {
    for xattr in xattrs.iter().filter(|xattr| travels(&xattr.name)) {
        match fsetxattr(fd, xattr.name.as_slice(), &xattr.value, XattrFlags::empty()) {
            Err(Errno::NOTSUP) if xattr.name != b"security.capability" => {
                let name = String::from_utf8_lossy(&xattr.name);
                tracing::warn!(%name, "the file system cannot hold an extended attribute; it is lost");
            }
            done => done?,
        }
    }
    Ok(())
}

/// Makes a directory hide the one below.
pub(crate) fn set_opaque(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    fsetxattr(fd, OPAQUE, b"y", XattrFlags::empty())
}

/// Whether a directory hides the one below.
pub(crate) fn is_opaque(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    let mut value = [0; 8];
    match fgetxattr(fd, OPAQUE, &mut value) {
        Ok(length) => Ok(value[..length] == *b"y"),
        Err(Errno::NODATA | Errno::NOTSUP | Errno::RANGE) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Whether a file is overlayfs' whiteout: a character device 0:0.
pub(crate) fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_the_machine_stay() {
        for name in ["user.mime", "security.capability", "system.posix_acl_access"] {
            assert!(travels(name.as_bytes()), "{name}");
        }
        for name in [
            "trusted.overlay.redirect",
            "user.overlay.opaque",
            "security.selinux",
            "trusted.x",
            "security.ima",
        ] {
            assert!(!travels(name.as_bytes()), "{name}");
        }
    }
}
