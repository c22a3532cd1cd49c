//! Device nodes and the usual links in `/dev`.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use beneath::Root;
use oci_spec::runtime::{LinuxDevice, LinuxDeviceType};
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid, chmodat, chownat, makedev, mknodat, openat, symlinkat,
};
use rustix::io::Errno;

use super::attach;
use super::options::{Depth, Options};
use super::target::{Kind, open_or_make, reopen};
use crate::runtime::CreateError;

/// The nodes that every container has: name, major and minor number.
const ALWAYS: [(&str, u32, u32); 6] =
    [("full", 1, 7), ("null", 1, 3), ("random", 1, 8), ("tty", 5, 0), ("urandom", 1, 9), ("zero", 1, 5)];

const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
];

/// A node to be made.
struct Node {
    path: PathBuf,
    kind: FileType,
    device: u64,
    mode: Mode,
    owner: (u32, u32),
}

/// Makes the usual nodes and links, and the spec's own nodes. Those that exist are left alone.
pub(super) fn fill(root: &Root, own: &[LinuxDevice], may_make: bool) -> Result<(), CreateError> {
    let dev = root.create_dir_all("/dev", Mode::from_raw_mode(0o755)).map_err(|error| CreateError::Path {
        what: "make".to_owned(),
        path: PathBuf::from("/dev"),
        source: error.source,
    })?;
    for (name, major, minor) in ALWAYS {
        let path = Path::new("/dev").join(name);
        // The spec's own node of that name has its own mode and owner.
        if !own.iter().any(|device| *device.path() == path) {
            let node = Node {
                path,
                kind: FileType::CharacterDevice,
                device: makedev(major, minor),
                mode: Mode::from_raw_mode(0o666),
                owner: (0, 0),
            };
            make(root, &dev, Path::new(name), &node, may_make)?;
        }
    }
    for device in own {
        add(root, device, may_make)?;
    }
    links(root, &dev)
}

fn add(root: &Root, device: &LinuxDevice, may_make: bool) -> Result<(), CreateError> {
    let node = node(device)?;
    let failed = |source| failed(&node.path, source);
    let directory = node.path.parent().unwrap_or(Path::new("/"));
    root.create_dir_all(directory, Mode::from_raw_mode(0o755)).map_err(|error| failed(error.source))?;
    let parent = root.parent(&node.path).map_err(|error| failed(error.source))?;
    make(root, &parent.dir, Path::new(&parent.name), &node, may_make)
}

fn node(device: &LinuxDevice) -> Result<Node, CreateError> {
    let invalid =
        |what: &str| CreateError::InvalidSpec(format!("device {}: {what}", device.path().display()));
    let kind = match device.typ() {
        LinuxDeviceType::B => FileType::BlockDevice,
        LinuxDeviceType::C | LinuxDeviceType::U => FileType::CharacterDevice,
        LinuxDeviceType::P => FileType::Fifo,
        LinuxDeviceType::A => return Err(invalid("its type must be one of b, c, u, p")),
    };
    let number = |n: i64| u32::try_from(n).map_err(|_| invalid("its number is negative"));
    let device_number = match kind {
        FileType::Fifo => 0,
        _ => makedev(number(device.major())?, number(device.minor())?),
    };
    Ok(Node {
        path: device.path().clone(),
        kind,
        device: device_number,
        mode: Mode::from_raw_mode(device.file_mode().unwrap_or(0o666) & 0o7777),
        owner: (device.uid().unwrap_or(0), device.gid().unwrap_or(0)),
    })
}

fn make(root: &Root, dir: &OwnedFd, name: &Path, node: &Node, may_make: bool) -> Result<(), CreateError> {
    let made =
        if may_make { mknodat(dir, name, node.kind, node.mode, node.device) } else { Err(Errno::PERM) };
    let result = match made {
        Ok(()) => own(dir, name, node),
        Err(Errno::EXIST) => Ok(()),
        Err(Errno::PERM) => bind_from_host(root, &node.path),
        Err(errno) => Err(errno.into()),
    };
    result.map_err(|source| failed(&node.path, source))
}

/// The umask is 0 here, so the mode is right already; only the bits that `mknod` does not take are left.
fn own(dir: &OwnedFd, name: &Path, node: &Node) -> io::Result<()> {
    if node.mode.as_raw_mode() & 0o7000 != 0 {
        chmodat(dir, name, node.mode, AtFlags::empty())?;
    }
    let (uid, gid) = node.owner;
    if (uid, gid) != (0, 0) {
        let owner = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        chownat(dir, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}

/// Where nodes cannot be made (user namespaces), the host's are used.
fn bind_from_host(root: &Root, path: &Path) -> io::Result<()> {
    let source = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let target = open_or_make(root, path, Kind::File).map_err(|error| error.source)?;
    let options = Options { bind: Some(Depth::One), ..Options::default() };
    attach::bind(source.as_fd(), target.as_fd(), &|| reopen(root, path), &options)
}

fn links(root: &Root, dev: &OwnedFd) -> Result<(), CreateError> {
    let core = root.open_at("/proc/kcore", OFlags::PATH, Mode::empty()).is_ok();
    let core = core.then_some(("/proc/kcore", "core"));
    for (target, name) in LINKS.into_iter().chain(core) {
        match symlinkat(target, dev, name) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed(&Path::new("/dev").join(name), errno.into())),
        }
    }
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> CreateError {
    CreateError::Path { what: "make the device".to_owned(), path: path.to_owned(), source }
}
