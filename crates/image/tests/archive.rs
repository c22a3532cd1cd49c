//! Archives in and out of a tree that is no layer: `cp`, `ADD`, `export`.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use beneath::Root;
use common::{Tar, gzip, listing};
use image::{ExtractOptions, extract, pack};
use proptest::prelude::*;

fn tree() -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    fs::create_dir(dir.path().join("root")).unwrap();
    let root = Root::open(dir.path().join("root")).unwrap();
    (dir, root)
}

fn unpack(root: &Root, at: &str, tar: &[u8], options: &ExtractOptions) -> Result<image::Extracted, String> {
    extract(root, Path::new(at), &mut &tar[..], options).map_err(|error| error.to_string())
}

fn packed(root: &Root, path: &str, name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let length = pack(root, Path::new(path), Path::new(name), &mut out).unwrap();
    assert_eq!(length, out.len() as u64);
    out
}

fn names(tar: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap();
    entries.map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
}

#[test]
fn names_of_whiteouts_are_files_like_others() {
    let (dir, root) = tree();
    let tar = Tar::new().file(".wh.x", "kept").file("a/.wh..wh..opq", "too").device("null", 0, 0).done();
    let done = unpack(&root, "/", &gzip(&tar), &ExtractOptions::default()).unwrap();
    assert_eq!((done.entries, done.size, done.devices), (3, 7, 1));
    let expected = [".wh.x \"kept\"", "a/", "a/.wh..wh..opq \"too\"", "null whiteout"];
    assert_eq!(listing(&dir.path().join("root")), expected);
}

#[test]
fn links_of_the_tree_are_followed_inside_it() {
    let (dir, root) = tree();
    let top = dir.path().join("root");
    fs::create_dir_all(top.join("srv/data")).unwrap();
    symlink("/srv/data", top.join("data")).unwrap();
    fs::write(top.join("srv/secret"), "s").unwrap();
    let tar = Tar::new()
        .file("one", "1")
        .symlink("up", "../../srv")
        .file("up/two", "2")
        .hard_link("three", "one")
        .done();
    unpack(&root, "data", &tar, &ExtractOptions::default()).unwrap();
    for line in ["srv/data/one \"1\"", "srv/data/three \"1\"", "srv/two \"2\""] {
        assert!(listing(&top).contains(&line.to_owned()), "{:?}", listing(&top));
    }
    let outside = Tar::new().hard_link("stolen", "../secret").done();
    assert!(unpack(&root, "data", &outside, &ExtractOptions::default()).unwrap_err().contains("leads out"));
}

#[test]
fn owners_and_kinds_are_as_asked() {
    let (dir, root) = tree();
    let top = dir.path().join("root");
    fs::create_dir(top.join("dir")).unwrap();
    fs::write(top.join("file"), "").unwrap();
    let options = ExtractOptions { owner: Some((7, 8)), keep_kind: true, ..ExtractOptions::default() };
    unpack(&root, "dir", &Tar::new().file("new", "x").dir("sub/").symlink("link", "x").done(), &options)
        .unwrap();
    for name in ["new", "sub", "link"] {
        let meta = fs::symlink_metadata(top.join("dir").join(name)).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (7, 8), "{name}");
    }
    let refused = unpack(&root, "/", &Tar::new().file("dir", "x").done(), &options).unwrap_err();
    assert!(refused.contains("\"dir\"") && refused.contains("a directory is in its place"), "{refused}");
    let refused = unpack(&root, "/", &Tar::new().dir("file/").done(), &options).unwrap_err();
    assert!(refused.contains("a file that is no directory"), "{refused}");
    unpack(&root, "/", &Tar::new().file("file", "new").done(), &options).unwrap();
    assert_eq!(fs::read_to_string(top.join("file")).unwrap(), "new");
    assert!(unpack(&root, "missing", &Tar::new().file("x", "").done(), &options).is_ok());
    assert!(unpack(&root, "file", &Tar::new().file("x", "").done(), &options).is_err());
}

#[test]
fn one_file_a_tree_or_its_content_is_packed() {
    let (dir, root) = tree();
    let top = dir.path().join("root");
    fs::create_dir_all(top.join("a/b")).unwrap();
    fs::write(top.join("a/b/c"), "x").unwrap();
    symlink("/a", top.join("link")).unwrap();
    assert_eq!(names(&packed(&root, "link/b/c", "d")), ["d"]);
    assert_eq!(names(&packed(&root, "/a", "new/name")), ["new/name/", "new/name/b/", "new/name/b/c"]);
    assert_eq!(names(&packed(&root, "/a", "")), ["b/", "b/c"]);
    assert_eq!(
        names(&packed(&root, "/", "root")),
        ["root/", "root/a/", "root/a/b/", "root/a/b/c", "root/link"]
    );
    assert_eq!(names(&packed(&root, "link", "l")), ["l"]);
    assert_eq!(names(&packed(&root, "/link", "")), ["b/", "b/c"]);
    let error = pack(&root, Path::new("none"), Path::new("n"), &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read none to archive it");
}

#[derive(Debug, Clone)]
enum Kind {
    File(Vec<u8>),
    Dir,
    Link(String),
    Hard,
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..2000).prop_map(Kind::File),
        Just(Kind::Dir),
        "[a-z/.]{1,150}".prop_map(Kind::Link),
        Just(Kind::Hard),
    ]
}

fn files() -> impl Strategy<Value = BTreeMap<String, (Kind, u32, i32)>> {
    let name = prop_oneof!["[a-c]{1,2}", "[a-zäö .\\-]{1,30}", "x{90,200}"];
    let path = prop::collection::vec(name, 1..4).prop_map(|parts| parts.join("/"));
    prop::collection::btree_map(path, (kind(), 0_u32..0o7777, any::<i32>()), 0..12)
}

/// Makes what can be made of a description; a name that is taken by another kind is left out.
fn make(top: &Path, files: &BTreeMap<String, (Kind, u32, i32)>) {
    let mut first = None;
    for (name, (kind, mode, time)) in files {
        let path = top.join(name);
        if path.parent().is_none_or(|parent| fs::create_dir_all(parent).is_err()) {
            continue;
        }
        let made = match kind {
            Kind::File(content) => fs::write(&path, content),
            Kind::Dir => fs::create_dir(&path),
            Kind::Link(target) => symlink(target, &path),
            Kind::Hard => first.as_ref().map_or(Ok(()), |first| fs::hard_link(first, &path)),
        };
        if made.is_ok() && matches!(kind, Kind::File(_)) {
            let time = rustix::fs::Timespec { tv_sec: i64::from(*time), tv_nsec: 0 };
            let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
            rustix::fs::utimensat(rustix::fs::CWD, &path, &times, rustix::fs::AtFlags::empty()).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
            first = Some(path);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A tree packed and unpacked is the same tree, for us and for GNU tar.
    #[test]
    fn a_tree_survives_the_way_through_an_archive(files in files()) {
        let (dir, root) = tree();
        make(&dir.path().join("root"), &files);
        let tar = packed(&root, "/", "");
        let (copy_dir, copy) = tree();
        unpack(&copy, "/", &tar, &ExtractOptions::default()).unwrap();
        prop_assert_eq!(packed(&copy, "/", ""), tar.clone());
        let file = copy_dir.path().join("tar");
        fs::write(&file, &tar).unwrap();
        let compared = Command::new("tar").arg("-df").arg(&file).arg("-C").arg(dir.path().join("root")).output().unwrap();
        prop_assert!(compared.status.success(), "{:?}", compared);
    }
}
