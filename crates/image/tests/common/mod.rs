//! Tar streams of any shape, and stores in temporary directories. These tests need root.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // each test file uses a part; a test fails by panicking

use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use image::{Digest, ImageConfig, ImportError, ImportOptions, Layer, Lease, Reference, Store};
use tar::{Builder, EntryType, Header};

/// A store in a directory of its own.
pub struct Place {
    pub dir: tempfile::TempDir,
    pub store: Store,
}

impl Drop for Place {
    /// The store's own thread must not write into a directory that is being removed.
    fn drop(&mut self) {
        let _ = self.store.sync();
    }
}

impl Place {
    pub fn new() -> Self {
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let store = Store::open(dir.path().join("store")).unwrap();
        Self { dir, store }
    }

    pub fn again(&self) -> Store {
        Store::open(self.store.root()).unwrap()
    }

    pub fn import(&self, tar: &[u8]) -> Result<Layer, ImportError> {
        self.import_with(tar, &ImportOptions::default())
    }

    pub fn import_with(&self, mut tar: &[u8], options: &ImportOptions) -> Result<Layer, ImportError> {
        let lease = self.store.lease().unwrap();
        self.store.import_layer(&lease, &mut tar, options)
    }

    /// An image of one layer with one file.
    pub fn image(&self, lease: &Lease, content: &str, names: &[&str]) -> std::sync::Arc<image::Image> {
        let tar = Tar::new().file("file", content).done();
        let layer = self.store.import_layer(lease, &mut tar.as_slice(), &ImportOptions::default()).unwrap();
        let names: Vec<_> = names.iter().map(|name| Reference::parse(name).unwrap()).collect();
        let config =
            ImageConfig { architecture: "amd64".into(), os: "linux".into(), ..ImageConfig::default() };
        self.store.put_image(lease, config, &[layer.id], &names).unwrap()
    }

    pub fn tar_of(&self, layer: &Layer) -> Vec<u8> {
        let mut tar = Vec::new();
        let length = self.store.write_layer_tar(&layer.id, &mut tar).unwrap();
        assert_eq!(length, tar.len() as u64);
        tar
    }

    /// What lies in `tmp`, for "nothing is left over".
    pub fn leftovers(&self) -> usize {
        let count = |dir: &Path| fs::read_dir(dir).unwrap().count();
        let tmp = self.store.root().join("tmp");
        fs::read_dir(tmp).unwrap().map(|session| count(&session.unwrap().path()) - 2).sum()
    }
}

/// A tar stream made by another program's writer.
pub struct Tar(Builder<Vec<u8>>);

impl Tar {
    pub fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    pub fn file(self, name: &str, content: &str) -> Self {
        self.entry(EntryType::Regular, name, "", content)
    }

    pub fn dir(self, name: &str) -> Self {
        self.entry(EntryType::Directory, name, "", "")
    }

    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(EntryType::Symlink, name, target, "")
    }

    pub fn hard_link(self, name: &str, target: &str) -> Self {
        self.entry(EntryType::Link, name, target, "")
    }

    /// Names are written as they are, however bad.
    pub fn entry(mut self, kind: EntryType, name: &str, link: &str, content: &str) -> Self {
        let mut header = Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.append(&header, content.as_bytes()).unwrap();
        self
    }

    pub fn device(mut self, name: &str, major: u32, minor: u32) -> Self {
        let mut header = Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_entry_type(EntryType::Char);
        header.set_mode(0o666);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        header.set_device_major(major).unwrap();
        header.set_device_minor(minor).unwrap();
        header.set_cksum();
        self.0.append(&header, &[][..]).unwrap();
        self
    }

    pub fn pax(mut self, records: &[(&str, &[u8])]) -> Self {
        self.0.append_pax_extensions(records.iter().copied()).unwrap();
        self
    }

    pub fn done(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

pub fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::read::GzEncoder::new(data, flate2::Compression::fast());
    let mut out = Vec::new();
    encoder.read_to_end(&mut out).unwrap();
    out
}

pub fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 1).unwrap()
}

/// Every path in a tree with what it is, sorted.
pub fn listing(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    list(root, root, &mut lines);
    lines.sort();
    lines
}

fn list(root: &Path, dir: &Path, lines: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let kind = meta.file_type();
        lines.push(if kind.is_dir() {
            let opaque = xattr(&path, "trusted.overlay.opaque").is_some();
            format!("{name}/{}", if opaque { " opaque" } else { "" })
        } else if kind.is_symlink() {
            format!("{name} -> {}", fs::read_link(&path).unwrap().display())
        } else if kind.is_char_device() && meta.rdev() == 0 {
            format!("{name} whiteout")
        } else if kind.is_file() {
            format!("{name} {:?}", String::from_utf8_lossy(&fs::read(&path).unwrap()))
        } else {
            format!("{name} special")
        });
        if kind.is_dir() {
            list(root, &path, lines);
        }
    }
}

pub fn xattr(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut value = vec![0; 1000];
    let length = rustix::fs::lgetxattr(path, name, value.as_mut_slice()).ok()?;
    value.truncate(length);
    Some(value)
}

pub fn digest_of(data: &[u8]) -> Digest {
    Digest::of(data)
}
