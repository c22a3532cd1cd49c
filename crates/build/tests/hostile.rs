//! Contexts that nobody meant well.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use common::{Bench, chain, owner_and_mode};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

fn node(bench: &Bench, name: &str, kind: FileType, device: u64) {
    mknodat(CWD, bench.context().join(name), kind, Mode::from_raw_mode(0o644), device).unwrap();
}

fn error(bench: &mut Bench, text: &str) -> String {
    let error = chain(&bench.try_build(text).unwrap_err());
    bench.assert_tidy();
    error
}

#[test]
fn devices_are_refused_by_name() {
    let mut bench = Bench::new();
    bench.write("d/file", "");
    // To overlayfs, 0:0 means that a file is deleted.
    node(&bench, "d/etc", FileType::CharacterDevice, makedev(0, 0));
    let told = error(&mut bench, "FROM scratch\nCOPY d /\n");
    assert!(told.ends_with("d/etc is a device; devices are not copied from the build context"), "{told}");
    node(&bench, "disk", FileType::BlockDevice, makedev(7, 0));
    for text in ["COPY disk /", "COPY di* /", "COPY . /x/", "RUN --mount=target=/m true", "ADD disk /"] {
        let told = error(&mut bench, &format!("FROM scratch\n{text}\n"));
        assert!(told.contains(" is a device"), "{text}: {told}");
    }
    assert_eq!(bench.runs(), 0);
    bench.write(".dockerignore", "disk\nd/etc\n");
    bench.build("FROM scratch\nCOPY . /\n");
}

#[test]
fn pipes_are_copied_without_being_opened_and_sockets_are_refused() {
    let mut bench = Bench::new();
    node(&bench, "pipe", FileType::Fifo, 0);
    let result = bench.build("FROM scratch\nCOPY pipe /p\nADD pipe /q\n");
    assert_eq!(owner_and_mode(&bench.path(&result, "p").unwrap()).2, 0o644);
    let _socket = std::os::unix::net::UnixListener::bind(bench.context().join("socket")).unwrap();
    let told = error(&mut bench, "FROM scratch\nCOPY . /\n");
    assert!(told.ends_with("socket is a socket, which an image cannot hold"), "{told}");
}

#[test]
fn nothing_outside_the_context_is_read() {
    let mut bench = Bench::new();
    fs::write(bench.dir.path().join("outside"), "outside").unwrap();
    for (name, to) in [("up", "../outside"), ("far", "/etc/passwd"), ("loop", "loop"), ("dir", "/etc")] {
        symlink(to, bench.context().join(name)).unwrap();
    }
    for source in
        ["up", "far", "dir/passwd", "../outside", "up/../../outside", "/../../etc/passwd", "d*/passwd"]
    {
        let told = error(&mut bench, &format!("FROM scratch\nCOPY {source} /x\n"));
        assert!(
            told.contains("is not in the build context") || told.contains("no file in"),
            "{source}: {told}"
        );
    }
    let told = error(&mut bench, "FROM scratch\nCOPY loop /x\n");
    assert!(told.contains("cannot read loop"), "{told}");
    // As part of a directory, links stay what they are.
    let result = bench.build("FROM scratch\nCOPY . /all\n");
    assert_eq!(fs::read_link(bench.path(&result, "all/far").unwrap()).unwrap().to_str(), Some("/etc/passwd"));
}

#[test]
fn links_of_the_image_do_not_lead_out_of_it() {
    let mut bench = Bench::new();
    let outside = bench.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, bench.context().join("link")).unwrap();
    symlink("../../../../../../..", bench.context().join("up")).unwrap();
    bench.write("file", "x");
    let text = "FROM scratch\nCOPY link up /\nCOPY link /l/\nCOPY file /link/file\nCOPY file /up/tmp/file\n";
    // The two links are copied as part of a directory.
    let text = text.replace("COPY link up /\nCOPY link /l/\n", "COPY . /\n");
    let result = bench.build(&text);
    assert!(fs::read_dir(&outside).unwrap().next().is_none());
    let inside = outside.strip_prefix("/").unwrap().join("file");
    assert_eq!(bench.read(&result, inside.to_str().unwrap()), "x");
    assert_eq!(bench.read(&result, "tmp/file"), "x");
}

#[test]
fn the_dockerfile_and_the_ignore_file_are_of_the_context() {
    let mut bench = Bench::new();
    fs::write(bench.dir.path().join("outside"), "root:secret\n").unwrap();
    for name in ["Dockerfile", ".dockerignore"] {
        bench.write("Dockerfile", "FROM scratch\n");
        fs::remove_file(bench.context().join(name)).ok();
        symlink("../outside", bench.context().join(name)).unwrap();
        let request = build::BuildRequest::new(bench.context());
        let told = chain(&bench.try_request(&request).unwrap_err());
        assert!(
            told.contains("not a regular file in the build context") && !told.contains("secret"),
            "{told}"
        );
        fs::remove_file(bench.context().join(name)).unwrap();
    }
}

#[test]
fn odd_and_huge_names_are_kept() {
    let mut bench = Bench::new();
    let long = "n".repeat(255);
    bench.write(&long, "long");
    bench.write("new\nline and \u{1b}[31m", "");
    fs::write(bench.context().join(std::ffi::OsStr::from_bytes(b"\xff\xfe")), "bytes").unwrap();
    let mut deep = bench.context();
    for _ in 0..12 {
        deep.push("d".repeat(200));
    }
    fs::create_dir_all(&deep).unwrap();
    let result = bench.build("FROM scratch\nCOPY . /x\n");
    assert_eq!(bench.read(&result, &format!("x/{long}")), "long");
    let top = bench.path(&result, "x").unwrap();
    assert!(top.join(std::ffi::OsStr::from_bytes(b"\xff\xfe")).exists());
}

#[test]
fn directories_nested_too_deep_are_named() {
    let mut bench = Bench::new();
    let path = vec!["d"; 260].join("/");
    fs::create_dir_all(bench.context().join(&path)).unwrap();
    let told = error(&mut bench, "FROM scratch\nCOPY . /\n");
    assert!(told.contains("directories are nested more than"), "{told}");
}

#[test]
fn owners_and_special_bits_are_not_those_of_this_host() {
    let mut bench = Bench::new();
    bench.write("tool", "x");
    let path = bench.context().join("tool");
    std::os::unix::fs::chown(&path, Some(1234), Some(5678)).unwrap();
    let result = bench.build("FROM scratch\nCOPY tool /\n");
    assert_eq!(owner_and_mode(&bench.path(&result, "tool").unwrap()), (0, 0, 0o644));
}
