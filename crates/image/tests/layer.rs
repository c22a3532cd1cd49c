//! Layers unpack to what overlayfs expects, and their tar comes back the same.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use common::{Place, Tar, gzip, listing, xattr, zstd};
use image::{CommitOptions, Digest, ImportOptions, LayerId};

#[test]
fn whiteouts_become_overlayfs_marks_and_come_back() {
    let place = Place::new();
    let tar = Tar::new()
        .dir("etc/")
        .file("etc/.wh.gone", "")
        .dir("opt/")
        .file("opt/.wh..wh..opq", "")
        .file("opt/new", "x")
        .file("opt/.wh..wh.plnk", "")
        .file("made/up/.wh.y", "")
        .done();
    let layer = place.import(&tar).unwrap();
    let expected = [
        "etc/",
        "etc/gone whiteout",
        "made/",
        "made/up/",
        "made/up/y whiteout",
        "opt/ opaque",
        "opt/new \"x\"",
    ];
    assert_eq!(listing(&place.store.layer_path(&layer.id)), expected);
    let back = place.import(&place.tar_of(&layer)).unwrap();
    assert_eq!(back, layer);
    let mut names: Vec<String> = Vec::new();
    for entry in tar::Archive::new(place.tar_of(&layer).as_slice()).entries().unwrap() {
        names.push(entry.unwrap().path().unwrap().display().to_string());
    }
    let expected =
        ["etc/", "etc/.wh.gone", "made/", "made/up/", "made/up/.wh.y", "opt/", "opt/.wh..wh..opq", "opt/new"];
    assert_eq!(names, expected);
}

#[test]
fn whiteouts_hide_the_layers_below_and_not_their_own() {
    let place = Place::new();
    let tar = Tar::new()
        .file("a", "own")
        .file(".wh.a", "")
        .dir("dir/")
        .file("dir/own", "x")
        .file(".wh.dir", "")
        .file(".wh.later", "")
        .dir("later/")
        .file("later/x", "y")
        .file(".wh.deep", "")
        .file("deep/er/x", "z")
        .done();
    let layer = place.import(&tar).unwrap();
    let expected = [
        "a \"own\"",
        "deep/ opaque",
        "deep/er/",
        "deep/er/x \"z\"",
        "dir/ opaque",
        "dir/own \"x\"",
        "later/ opaque",
        "later/x \"y\"",
    ];
    assert_eq!(listing(&place.store.layer_path(&layer.id)), expected);
}

#[test]
fn attributes_arrive_and_times_of_directories_stay() {
    let place = Place::new();
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let tar = Tar::new()
        .dir("d/")
        .pax(&[
            ("mtime", b"1234.5"),
            ("uid", b"3000000"),
            ("SCHILY.xattr.security.capability", &capability),
            ("SCHILY.xattr.user.x", b"y\nz"),
            ("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
        ])
        .file("d/ping", "data")
        .device("d/null", 1, 3)
        .symlink("d/link", "../ping")
        .done();
    let layer = place.import(&tar).unwrap();
    let root = place.store.layer_path(&layer.id);
    let meta = fs::metadata(root.join("d/ping")).unwrap();
    assert_eq!((meta.uid(), meta.mtime(), meta.mtime_nsec()), (3_000_000, 1234, 500_000_000));
    assert_eq!(xattr(&root.join("d/ping"), "security.capability").unwrap(), capability);
    assert_eq!(xattr(&root.join("d/ping"), "user.x").unwrap(), b"y\nz");
    assert_eq!(xattr(&root.join("d/ping"), "trusted.overlay.redirect"), None);
    assert_eq!(fs::metadata(root.join("d")).unwrap().mtime(), 1_000_000_000);
    assert_eq!(fs::symlink_metadata(root.join("d/link")).unwrap().mtime(), 1_000_000_000);
    let device = fs::metadata(root.join("d/null")).unwrap();
    assert_eq!((device.rdev(), device.mode() & 0o7777), (0x103, 0o666));
    assert_eq!(place.import(&place.tar_of(&layer)).unwrap().id, layer.id);
}

#[test]
fn set_id_bits_survive_the_change_of_owner() {
    let place = Place::new();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("su"), "x").unwrap();
    std::os::unix::fs::chown(dir.path().join("su"), Some(7), Some(8)).unwrap();
    fs::set_permissions(dir.path().join("su"), fs::Permissions::from_mode(0o6755)).unwrap();
    fs::create_dir(dir.path().join("sticky")).unwrap();
    fs::set_permissions(dir.path().join("sticky"), fs::Permissions::from_mode(0o3777)).unwrap();
    let layer = place.import(&gnu_tar(dir.path(), &["--format=gnu"])).unwrap();
    let root = place.store.layer_path(&layer.id);
    let meta = fs::metadata(root.join("su")).unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.uid(), meta.gid()), (0o6755, 7, 8));
    assert_eq!(fs::metadata(root.join("sticky")).unwrap().mode() & 0o7777, 0o3777);
}

#[test]
fn every_dialect_of_gnu_tar_gives_the_same_layer() {
    let place = Place::new();
    let dir = odd_tree();
    let all: Vec<LayerId> = [
        &["--format=gnu"][..],
        &["--format=pax"],
        &["--format=gnu", "--sparse"],
        &["--format=pax", "--sparse", "--sparse-version=0.0"],
        &["--format=pax", "--sparse", "--sparse-version=0.1"],
        &["--format=pax", "--sparse", "--sparse-version=1.0"],
    ]
    .iter()
    .map(|options| place.import(&gnu_tar(dir.path(), options)).unwrap().id)
    .collect();
    assert!(all.iter().all(|id| *id == all[0]), "{all:?}");
    let root = place.store.layer_path(&all[0]);
    let status =
        Command::new("diff").args(["-r", "--no-dereference"]).arg(dir.path()).arg(&root).status().unwrap();
    assert!(status.success());
    let (first, second) = (root.join("hard/one"), root.join("two"));
    assert_eq!(fs::metadata(first).unwrap().ino(), fs::metadata(second).unwrap().ino());
}

#[test]
fn gnu_tar_agrees_with_what_is_written() {
    let place = Place::new();
    let dir = odd_tree();
    let layer = place.import(&gnu_tar(dir.path(), &["--format=pax"])).unwrap();
    let file = place.dir.path().join("layer.tar");
    fs::write(&file, place.tar_of(&layer)).unwrap();
    let compared = Command::new("tar").arg("-df").arg(&file).arg("-C").arg(dir.path()).output().unwrap();
    assert!(compared.status.success(), "{compared:?}");
}

/// Long names, links of both kinds, holes, odd bytes; times in whole seconds.
fn odd_tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let root = dir.path();
    let deep = root.join("d".repeat(200)).join("e".repeat(200));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("f".repeat(255)), "deep").unwrap();
    fs::create_dir(root.join("hard")).unwrap();
    fs::write(root.join("hard/one"), "linked").unwrap();
    fs::hard_link(root.join("hard/one"), root.join("two")).unwrap();
    std::os::unix::fs::symlink("x".repeat(300), root.join("longlink")).unwrap();
    fs::write(root.join("caf\u{e9} \n"), "").unwrap();
    let sparse = fs::File::create(root.join("sparse")).unwrap();
    for at in 0..40 {
        std::os::unix::fs::FileExt::write_at(&sparse, b"data", at * 100_000).unwrap();
    }
    sparse.set_len(10_000_000).unwrap();
    let touched =
        Command::new("find").arg(root).args(["-exec", "touch", "-h", "-d", "@1000", "{}", "+"]).status();
    assert!(touched.unwrap().success());
    dir
}

fn gnu_tar(dir: &std::path::Path, options: &[&str]) -> Vec<u8> {
    let out =
        Command::new("tar").args(options).arg("-cf").arg("-").arg("-C").arg(dir).arg(".").output().unwrap();
    assert!(out.status.success(), "{out:?}");
    out.stdout
}

#[test]
fn compressed_streams_give_the_same_layer() {
    let place = Place::new();
    let tar = Tar::new().dir("a/").file("a/b", &"content".repeat(100_000)).done();
    let plain = place.import(&tar).unwrap();
    assert_eq!(place.import(&gzip(&tar)).unwrap(), plain);
    assert_eq!(place.import(&zstd(&tar)).unwrap(), plain);
    let two_members = [gzip(&tar[..1000]), gzip(&tar[1000..])].concat();
    assert_eq!(place.import(&two_members).unwrap(), plain);
}

#[test]
fn a_kept_blob_is_sent_on_unchanged() {
    let place = Place::new();
    let tar = Tar::new().file("b", "1").file("a", "2").done();
    let blob = gzip(&tar);
    let options = ImportOptions {
        keep_blob: true,
        expected_digest: Some(Digest::of(&blob)),
        expected_diff_id: Some(Digest::of(&tar).into()),
        ..ImportOptions::default()
    };
    let layer = place.import_with(&blob, &options).unwrap();
    assert_eq!(layer.id, Digest::of(&tar).into());
    let kept = layer.blob.clone().unwrap();
    assert_eq!(place.store.read_blob(&kept.digest).unwrap(), blob);
    assert_eq!(kept.media_type, "application/vnd.oci.image.layer.v1.tar+gzip");
    assert_eq!(place.tar_of(&layer), tar);
    assert_eq!(place.store.layer(&layer.id).unwrap().unwrap(), layer);
}

#[test]
fn committing_takes_the_directory_and_gives_a_stable_digest() {
    let place = Place::new();
    let lease = place.store.lease().unwrap();
    let ids: Vec<LayerId> = (0..2)
        .map(|_| {
            let scratch = place.store.scratch().unwrap();
            let dir = scratch.path().join("upper");
            fs::create_dir(&dir).unwrap();
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
            fs::create_dir(dir.join("d")).unwrap();
            fs::write(dir.join("d/f"), "x").unwrap();
            std::os::unix::fs::symlink("f", dir.join("d/l")).unwrap();
            std::os::unix::net::UnixListener::bind(dir.join("socket")).unwrap();
            let layer =
                place.store.commit_dir(&lease, &dir, &CommitOptions { clamp_mtime: Some(5) }).unwrap();
            assert!(!dir.exists());
            assert_eq!(layer.entries, 3);
            layer.id
        })
        .collect();
    assert_eq!(ids[0], ids[1]);
    let path = place.store.layer_path(&ids[0]);
    assert_eq!(fs::symlink_metadata(path.join("d/l")).unwrap().mtime(), 5);
    assert!(place.store.verify().unwrap().is_empty());
}

#[test]
fn what_a_layer_cannot_hold_is_an_error_that_names_it() {
    let place = Place::new();
    let lease = place.store.lease().unwrap();
    let commit = |make: &dyn Fn(&std::path::Path)| {
        let scratch = place.store.scratch().unwrap();
        let dir = scratch.path().join("upper");
        fs::create_dir(&dir).unwrap();
        make(&dir);
        place.store.commit_dir(&lease, &dir, &CommitOptions::default()).unwrap_err().to_string()
    };
    let error = commit(&|dir| fs::write(dir.join(".wh.x"), "").unwrap());
    assert_eq!(error, "cannot archive .wh.x: in a layer its name means that a file was removed");
    let error = commit(&|dir| {
        fs::create_dir(dir.join("moved")).unwrap();
        let name = "trusted.overlay.redirect";
        rustix::fs::setxattr(dir.join("moved"), name, b"/etc", rustix::fs::XattrFlags::empty()).unwrap();
    });
    assert!(error.starts_with("cannot archive moved: overlayfs redirected it"), "{error}");
}

#[test]
fn the_root_directory_is_an_entry_only_when_it_is_unusual() {
    let place = Place::new();
    let usual = place.import(&Tar::new().dir("./").file("./a", "x").done()).unwrap();
    assert_eq!(usual.entries, 1);
    let mut header = tar::Header::new_gnu();
    header.set_path("./").unwrap();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_mode(0o1777);
    header.set_size(0);
    header.set_cksum();
    let unusual = place.import(&[header.as_bytes().as_slice(), &[0; 1024]].concat()).unwrap();
    assert_eq!(unusual.entries, 1);
    let path = place.store.layer_path(&unusual.id);
    assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o1777);
    assert_eq!(place.import(&place.tar_of(&unusual)).unwrap(), unusual);
}

#[test]
fn a_layer_that_changes_nothing_is_the_empty_tar() {
    let place = Place::new();
    let layer = place.import(&[0; 10_240]).unwrap();
    assert_eq!((layer.entries, layer.size, layer.tar_size), (0, 0, 1024));
    assert_eq!(layer.id, Digest::of(&[0; 1024]).into());
}
