use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::context::Ignore;
use crate::request::Cancel;

fn write(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn walk(tree: &Tree, ignore: &str, start: &str) -> Vec<String> {
    let resolved = tree.resolve(Path::new(start), true).unwrap();
    let ignore = Ignore::parse(ignore).unwrap();
    let walk = Walk { ignore: &ignore, exclude: &Ignore::default(), cancel: &Cancel::default() };
    let entries = walk.run(&resolved.path, &resolved.directory.unwrap()).unwrap();
    entries.iter().map(|entry| entry.path.display().to_string()).collect()
}

#[test]
fn links_stay_inside_the_root() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "usr/bin/x", "x");
    symlink("usr/bin", dir.path().join("bin")).unwrap();
    symlink("/../../usr", dir.path().join("u")).unwrap();
    symlink("loop", dir.path().join("loop")).unwrap();
    let tree = Tree::plain(dir.path()).unwrap();
    let path = |path: &str| tree.resolve(Path::new(path), true).unwrap().path;
    assert_eq!(path("/bin/x"), Path::new("usr/bin/x"));
    assert_eq!(path("u/bin/../../../bin/new/er"), Path::new("usr/bin/new/er"));
    assert_eq!(path("../../etc"), Path::new("etc"));
    assert_eq!(tree.resolve(Path::new("bin"), false).unwrap().path, Path::new("bin"));
    assert_eq!(tree.resolve(Path::new("loop/x"), true).unwrap_err().raw_os_error(), Some(40));
    assert_eq!(tree.resolve(Path::new("bin/x/y"), true).unwrap_err().kind(), io::ErrorKind::NotADirectory);
    assert_eq!(tree.read(Path::new("/bin/x"), 10).unwrap().unwrap(), b"x");
    assert_eq!(tree.read(Path::new("/none"), 10).unwrap(), None);
}

#[test]
fn exclusions_are_left_out_of_a_walk() {
    let dir = tempfile::tempdir().unwrap();
    for path in ["a/keep", "a/b/drop", "c/drop", "d"] {
        write(dir.path(), path, "");
    }
    let tree = Tree::plain(dir.path()).unwrap();
    assert_eq!(walk(&tree, "", ""), ["a", "a/b", "a/b/drop", "a/keep", "c", "c/drop", "d"]);
    assert_eq!(walk(&tree, "**/drop\nd", ""), ["a", "a/b", "a/keep", "c"]);
    assert_eq!(walk(&tree, "*\n!a/keep", ""), ["a", "a/keep"]);
    assert_eq!(walk(&tree, "a\n!a/b", "a"), ["a/b", "a/b/drop"]);
}

#[test]
fn layers_merge_as_overlayfs_merges_them() {
    let dir = tempfile::tempdir().unwrap();
    let (low, high) = (dir.path().join("low"), dir.path().join("high"));
    for path in ["d/a", "d/gone", "o/hidden", "f/x"] {
        write(&low, path, "low");
    }
    for path in ["d/a", "o/new", "f"] {
        write(&high, path, "high");
    }
    let device = |path: &str| {
        let kind = rustix::fs::FileType::CharacterDevice;
        rustix::fs::mknodat(rustix::fs::CWD, high.join(path), kind, Mode::empty(), 0)
    };
    if device("d/gone").is_err() {
        eprintln!("skipped: making a whiteout needs root");
        return;
    }
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(high.join("o"), "trusted.overlay.opaque", b"y", flags).unwrap();
    let tree = Tree::overlay(&[high, low]).unwrap();
    assert_eq!(walk(&tree, "", ""), ["d", "d/a", "f", "o", "o/new"]);
    assert_eq!(tree.read(Path::new("d/a"), 10).unwrap().unwrap(), b"high");
    assert_eq!(tree.read(Path::new("d/gone"), 10).unwrap(), None);
}
