//! The identity of what a plan will write: the key of its layer in the cache.
//!
//! Paths, kinds, permissions, owners, link texts, contents and extended attributes take part; times do not.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::time::SystemTime;

use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::TransferError;
use super::known::KnownTree;
use super::plan::{Content, Planned};
use super::workers;
use crate::hash::Hasher;
use crate::request::Cancel;
use crate::tree::{Entry, EntryKind, Tree};

/// What a source file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Of its content.
    pub(crate) sha256: [u8; 32],
    /// Extended attributes that are copied, sorted.
    pub(crate) xattrs: Vec<(OsString, Vec<u8>)>,
}

/// Reads every file of a plan; the result has one item for each of its paths. What is `known` of the first tree is not
/// read again.
pub(crate) fn facts(
    plan: &[Planned],
    trees: &[&Tree],
    known: Option<&KnownTree>,
    cancel: &Cancel,
) -> Result<Vec<Option<Facts>>, TransferError> {
    workers::each(
        plan,
        cancel,
        || TransferError::Cancelled,
        |planned, buffer| match (&planned.content, trees.get(planned.tree)) {
            (Content::File(entry) | Content::Directory { from: Some(entry) }, Some(tree)) => {
                let known = known.filter(|_| planned.tree == 0);
                let facts = known_or_read(known, tree, entry, buffer);
                facts.map(Some).map_err(|source| TransferError::Read { path: entry.path.clone(), source })
            }
            _ => Ok(None),
        },
    )
}

/// A file with extended attributes is read each time.
fn known_or_read(
    known: Option<&KnownTree>,
    tree: &Tree,
    entry: &Entry,
    buffer: &mut [u8],
) -> io::Result<Facts> {
    let Some(known) = known.filter(|_| entry.kind == EntryKind::File) else {
        return read(tree, entry, buffer);
    };
    if let Some(sha256) = known.get(entry) {
        return Ok(Facts { sha256, xattrs: Vec::new() });
    }
    let now = SystemTime::now();
    let facts = read(tree, entry, buffer)?;
    if facts.xattrs.is_empty() {
        known.put(entry, facts.sha256, now);
    }
    Ok(facts)
}

fn read(tree: &Tree, entry: &Entry, buffer: &mut [u8]) -> io::Result<Facts> {
    if entry.is_directory() && entry.path.as_os_str().is_empty() {
        return Ok(Facts::default());
    }
    let mut file = File::from(tree.open(entry)?);
    let xattrs = xattrs(&file)?;
    if entry.is_directory() {
        return Ok(Facts { sha256: [0; 32], xattrs });
    }
    let mut hash = Sha256::new();
    loop {
        let length = match file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if length == 0 {
            return Ok(Facts { sha256: hash.finalize().into(), xattrs });
        }
        hash.update(&buffer[..length]);
        if length < buffer.len() && entry.size < buffer.len() as u64 && length as u64 == entry.size {
            return Ok(Facts { sha256: hash.finalize().into(), xattrs });
        }
    }
}

/// The extended attributes of a file that belong to its content rather than to this machine.
fn xattrs(file: &File) -> io::Result<Vec<(OsString, Vec<u8>)>> {
    let mut names = [0u8; 4096];
    let length = match rustix::fs::flistxattr(file, &mut names) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP | Errno::RANGE) => 0,
        Err(error) => return Err(error.into()),
    };
    let mut found = Vec::new();
    for name in names[..length].split(|byte| *byte == 0).filter(|name| is_copied(name)) {
        let mut value = vec![0; 64 << 10];
        match rustix::fs::fgetxattr(file, name, value.as_mut_slice()) {
            Ok(length) => value.truncate(length),
            Err(Errno::NODATA) => continue,
            Err(error) => return Err(error.into()),
        }
        value.shrink_to_fit();
        found.push((std::ffi::OsStr::from_bytes(name).to_owned(), value));
    }
    found.sort();
    Ok(found)
}

fn is_copied(name: &[u8]) -> bool {
    name == b"security.capability" || name.starts_with(b"user.") || name.starts_with(b"system.posix_acl_")
}

/// Adds a plan to a key.
pub(crate) fn add(hasher: &mut Hasher, plan: &[Planned], facts: &[Option<Facts>]) {
    hasher.number(plan.len() as u64);
    for (planned, facts) in plan.iter().zip(facts) {
        let attributes = &planned.attributes;
        hasher.bytes(planned.target.as_os_str().as_bytes());
        for number in [attributes.mode, attributes.uid, attributes.gid] {
            hasher.number(number.into());
        }
        content(hasher, &planned.content);
        let facts = facts.as_ref();
        hasher.bytes(facts.map_or(&[], |facts| facts.sha256.as_slice()));
        let xattrs = facts.map_or(&[][..], |facts| &facts.xattrs);
        hasher.number(xattrs.len() as u64);
        for (name, value) in xattrs {
            hasher.bytes(name.as_bytes());
            hasher.bytes(value);
        }
    }
}

fn content(hasher: &mut Hasher, content: &Content) {
    match content {
        Content::Directory { .. } => hasher.text("directory"),
        Content::File(_) => hasher.text("file"),
        Content::HardLink { to, .. } => {
            hasher.text("link");
            hasher.bytes(to.as_os_str().as_bytes());
        }
        Content::Text(text) => {
            hasher.text("text");
            hasher.bytes(text);
        }
        Content::Special(entry) => special(hasher, &entry.kind),
    }
}

fn special(hasher: &mut Hasher, kind: &EntryKind) {
    match kind {
        EntryKind::Symlink(to) => {
            hasher.text("symlink");
            hasher.bytes(to.as_os_str().as_bytes());
        }
        EntryKind::Device(kind, number) => {
            hasher.text(&format!("{kind:?}"));
            hasher.number(*number);
        }
        other => hasher.text(&format!("{other:?}")),
    }
}
