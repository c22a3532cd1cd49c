//! `tmpcopyup`: a tmpfs that begins with what the image has in its place.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use beneath::Root;
use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, chownat, fchmod, mkdirat,
    openat, readlinkat, statat, symlinkat, utimensat,
};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen,
};

use super::attach;
use super::mounts::{Fault, Planned};
use super::target::reopen;

const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK);

/// Makes the tmpfs unseen, fills it, and puts it onto its place.
pub(super) fn mount(root: &Root, planned: &Planned, data: &str) -> Result<(), Fault> {
    let target = reopen(root, &planned.destination)?;
    let attributes = MountAttrFlags::from_bits_retain(super::mounts::attributes(planned) as u32);
    let tmpfs = match new_tmpfs(data, attributes) {
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
            return Err(Fault::Refused("tmpcopyup needs Linux 5.2"));
        }
        other => other?,
    };
    let from = openat(&target, ".", READ | OFlags::DIRECTORY, Mode::empty())?;
    let to = openat(&tmpfs, ".", READ | OFlags::DIRECTORY, Mode::empty())?;
    copy_directory(&from, &to)?;
    attach::attach(tmpfs.as_fd(), target.as_fd())?;
    Ok(())
}

fn new_tmpfs(data: &str, attributes: MountAttrFlags) -> io::Result<OwnedFd> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for option in data.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some((key, value)) => fsconfig_set_string(&context, key, value)?,
            None => fsconfig_set_flag(&context, option)?,
        }
    }
    fsconfig_create(&context)?;
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

fn copy_directory(from: &OwnedFd, to: &OwnedFd) -> io::Result<()> {
    for entry in Dir::read_from(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            copy_entry(from, to, name)?;
        }
    }
    Ok(())
}

fn copy_entry(from: &OwnedFd, to: &OwnedFd, name: &CStr) -> io::Result<()> {
    let stat = statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let mode = Mode::from_raw_mode(stat.st_mode);
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            mkdirat(to, name, mode)?;
            let (source, copy) = (
                openat(from, name, READ | OFlags::DIRECTORY, Mode::empty())?,
                openat(to, name, READ | OFlags::DIRECTORY, Mode::empty())?,
            );
            copy_directory(&source, &copy)?;
            fchmod(&copy, mode)?;
        }
        FileType::Symlink => symlinkat(readlinkat(from, name, Vec::new())?, to, name)?,
        FileType::RegularFile => copy_file(from, to, name, mode)?,
        // Devices, sockets and pipes of an image are not worth having in a scratch directory.
        _ => return Ok(()),
    }
    keep_owner_and_time(to, name, &stat)
}

fn copy_file(from: &OwnedFd, to: &OwnedFd, name: &CStr, mode: Mode) -> io::Result<()> {
    let mut source = std::fs::File::from(openat(from, name, READ, Mode::empty())?);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mut copy = std::fs::File::from(openat(to, name, flags, mode)?);
    io::copy(&mut source, &mut copy)?;
    Ok(fchmod(&copy, mode)?)
}

fn keep_owner_and_time(to: &OwnedFd, name: &CStr, stat: &Stat) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    chownat(to, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    let time = |secs, nanos| Timespec { tv_sec: secs, tv_nsec: nanos as _ };
    let times = Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    };
    Ok(utimensat(to, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}
