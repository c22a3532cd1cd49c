//! Archives of `ADD` that nobody meant well: each unpacks inside the layer, or is refused with its entry named.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use common::{Bench, chain, owner_and_mode};
use tar::{Builder, EntryType, Header};

/// An archive; names and links are written as they are, however bad.
struct Tar(Builder<Vec<u8>>);

impl Tar {
    fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    fn entry(mut self, kind: EntryType, name: &str, link: &str, content: &str) -> Self {
        let mut header = Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o4755 });
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.append(&header, content.as_bytes()).unwrap();
        self
    }

    fn file(self, name: &str, content: &str) -> Self {
        self.entry(EntryType::Regular, name, "", content)
    }

    fn dir(self, name: &str) -> Self {
        self.entry(EntryType::Directory, name, "", "")
    }

    fn device(mut self, name: &str, major: u32, minor: u32) -> Self {
        let mut header = Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_entry_type(EntryType::Char);
        header.set_mode(0o666);
        header.set_size(0);
        header.set_device_major(major).unwrap();
        header.set_device_minor(minor).unwrap();
        header.set_cksum();
        self.0.append(&header, &[][..]).unwrap();
        self
    }

    fn pax(mut self, records: &[(&str, &str)]) -> Self {
        let records = records.iter().map(|(key, value)| (*key, value.as_bytes()));
        self.0.append_pax_extensions(records).unwrap();
        self
    }

    fn done(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

const ADD: &str = "FROM scratch\nADD x.tar /\n";

/// What the user reads when the archive is refused.
#[track_caller]
fn refusal(bench: &mut Bench, archive: &[u8]) -> String {
    fs::write(bench.context().join("x.tar"), archive).unwrap();
    let told = chain(&bench.try_build(ADD).unwrap_err());
    bench.assert_tidy();
    assert!(told.contains("2 | ADD x.tar /") && told.contains("cannot unpack the archive x.tar"), "{told}");
    told
}

#[test]
fn what_leads_out_is_refused_with_its_name() {
    let mut bench = Bench::new();
    for name in ["../x", "a/../../x", ".."] {
        let told = refusal(&mut bench, &Tar::new().file(name, "").done());
        assert!(told.ends_with(&format!("tar entry {name:?}: its name contains '..'")), "{told}");
    }
    let outside = bench.dir.path().join("outside");
    fs::write(&outside, "secret").unwrap();
    for to in ["../../outside", "/etc/passwd", outside.to_str().unwrap()] {
        let told = refusal(&mut bench, &Tar::new().entry(EntryType::Link, "l", to, "").done());
        assert!(told.contains("tar entry \"l\": its hard link"), "{told}");
    }
    assert_eq!(fs::metadata(&outside).unwrap().nlink(), 1);
}

#[test]
fn absolute_names_and_links_stay_inside() {
    let mut bench = Bench::new();
    let outside = bench.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let out = outside.to_str().unwrap();
    let tar = Tar::new()
        .file("//etc//own", "1")
        .entry(EntryType::Symlink, "abs", out, "")
        .file("abs/two", "2")
        .entry(EntryType::Symlink, "up", "../../../../..", "")
        .file("up/three", "3");
    fs::write(bench.context().join("x.tar"), tar.done()).unwrap();
    let result = bench.build(ADD);
    let inside = format!("{}/two", out.trim_start_matches('/'));
    for (path, content) in [("etc/own", "1"), (inside.as_str(), "2"), ("three", "3")] {
        assert_eq!(bench.read(&result, path), content);
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn devices_and_set_id_bits_are_the_images_own() {
    let mut bench = Bench::new();
    let told = refusal(&mut bench, &Tar::new().device("fake", 0, 0).done());
    assert!(told.contains("tar entry \"fake\": a device 0:0"), "{told}");
    fs::write(bench.context().join("x.tar"), Tar::new().device("null", 1, 3).file("su", "").done()).unwrap();
    let result = bench.build(ADD);
    let device = fs::symlink_metadata(bench.path(&result, "null").unwrap()).unwrap();
    assert!(device.file_type().is_char_device() && device.rdev() == rustix::fs::makedev(1, 3));
    assert_eq!(owner_and_mode(&bench.path(&result, "su").unwrap()), (0, 0, 0o4755));
    // Nobody but root gets at it here.
    assert_eq!(owner_and_mode(bench.store.root()).2, 0o700);
}

#[test]
fn the_later_of_two_entries_wins_and_times_stay() {
    let mut bench = Bench::new();
    let tar = Tar::new().dir("d/").file("a", "1").file("d/x", "1").file("a", "2").file("d/y", "1").dir("a/");
    fs::write(bench.context().join("x.tar"), tar.file("a/z", "3").file("made/q", "4").done()).unwrap();
    let result = bench.build(ADD);
    assert_eq!(bench.read(&result, "a/z"), "3");
    let mtime = |path: &str| fs::metadata(bench.path(&result, path).unwrap()).unwrap().mtime();
    assert_eq!((mtime("d"), mtime("a"), mtime("made")), (1_000_000_000, 1_000_000_000, 0));
}

#[test]
fn names_of_4_kib_and_sparse_files_unpack() {
    let mut bench = Bench::new();
    let long = [&"n".repeat(200); 19].map(String::as_str).join("/");
    let sparse = [("GNU.sparse.size", "100000"), ("GNU.sparse.map", "99996,4"), ("mtime", "7.5")];
    let tar = Tar::new().pax(&[("path", &long)]).file("s", "long").pax(&sparse).file("hole", "data");
    fs::write(bench.context().join("x.tar"), tar.done()).unwrap();
    let result = bench.build(ADD);
    assert_eq!(bench.read(&result, &long), "long");
    let hole = bench.read(&result, "hole");
    assert!(hole.len() == 100_000 && hole.ends_with("\0data"));
    let name = "n".repeat(4096);
    let told = refusal(&mut bench, &Tar::new().pax(&[("path", &name)]).file("s", "").done());
    assert!(told.contains(&format!("tar entry {name:?}")), "{}", told.len());
}

#[test]
fn names_of_whiteouts_are_no_way_to_take_files_away() {
    let mut bench = Bench::new();
    bench.write("kept", "kept");
    fs::write(bench.context().join("x.tar"), Tar::new().file(".wh.kept", "").done()).unwrap();
    let told = chain(&bench.try_build("FROM scratch\nCOPY kept /\nADD x.tar /\n").unwrap_err());
    assert!(told.contains("3 | ADD x.tar /") && told.contains(".wh.kept"), "{told}");
    bench.assert_tidy();
}

/// Two gibibytes of headers, or of holes, in a few kilobytes.
#[test]
fn bombs_end_at_the_limit() {
    let mut bench = Bench::new();
    let holes = [("GNU.sparse.size", "2000000000000"), ("GNU.sparse.map", "0,4")];
    let told = refusal(&mut bench, &Tar::new().pax(&holes).file("hole", "data").done());
    assert!(told.contains("more than 1099511627776 bytes, reached at entry \"hole\""), "{told}");
    let mut block = Vec::new();
    for _ in 0..10_000 {
        block.extend_from_slice(Header::as_bytes(&directory()));
    }
    // Frames in a row are one stream.
    let frame = zstd::encode_all(block.as_slice(), 1).unwrap();
    let mut bomb = Vec::new();
    for _ in 0..201 {
        bomb.write_all(&frame).unwrap();
    }
    let told = refusal(&mut bench, &bomb);
    assert!(told.contains("more than 2000000 entries, reached at entry \"./\""), "{told}");
    let trailing = zstd::encode_all(vec![0; 80 << 20].as_slice(), 1).unwrap();
    let told = refusal(
        &mut bench,
        &[zstd::encode_all(Tar::new().dir("d/").done().as_slice(), 1).unwrap(), trailing].concat(),
    );
    assert!(told.contains("more than 64 MiB after its end"), "{told}");
}

fn directory() -> Header {
    let mut header = Header::new_ustar();
    header.set_path("./").unwrap();
    header.set_entry_type(EntryType::Directory);
    header.set_mode(0o755);
    header.set_size(0);
    header.set_cksum();
    header
}
