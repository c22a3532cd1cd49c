//! The merged tree is what overlayfs would show.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Place, Tar, listing};
use image::{NodeKind, View, ViewError};

/// Two layers, the upper one first.
fn layers(place: &Place) -> Vec<PathBuf> {
    let lower = Tar::new()
        .dir("etc/")
        .file("etc/passwd", "root:x:0:0::/root:\napp:x:7:8::/app:\n")
        .file("etc/gone", "x")
        .dir("data/")
        .file("data/below", "x")
        .hard_link("data/hard", "data/below")
        .dir("hidden/")
        .file("hidden/secret", "x")
        .dir("turned/")
        .file("turned/x", "x")
        .symlink("link", "/etc/../abs")
        .done();
    let upper = Tar::new()
        .dir("etc/")
        .file("etc/group", "app:x:8:\nextra:x:9:app\n")
        .file("etc/.wh.gone", "")
        .dir("data/")
        .file("data/above", "y")
        .symlink("data/loop", "loop")
        .dir("hidden/")
        .file("hidden/.wh..wh..opq", "")
        .file("hidden/new", "y")
        .file("turned", "a file now")
        .symlink("abs", "data/../../data")
        .device("data/null", 1, 3)
        .done();
    let ids = [upper, lower].map(|tar| place.import(&tar).unwrap().id);
    ids.map(|id| place.store.layer_path(&id)).to_vec()
}

fn names(view: &View, path: &str) -> Vec<String> {
    view.read_dir(Path::new(path)).unwrap().into_iter().map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn directories_are_merged() {
    let place = Place::new();
    let view = View::new(layers(&place));
    assert_eq!(names(&view, "/"), ["abs", "data", "etc", "hidden", "link", "turned"]);
    assert_eq!(names(&view, "etc"), ["group", "passwd"]);
    assert_eq!(names(&view, "/hidden/."), ["new"]);
    assert_eq!(names(&view, "link"), ["above", "below", "hard", "loop", "null"]);
    let text = |path: &str| view.read(Path::new(path), 100).map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(text("turned").unwrap(), "a file now");
    assert_eq!(text("link/below").unwrap(), "x");
    for missing in ["etc/gone", "hidden/secret", "../nothing"] {
        assert!(matches!(text(missing), Err(ViewError::NotFound { .. })), "{missing}");
    }
    assert!(matches!(text("turned/x"), Err(ViewError::Kind { .. })));
    assert!(matches!(text("data/loop"), Err(ViewError::TooManyLinks { .. })));
    assert!(matches!(text("data"), Err(ViewError::Kind { .. })));
}

#[test]
fn a_node_tells_where_it_is() {
    let place = Place::new();
    let dirs = layers(&place);
    let view = View::new(dirs.clone());
    let node = view.lookup(Path::new("/link/below"), true).unwrap();
    assert_eq!((node.path, node.host_path, node.size), ("/data/below".into(), dirs[1].join("data/below"), 1));
    let link = view.lookup(Path::new("link"), false).unwrap();
    assert_eq!(link.kind, NodeKind::Symlink("/etc/../abs".into()));
    let directory = view.lookup(Path::new("link"), true).unwrap();
    assert_eq!((directory.path, directory.host_path), ("/data".into(), dirs[0].join("data")));
}

#[test]
fn accounts_come_from_both_layers() {
    let place = Place::new();
    let identity = View::new(layers(&place)).accounts().unwrap().resolve("app").unwrap();
    assert_eq!((identity.uid, identity.gid, identity.groups, identity.home), (7, 8, vec![9], "/app".into()));
    assert!(View::new(vec![place.dir.path().into()]).accounts().unwrap().resolve("app").is_err());
}

#[test]
fn a_copy_is_what_overlayfs_shows() {
    let place = Place::new();
    let dirs = layers(&place);
    let copy = place.dir.path().join("copy");
    fs::create_dir(&copy).unwrap();
    View::new(dirs.clone()).copy_tree(Path::new("/"), &copy).unwrap();
    let hard = |name: &str| fs::metadata(copy.join("data").join(name)).unwrap().ino();
    assert_eq!(hard("below"), hard("hard"));
    assert_eq!(fs::metadata(copy.join("data")).unwrap().mtime(), 1_000_000_000);
    // The same by the kernel, in a mount namespace of its own.
    let script = format!(
        "mount -t overlay overlay -o lowerdir={}:{} {2} && cp -a {2}/. {3}",
        dirs[0].display(),
        dirs[1].display(),
        place.dir.path().join("mnt").display(),
        place.dir.path().join("kernel").display()
    );
    fs::create_dir(place.dir.path().join("mnt")).unwrap();
    fs::create_dir(place.dir.path().join("kernel")).unwrap();
    let status = Command::new("unshare").args(["-m", "sh", "-c", &script]).status().unwrap();
    assert!(status.success());
    assert_eq!(listing(&copy), listing(&place.dir.path().join("kernel")));
}
