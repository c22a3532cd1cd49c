//! Images come, get names, and go; damage is named; nothing half-made stays.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use common::{Place, Tar, listing};
use image::{
    CommitOptions, HistoryEntry, ImageConfig, ImageId, ImportError, ImportOptions, LayerId, PutImageError,
    Reference, RemoveError, Removed, ResolveError, Store, StoreError, Usage,
};

fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

fn unused(_: &ImageId) -> Usage {
    Usage::Unused
}

fn nothing(_: &LayerId) -> bool {
    false
}

/// Everything in the store but temporary things.
fn content(store: &Store) -> Vec<String> {
    let all = listing(store.root());
    let names = all.iter().map(|line| line.split([' ', '/']).take(3).collect::<Vec<_>>().join("/"));
    let kept: BTreeSet<String> =
        names.filter(|name| name.starts_with("layers/") || name.starts_with("blobs/sha256/")).collect();
    let names = kept.into_iter().filter(|name| !name.ends_with('/'));
    names.map(|name| name.split("/\"").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn an_image_is_found_by_every_name() {
    let place = Place::new();
    let lease = place.store.lease().unwrap();
    let image = place.image(&lease, "x", &["app:1", "localhost:5000/app"]);
    let hex = image.id.hex();
    let names = [
        "app:1",
        "docker.io/library/app:1",
        "localhost:5000/app:latest",
        &hex,
        &hex[..7],
        &image.id.to_string(),
    ];
    for name in names {
        for store in [&place.store, &place.again()] {
            assert_eq!(store.resolve(name).unwrap().id, image.id, "{name}");
        }
    }
    assert_eq!(image.references, [reference("app:1"), reference("localhost:5000/app")]);
    let error = |name: &str| place.store.resolve(name).unwrap_err().to_string();
    assert_eq!(error("app:2"), "no such image: app:2");
    assert_eq!(error(&"0".repeat(64)), format!("no such image: {}", "0".repeat(64)));
    assert!(error("App").contains("lower case"));
    assert_eq!(place.store.lower_dirs(&image), [place.store.layer_path(&image.layers[0])]);
}

#[test]
fn a_prefix_of_several_images_is_ambiguous() {
    let place = Place::new();
    let lease = place.store.lease().unwrap();
    let ids: Vec<ImageId> = (0..17).map(|number| place.image(&lease, &number.to_string(), &[]).id).collect();
    let first = ids
        .iter()
        .map(|id| id.hex()[..1].to_owned())
        .find(|digit| ids.iter().filter(|id| id.hex().starts_with(digit.as_str())).count() > 1);
    let error = place.store.resolve(&first.unwrap()).unwrap_err();
    assert!(matches!(&error, ResolveError::Ambiguous { ids, .. } if ids.len() > 1), "{error}");
}

#[test]
fn a_tag_moves_to_the_newer_image() {
    let place = Place::new();
    let lease = place.store.lease().unwrap();
    let old = place.image(&lease, "old", &["app"]);
    let other = place.again();
    assert_eq!(other.resolve("app").unwrap().id, old.id);
    let new = place.image(&lease, "new", &["app"]);
    assert_eq!(other.resolve("app").unwrap().id, new.id);
    assert!(other.resolve(&old.id.hex()).unwrap().references.is_empty());
    other.tag(&old.id, &reference("app:old")).unwrap();
    assert_eq!(place.store.image(&old.id).unwrap().references, [reference("app:old")]);
    assert!(place.store.untag(&reference("app:old")).unwrap());
    assert!(!place.store.untag(&reference("app:old")).unwrap());
    assert_eq!(place.store.list().unwrap().len(), 2);
}

#[test]
fn the_history_counts_its_layers() {
    let place = Place::new();
    let lease = place.store.lease().unwrap();
    let layer = place.import(&Tar::new().file("a", "12345").done()).unwrap();
    let step = |text: &str, empty_layer| HistoryEntry {
        created_by: Some(text.to_owned()),
        empty_layer,
        ..HistoryEntry::default()
    };
    let config =
        ImageConfig { history: vec![step("ADD", false), step("ENV", true)], ..ImageConfig::default() };
    let image = place.store.put_image(&lease, config.clone(), &[layer.id], &[]).unwrap();
    let rows = place.store.history(&image).unwrap();
    let rows: Vec<_> =
        rows.iter().map(|row| (row.entry.created_by.as_deref().unwrap(), row.layer, row.size)).collect();
    assert_eq!(rows, [("ENV", None, 0), ("ADD", Some(layer.id), 5)]);
    let error = place.store.put_image(&lease, config, &[], &[]).unwrap_err();
    assert!(matches!(error, PutImageError::History { history: 1, layers: 0 }));
}

#[test]
fn removing_follows_dockers_rules() {
    let place = Place::new();
    let lease = place.store.lease().unwrap();
    let image = place.image(&lease, "x", &["a", "b"]);
    drop(lease);
    let store = &place.store;
    let by_id = store.remove(&image.id.hex(), false, &unused, &nothing).unwrap_err();
    assert!(by_id.to_string().contains("several names (must force): a:latest, b:latest"), "{by_id}");
    let one = store.remove("a", false, &|_| Usage::Running("web".into()), &nothing).unwrap();
    assert_eq!(one, [Removed::Untagged(reference("a"))]);
    let running = store.remove("b", true, &|_| Usage::Running("web".into()), &nothing).unwrap_err();
    let expected =
        format!("conflict: unable to remove b: container web is using its image {}", image.id.short());
    assert_eq!(running.to_string(), expected);
    let stopped = |_: &ImageId| Usage::Stopped("old".into());
    let conflict = store.remove("b", false, &stopped, &nothing).unwrap_err();
    assert!(matches!(conflict, RemoveError::InUse { running: false, .. }));
    let forced = store.remove("b", true, &stopped, &nothing).unwrap();
    assert_eq!(forced, [Removed::Untagged(reference("b"))]);
    assert_eq!(store.resolve(&image.id.hex()).unwrap().layers, image.layers);
    let gone = store.remove(&image.id.hex(), false, &unused, &nothing).unwrap();
    assert_eq!(gone, [Removed::Deleted(image.id), Removed::DeletedLayer(image.layers[0])]);
    assert!(content(store).is_empty());
    assert_eq!(place.leftovers(), 0);
}

#[test]
fn layers_that_others_need_stay() {
    let place = Place::new();
    let lease = place.store.lease().unwrap();
    let first = place.image(&lease, "shared", &["first"]);
    let config = ImageConfig { author: Some("another".into()), ..ImageConfig::default() };
    let second = place.store.put_image(&lease, config, &first.layers, &[reference("second")]).unwrap();
    drop(lease);
    place.store.remove("first", false, &unused, &nothing).unwrap();
    assert_eq!(place.store.resolve("second").unwrap().id, second.id);
    let removed = place.store.remove("second", false, &unused, &|_| true).unwrap();
    assert_eq!(removed.len(), 2);
    assert_eq!(content(&place.store).len(), 2);
    let report = place.store.prune(false, &unused, &nothing).unwrap();
    assert_eq!((report.removed, report.freed), (vec![Removed::DeletedLayer(first.layers[0])], 6));
}

#[test]
fn a_lease_protects_from_every_process() {
    let place = Place::new();
    let other = place.again();
    let lease = place.store.lease().unwrap();
    let tar = Tar::new().file("a", "x").done();
    let layer = place.store.import_layer(&lease, &mut tar.as_slice(), &ImportOptions::default()).unwrap();
    let blob = place.store.put_blob(&lease, b"text").unwrap();
    for store in [&place.store, &other] {
        assert!(store.prune(true, &unused, &nothing).unwrap().removed.is_empty());
    }
    assert!(place.store.layer(&layer.id).unwrap().is_some());
    let second = other.lease().unwrap();
    second.protect(&layer.id).unwrap();
    drop(lease);
    assert!(place.store.prune(true, &unused, &nothing).unwrap().removed.is_empty());
    assert!(matches!(place.store.read_blob(&blob), Err(StoreError::MissingBlob { .. })));
    drop(second);
    assert_eq!(
        place.store.prune(true, &unused, &nothing).unwrap().removed,
        [Removed::DeletedLayer(layer.id)]
    );
    assert!(matches!(other.lease().unwrap().protect(&layer.id), Err(StoreError::MissingLayer { .. })));
}

#[test]
fn pruning_takes_what_has_no_name_and_strays() {
    let place = Place::new();
    let lease = place.store.lease().unwrap();
    let named = place.image(&lease, "named", &["named"]);
    let used = place.image(&lease, "used", &[]);
    let dangling = place.image(&lease, "dangling", &[]);
    drop(lease);
    let layers = place.store.root().join("layers");
    fs::create_dir(layers.join("0123456789abcdef01234567")).unwrap();
    fs::write(layers.join("half.json"), "{").unwrap();
    let usage = |id: &ImageId| if *id == used.id { Usage::Stopped("c".into()) } else { Usage::Unused };
    let report = place.store.prune(false, &usage, &nothing).unwrap();
    assert_eq!(report.removed, [Removed::Deleted(dangling.id), Removed::DeletedLayer(dangling.layers[0])]);
    assert!(!layers.join("half.json").exists() && !layers.join("0123456789abcdef01234567").exists());
    let report = place.store.prune(true, &usage, &nothing).unwrap();
    assert_eq!(report.removed[0], Removed::Untagged(reference("named")));
    assert!(place.store.resolve(&named.id.hex()).is_err());
    assert_eq!(place.store.list().unwrap().len(), 1);
}

#[test]
fn damage_is_found_and_named() {
    let place = Place::new();
    let lease = place.store.lease().unwrap();
    let image = place.image(&lease, "x", &["app"]);
    let store = &place.store;
    assert!(store.verify().unwrap().is_empty());
    let problem =
        || store.verify().unwrap().pop().map(|problem| problem.error.to_string()).unwrap_or_default();

    let file = store.layer_path(&image.layers[0]).join("file");
    fs::write(&file, "y").unwrap();
    assert!(
        problem().contains(&format!("layer {} in the image store is damaged", image.layers[0])),
        "{}",
        problem()
    );
    assert!(problem().contains("berth rmi -f"));
    let mut tar = Vec::new();
    let error = store.write_layer_tar(&image.layers[0], &mut tar).unwrap_err();
    assert!(error.to_string().contains("its content was changed"), "{error}");

    let blob = store.root().join("blobs/sha256").join(image.id.hex());
    let text = fs::read(&blob).unwrap();
    fs::write(&blob, "{}").unwrap();
    let error = store.resolve("app").unwrap_err().to_string();
    assert!(error.contains(&format!("blob {} in the image store is damaged", image.id)), "{error}");
    assert!(store.list().unwrap().is_empty());
    assert_eq!(store.broken().unwrap()[0].images, [image.id]);
    fs::remove_file(&blob).unwrap();
    assert!(store.resolve("app").unwrap_err().to_string().contains("is missing"));
    fs::write(&blob, text).unwrap();

    fs::remove_dir_all(store.layer_path(&image.layers[0])).unwrap();
    assert!(store.resolve("app").unwrap_err().to_string().contains("layer sha256:"));
    drop(lease);
    let removed = store.remove("app", true, &unused, &nothing).unwrap();
    assert!(removed.contains(&Removed::Deleted(image.id)));
    assert!(content(store).is_empty());
}

#[test]
fn a_damaged_image_can_be_made_again() {
    let place = Place::new();
    let lease = place.store.lease().unwrap();
    let image = place.image(&lease, "x", &["app"]);
    fs::write(place.store.root().join("blobs/sha256").join(image.id.hex()), "{}").unwrap();
    fs::remove_dir_all(place.store.layer_path(&image.layers[0])).unwrap();
    place.image(&lease, "x", &["app"]);
    assert_eq!(place.store.resolve("app").unwrap().id, image.id);
    assert!(place.store.verify().unwrap().is_empty());
}

#[test]
fn a_damaged_index_is_an_error_that_names_it() {
    let place = Place::new();
    let index = place.store.root().join("index.json");
    fs::write(&index, "{").unwrap();
    let error = Store::open(place.store.root()).unwrap_err().to_string();
    assert!(error.contains("index.json is damaged"), "{error}");
    fs::write(&index, r#"{"format":99,"images":{},"references":{}}"#).unwrap();
    let error = Store::open(place.store.root()).unwrap_err().to_string();
    assert!(error.contains("has format 99; this version reads format 1"), "{error}");
}

#[test]
fn the_digests_that_were_promised_are_checked() {
    let place = Place::new();
    let tar = Tar::new().file("a", "x").done();
    let wrong = common::digest_of(b"other");
    let options = ImportOptions { expected_digest: Some(wrong), keep_blob: true, ..ImportOptions::default() };
    let error = place.import_with(&tar, &options).unwrap_err();
    assert!(matches!(error, ImportError::Digest { what: "layer blob", .. }), "{error}");
    let options = ImportOptions { expected_diff_id: Some(wrong.into()), ..ImportOptions::default() };
    assert!(matches!(place.import_with(&tar, &options), Err(ImportError::Digest { .. })));
    // That it does not unpack either is the lesser reason.
    let right = common::gzip(&tar);
    let mut spoilt = right.clone();
    spoilt[right.len() / 2] ^= 1;
    let expected_digest = Some(common::digest_of(&right));
    let options = ImportOptions { expected_digest, keep_blob: true, ..ImportOptions::default() };
    let error = place.import_with(&spoilt, &options).unwrap_err();
    assert!(matches!(error, ImportError::Digest { .. }), "{error}");
    let expected_digest = Some(common::digest_of(&spoilt));
    let options = ImportOptions { expected_digest, ..options };
    assert!(matches!(place.import_with(&spoilt, &options), Err(ImportError::Extract(_))));
    assert!(content(&place.store).is_empty());
    assert_eq!(place.leftovers(), 0);
}

#[test]
fn a_reader_that_fails_leaves_nothing() {
    struct Failing(usize);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or_else(|| std::io::Error::other("the line went dead"))?;
            buffer.fill(0);
            Ok(1)
        }
    }
    let place = Place::new();
    let lease = place.store.lease().unwrap();
    let options = ImportOptions { keep_blob: true, ..ImportOptions::default() };
    let error = place.store.import_layer(&lease, &mut Failing(600), &options).unwrap_err();
    let source = std::error::Error::source(&error).and_then(std::error::Error::source).unwrap();
    assert_eq!(source.to_string(), "the line went dead");
    assert!(content(&place.store).is_empty());
}

#[test]
fn what_a_dead_process_left_is_removed_and_a_living_ones_stays() {
    let place = Place::new();
    let scratch = place.store.scratch().unwrap();
    fs::create_dir_all(scratch.path().join("deep/tree")).unwrap();
    let tmp = place.store.root().join("tmp");
    let dead = tmp.join("1-0-dead");
    fs::create_dir_all(dead.join("0/layer")).unwrap();
    fs::write(dead.join("owner"), "").unwrap();
    fs::create_dir(tmp.join("2-0-deader")).unwrap();
    let _again = place.again();
    assert!(scratch.path().join("deep/tree").exists());
    assert_eq!(fs::read_dir(&tmp).unwrap().count(), 1);
    let path = scratch.path().to_owned();
    drop(scratch);
    assert!(!path.exists());
}

#[test]
fn a_full_disk_is_a_clear_error_and_nothing_stays() {
    let place = Place::new();
    let disk = place.dir.path().join("disk");
    fs::create_dir(&disk).unwrap();
    // A small file system of its own, unmounted when the test ends.
    let _mounted = Mounted::tmpfs(&disk, "size=2m");
    let store = Store::open(disk.join("store")).unwrap();
    let lease = store.lease().unwrap();
    let small = Tar::new().file("a", "x").done();
    let layer = store.import_layer(&lease, &mut small.as_slice(), &ImportOptions::default()).unwrap();
    store.put_image(&lease, ImageConfig::default(), &[layer.id], &[reference("kept")]).unwrap();
    let before = content(&store);
    let big = Tar::new().file("a", &"x".repeat(4 << 20)).done();
    for keep_blob in [false, true] {
        let options = ImportOptions { keep_blob, ..ImportOptions::default() };
        let error = store.import_layer(&lease, &mut big.as_slice(), &options).unwrap_err();
        assert!(matches!(error, ImportError::Store(StoreError::DiskFull { .. })), "{error:?}");
        assert!(
            error.to_string().starts_with("no space left on the device that holds the image store"),
            "{error}"
        );
    }
    assert_eq!(content(&store), before);
    fs::write(disk.join("fill"), vec![0; 4 << 20]).unwrap_err();
    let error = store.put_image(
        &lease,
        ImageConfig { author: Some("b".repeat(5000)), ..ImageConfig::default() },
        &[],
        &[],
    );
    assert!(matches!(error, Err(PutImageError::Store(StoreError::DiskFull { .. }))), "{error:?}");
    assert_eq!(content(&store), before);
    assert_eq!(store.resolve("kept").unwrap().layers, [layer.id]);
}

#[test]
fn a_directory_of_another_file_system_is_not_taken() {
    let place = Place::new();
    let disk = place.dir.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let _mounted = Mounted::tmpfs(&disk, "size=1m");
    fs::create_dir(disk.join("upper")).unwrap();
    let lease = place.store.lease().unwrap();
    let error = place.store.commit_dir(&lease, &disk.join("upper"), &CommitOptions::default()).unwrap_err();
    assert!(error.to_string().contains("is not on the file system of the image store"), "{error}");
    assert!(disk.join("upper").exists());
}

#[test]
fn many_threads_share_one_store() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (store, place) = (place.again(), &place);
            scope.spawn(move || {
                for turn in 0..10 {
                    let lease = store.lease().unwrap();
                    let name = format!("app:{thread}-{turn}");
                    let image = place.image(&lease, &format!("content {}", turn % 3), &[&name]);
                    assert_eq!(store.resolve(&name).unwrap().id, image.id);
                    store.prune(false, &unused, &nothing).unwrap();
                    store.remove(&name, false, &unused, &nothing).unwrap();
                }
            });
        }
    });
    assert!(place.store.list().unwrap().is_empty());
    place.store.prune(false, &unused, &nothing).unwrap();
    assert!(content(&place.store).is_empty());
}

/// A mount that ends with the test.
struct Mounted(std::path::PathBuf);

impl Mounted {
    fn tmpfs(path: &Path, options: &str) -> Self {
        let status =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path).status().unwrap();
        assert!(status.success());
        Self(path.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Makes a layer's record look as if it was made in another boot and not written to the disk since.
fn age(place: &Place, layer: &LayerId) -> std::path::PathBuf {
    place.store.sync().unwrap();
    let path = place.store.root().join("layers").join(format!("{}.json", &layer.hex()[..24]));
    let mut record: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(record.get("unsynced"), None);
    record["unsynced"] = "another".into();
    fs::write(&path, record.to_string()).unwrap();
    path
}

#[test]
fn layers_of_another_boot_are_checked_before_they_are_used() {
    let place = Place::new();
    let lease = place.store.lease().unwrap();
    let image = place.image(&lease, "x", &["app"]);
    let record = age(&place, &image.layers[0]);
    let store = place.again();
    assert_eq!(store.resolve("app").unwrap().id, image.id);
    assert!(!fs::read_to_string(&record).unwrap().contains("another"));
    age(&place, &image.layers[0]);
    fs::write(place.store.layer_path(&image.layers[0]).join("file"), "").unwrap();
    let error = place.again().resolve("app").unwrap_err().to_string();
    assert!(error.contains("its content was changed"), "{error}");
}

#[test]
fn a_directory_in_use_is_copied_to_a_layer() {
    let place = Place::new();
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    fs::create_dir(dir.path().join("d")).unwrap();
    fs::write(dir.path().join("d/f"), "content").unwrap();
    let lease = place.store.lease().unwrap();
    let copied = place.store.copy_layer(&lease, dir.path()).unwrap();
    assert_eq!(listing(&place.store.layer_path(&copied.id)), ["d/", r#"d/f "content""#]);
    assert!(dir.path().join("d/f").exists());
    assert!(place.store.copy_layer(&lease, &dir.path().join("d/f")).is_err());
    assert_eq!(place.leftovers(), 0);
}
