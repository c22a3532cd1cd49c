//! Layers that mean harm unpack safely or are refused with the entry's name, and leave nothing.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::error::Error;
use std::fs;
use std::os::unix::fs::MetadataExt;

use common::{Place, Tar, gzip, listing};
use image::{ExtractError, ImportError, ImportOptions, Limits};
use proptest::prelude::*;
use tar::EntryType;

/// The error of an import as a user sees it.
fn refusal(place: &Place, tar: &[u8]) -> String {
    let error = place.import(tar).unwrap_err();
    assert_eq!(place.leftovers(), 0);
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}

#[test]
fn names_that_lead_out_are_refused_with_their_name() {
    let place = Place::new();
    for name in ["../evil", "a/../../evil", "..", "/../evil"] {
        let text = refusal(&place, &Tar::new().file(name, "x").done());
        assert!(text.contains(&format!("tar entry {name:?}")) && text.contains("'..'"), "{text}");
    }
    assert!(!place.dir.path().join("evil").exists());
}

#[test]
fn absolute_names_land_inside() {
    let place = Place::new();
    let layer = place.import(&Tar::new().file("//etc//evil", "x").done()).unwrap();
    assert_eq!(listing(&place.store.layer_path(&layer.id)), ["etc/", "etc/evil \"x\""]);
}

#[test]
fn links_out_of_the_root_are_followed_inside_it() {
    let place = Place::new();
    let outside = place.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let out = outside.display().to_string();
    let tar = Tar::new()
        .symlink("abs", &out)
        .file("abs/one", "1")
        .symlink("rel", "../../../../../../../../..")
        .file("rel/two", "2")
        .symlink("file", "/etc/passwd")
        .file("file", "3")
        .dir("abs/")
        .file("abs/four", "4")
        .done();
    let layer = place.import(&tar).unwrap();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    let inside = listing(&place.store.layer_path(&layer.id));
    assert!(inside.contains(&format!("{}/one \"1\"", out.trim_start_matches('/'))), "{inside:?}");
    for line in ["two \"2\"", "file \"3\"", "abs/four \"4\""] {
        assert!(inside.contains(&line.to_owned()), "{inside:?}");
    }
}

#[test]
fn a_chain_of_links_is_followed_and_a_loop_refused() {
    let place = Place::new();
    let chain =
        Tar::new().symlink("a", "b").symlink("b", "c/d").symlink("c", "e").file("a/x/a/y", "1").done();
    let layer = place.import(&chain).unwrap();
    assert!(listing(&place.store.layer_path(&layer.id)).contains(&"e/d/x/a/y \"1\"".to_owned()));
    let text = refusal(&place, &Tar::new().symlink("l", "l").file("l/x", "1").done());
    assert!(text.contains("\"l/x\""), "{text}");
}

#[test]
fn hard_links_to_the_outside_are_refused() {
    let place = Place::new();
    fs::write(place.dir.path().join("secret"), "x").unwrap();
    let before = fs::metadata("/etc/passwd").unwrap().nlink();
    let secret = place.dir.path().join("secret").display().to_string();
    for target in ["../../../../secret", "/etc/passwd", &secret, "", "."] {
        let text = refusal(&place, &Tar::new().file("x", "").hard_link("link", target).done());
        assert!(text.contains("\"link\"") && text.contains("hard link"), "{text}");
    }
    let through = Tar::new().symlink("s", "/etc").hard_link("link", "s/passwd").done();
    assert!(refusal(&place, &through).contains("not there"));
    let directory = Tar::new().dir("d/").hard_link("link", "d").done();
    assert!(refusal(&place, &directory).contains("directory"));
    assert_eq!(fs::metadata("/etc/passwd").unwrap().nlink(), before);
}

#[test]
fn the_later_of_two_entries_wins() {
    let place = Place::new();
    let tar = Tar::new()
        .file("a", "1")
        .file("a", "2")
        .dir("d/")
        .file("d/x", "1")
        .file("d", "now a file")
        .file("f", "1")
        .dir("f/")
        .file("f/x", "2")
        .file("same", "3")
        .hard_link("same", "same")
        .hard_link("other", "same")
        .symlink("same", "a")
        .done();
    let layer = place.import(&tar).unwrap();
    let expected = ["a \"2\"", "d \"now a file\"", "f/", "f/x \"2\"", "other \"3\"", "same -> a"];
    assert_eq!(listing(&place.store.layer_path(&layer.id)), expected);
}

#[test]
fn a_file_cannot_be_a_directory() {
    let place = Place::new();
    let text = refusal(&place, &Tar::new().file("a", "1").file("a/b", "2").done());
    assert!(text.contains("\"a/b\""), "{text}");
    assert!(refusal(&place, &Tar::new().symlink(".", "/").done()).contains("root"));
}

#[test]
fn whiteouts_of_what_is_not_there_are_kept_and_of_nothing_refused() {
    let place = Place::new();
    let layer = place.import(&Tar::new().file("x/.wh.y", "").done()).unwrap();
    assert_eq!(listing(&place.store.layer_path(&layer.id)), ["x/", "x/y whiteout"]);
    for name in [".wh.", ".wh...", ".wh.."] {
        assert!(refusal(&place, &Tar::new().file(name, "").done()).contains("whiteout of nothing"));
    }
    assert!(refusal(&place, &Tar::new().file("a/.wh.b/c", "").done()).contains("\"a/.wh.b/c\""));
    let device = Tar::new().device("fake", 0, 0).done();
    assert!(refusal(&place, &device).contains("\"fake\""));
}

#[test]
fn streams_that_are_cut_or_no_tar_are_refused() {
    let place = Place::new();
    let tar = Tar::new().file("a", &"x".repeat(5000)).file("b", "y").done();
    for length in [1, 511, 513, 2000, 5000, 6000] {
        assert!(refusal(&place, &tar[..length]).contains("the stream ends inside"), "{length}");
    }
    assert!(refusal(&place, &[b'x'; 2000]).contains("checksum"));
    let compressed = gzip(&tar);
    assert!(refusal(&place, &compressed[..compressed.len() - 20]).contains("cannot read the tar stream"));
    let mut broken = compressed;
    let checksum = broken.len() - 6;
    broken[checksum] ^= 0x55;
    assert!(refusal(&place, &broken).contains("cannot unpack the layer"));
}

#[test]
fn bombs_end_at_the_limit() {
    let place = Place::new();
    let zeros = vec![0; 4 << 20];
    let limits = Limits { bytes: 1 << 20, entries: 3 };
    let options = ImportOptions { limits, ..ImportOptions::default() };
    let bomb = gzip(&[Tar::new().file("a", "").done(), zeros].concat());
    let limit = |error| match error {
        ImportError::Extract(ExtractError::Limit { limit, unit, .. }) => (limit, unit),
        other => panic!("{other}"),
    };
    assert_eq!(limit(place.import_with(&bomb, &options).unwrap_err()), (1 << 20, "bytes"));
    let many = Tar::new().dir("a/").dir("b/").dir("c/").dir("d/").done();
    assert_eq!(limit(place.import_with(&many, &options).unwrap_err()), (3, "entries"));
    assert_eq!(place.leftovers(), 0);
}

#[test]
fn headers_that_lie_are_refused() {
    let place = Place::new();
    let long = Tar::new().entry(EntryType::XHeader, "pax", "", &"x".repeat(2 << 20)).file("a", "").done();
    assert!(refusal(&place, &long).contains("extended header"));
    for records in ["999 path=x\n", "7 uid=x\n", "12 path=a\0bc\n"] {
        let tar = Tar::new().entry(EntryType::XHeader, "pax", "", records).file("a", "").done();
        assert!(refusal(&place, &tar).contains("PAX"), "{records:?}");
    }
    let sparse = [("GNU.sparse.size", &b"10"[..]), ("GNU.sparse.map", b"8,4")];
    let text = refusal(&place, &Tar::new().pax(&sparse).file("hole", "abcd").done());
    assert!(text.contains("\"hole\"") && text.contains("behind the end"), "{text}");
    let version =
        [("GNU.sparse.major", &b"1"[..]), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"9")];
    let text = refusal(&place, &Tar::new().pax(&version).file("map", "99999999\n1\n").done());
    assert!(text.contains("\"map\""), "{text}");
    let unknown = Tar::new().entry(EntryType::new(b'M'), "part", "", "").done();
    assert!(refusal(&place, &unknown).contains("\"part\""));
}

#[test]
fn very_long_and_very_deep_names_unpack() {
    let place = Place::new();
    let deep = ["d"; 700].join("/");
    let long = "n".repeat(255);
    let wide = [long.as_str(); 20].join("/");
    let tar = Tar::new()
        .pax(&[("path", deep.as_bytes()), ("mtime", b"7")])
        .file("short", "deep")
        .pax(&[("path", wide.as_bytes())])
        .file("short", "wide")
        .done();
    let layer = place.import(&tar).unwrap();
    assert_eq!(place.import(&place.tar_of(&layer)).unwrap(), layer);
    assert!(place.store.verify().unwrap().is_empty());
    let too_long = "n".repeat(256);
    let text = refusal(&place, &Tar::new().pax(&[("path", too_long.as_bytes())]).file("short", "").done());
    assert!(text.contains(&too_long), "{text}");
}

fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", ".wh.a", ".wh..wh..opq", "..", ".", ""]), 1..4)
        .prop_map(|parts| parts.join("/"))
}

fn entry() -> impl Strategy<Value = (EntryType, String, String)> {
    let kind = prop::sample::select(vec![
        EntryType::Regular,
        EntryType::Directory,
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Fifo,
    ]);
    (kind, name(), name())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever is unpacked comes back as the same layer, and nothing leaves the root.
    #[test]
    fn any_sequence_of_entries_unpacks_or_is_refused(entries in prop::collection::vec(entry(), 0..12)) {
        let place = Place::new();
        let mut tar = Tar::new();
        for (kind, name, link) in entries {
            let content = if kind == EntryType::Regular { "data" } else { "" };
            tar = tar.entry(kind, &name, &link, content);
        }
        if let Ok(layer) = place.import(&tar.done()) {
            prop_assert_eq!(place.import(&place.tar_of(&layer)).unwrap(), layer);
        }
        let beside: Vec<_> = fs::read_dir(place.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        prop_assert_eq!(beside, ["store"]);
        prop_assert_eq!(place.leftovers(), 0);
    }

    /// A stream with any bytes changed is refused or unpacks; nothing panics.
    #[test]
    fn changed_bytes_never_panic(changes in prop::collection::vec((0_usize..6000, any::<u8>()), 1..6)) {
        let place = Place::new();
        let records = [("path", &b"some/long/name"[..]), ("GNU.sparse.size", b"9"), ("GNU.sparse.map", b"0,4")];
        let mut tar = Tar::new().pax(&records).file("x", "data").dir("d/").hard_link("d/l", "x").done();
        for (at, byte) in changes {
            let at = at % tar.len();
            tar[at] = byte;
        }
        let _ = place.import(&tar);
        prop_assert_eq!(place.leftovers(), 0);
    }
}

#[test]
fn set_user_id_bits_and_devices_stay_where_no_other_user_reaches_them() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(1);
    header.set_mode(0o6755);
    archive.append_data(&mut header, "su", &b"x"[..]).unwrap();
    let layer = place.import(&archive.into_inner().unwrap()).unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&place.store.layer_path(&layer.id).join("su")), 0o6755);
    // Nobody but root gets below the store, so the bits have no effect outside of containers.
    assert_eq!(mode(place.store.root()), 0o700);
    assert_eq!(mode(&place.store.root().join("layers")), 0o700);
}

#[test]
fn more_entries_than_allowed_are_refused_and_leave_nothing() {
    let place = Place::new();
    let mut tar = Tar::new();
    for number in 0..2000 {
        tar = tar.symlink(&format!("l{number}"), "x");
    }
    let limits = image::Limits { entries: 1000, ..image::Limits::default() };
    let options = image::ImportOptions { limits, ..image::ImportOptions::default() };
    let error = place.import_with(&tar.done(), &options).unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("1000 entries"), "{error:?}");
    assert_eq!(place.leftovers(), 0);
}
