//! Archives of images: what is written is read again and by skopeo; what others write is read. These tests need root.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Place, Tar, gzip, listing};
use image::{Image, ImageConfig, ImportOptions, LoadError, Loaded, Reference, Store};
use serde_json::{Value, json};

fn reference(name: &str) -> Reference {
    Reference::parse(name).unwrap()
}

fn load(store: &Store, mut archive: &[u8]) -> Result<Vec<Loaded>, LoadError> {
    store.load(&mut archive, &mut |_| {})
}

fn save(store: &Store, names: &[&str]) -> Vec<u8> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut archive = Vec::new();
    store.save(&names, &mut archive).unwrap();
    archive
}

/// Two images that share a layer; one layer is kept as a gzip blob, the others are made here.
fn two_images(place: &Place) {
    let lease = place.store.lease().unwrap();
    let import = |tar: Vec<u8>, keep_blob| {
        let options = ImportOptions { keep_blob, ..ImportOptions::default() };
        place.store.import_layer(&lease, &mut tar.as_slice(), &options).unwrap().id
    };
    let base = import(gzip(&Tar::new().dir("etc/").file("etc/base", "base").done()), true);
    let top = import(Tar::new().file("etc/.wh.base", "").file("top", "top").done(), false);
    let config =
        || ImageConfig { architecture: "amd64".into(), os: "linux".into(), ..ImageConfig::default() };
    place.store.put_image(&lease, config(), &[base], &[reference("base:1"), reference("base:2")]).unwrap();
    place.store.put_image(&lease, config(), &[base, top], &[reference("host:5000/top:x")]).unwrap();
}

fn trees(store: &Store, image: &Image) -> Vec<Vec<String>> {
    image.layers.iter().map(|layer| listing(&store.layer_path(layer))).collect()
}

/// What a user sees of a store: each name, its id and the files of its layers.
fn seen(store: &Store) -> Vec<(String, String, Vec<Vec<String>>)> {
    let mut seen: Vec<_> = store
        .list()
        .unwrap()
        .iter()
        .flat_map(|image| {
            let row = |name: &Reference| (name.familiar(), image.id.to_string(), trees(store, image));
            image.references.iter().map(row).collect::<Vec<_>>()
        })
        .collect();
    seen.sort();
    seen
}

/// False when skopeo is not installed: then there is no witness.
fn skopeo(args: &[&str]) -> bool {
    match Command::new("skopeo").arg("--insecure-policy").args(args).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => panic!("skopeo: {error}"),
        Ok(done) => {
            assert!(done.status.success(), "skopeo {args:?}: {}", String::from_utf8_lossy(&done.stderr));
            true
        }
    }
}

#[test]
fn what_is_saved_is_loaded_as_it_was() {
    let (from, to) = (Place::new(), Place::new());
    two_images(&from);
    let archive = save(&from.store, &["base", "host:5000/top:x"]);
    let loaded = load(&to.store, &archive).unwrap();
    assert_eq!(loaded.len(), 2);
    assert_eq!(seen(&to.store), seen(&from.store));
    assert!(to.store.verify().unwrap().is_empty());
    assert_eq!(save(&to.store, &["base", "host:5000/top:x"]), archive);
    assert_eq!(to.leftovers(), 0);
}

#[test]
fn an_archive_is_loaded_twice_and_compressed() {
    let (from, to) = (Place::new(), Place::new());
    two_images(&from);
    let archive = save(&from.store, &["base:1"]);
    load(&to.store, &gzip(&archive)).unwrap();
    load(&to.store, &archive).unwrap();
    assert_eq!(seen(&to.store).iter().map(|row| row.0.as_str()).collect::<Vec<_>>(), ["base:1"]);
}

#[test]
fn an_id_is_saved_without_names() {
    let (from, to) = (Place::new(), Place::new());
    two_images(&from);
    let id = from.store.resolve("base:1").unwrap().id.to_string();
    let loaded = load(&to.store, &save(&from.store, &[&id])).unwrap();
    assert_eq!((loaded[0].id.to_string(), loaded[0].references.len()), (id, 0));
}

/// A directory as a tar stream.
fn pack(dir: &Path) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    archive.follow_symlinks(false);
    archive.append_dir_all("", dir).unwrap();
    archive.into_inner().unwrap()
}

#[test]
fn skopeo_reads_what_is_saved_and_all_it_writes_is_loaded() {
    let from = Place::new();
    two_images(&from);
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(path("saved.tar"), save(&from.store, &["host:5000/top:x"])).unwrap();
    let from_docker = format!("docker-archive:{}", path("saved.tar"));
    let from_oci = format!("oci-archive:{}", path("saved.tar"));
    let wanted = [seen(&from.store).into_iter().find(|row| row.0 == "host:5000/top:x").unwrap()];
    for source in [&from_docker, &from_oci] {
        let targets = [
            "docker-archive:a.tar:host:5000/top:x",
            "oci:b:host:5000/top:x",
            "oci-archive:c.tar:host:5000/top:x",
            "dir:d",
        ];
        for target in targets {
            let (kind, rest) = target.split_once(':').unwrap();
            let name = rest.split(':').next().unwrap();
            let _ = fs::remove_file(path(name)).or_else(|_| fs::remove_dir_all(path(name)));
            if !skopeo(&["copy", source, &format!("{kind}:{}/{rest}", dir.path().display())]) {
                return;
            }
            let written = PathBuf::from(path(name));
            let archive = if written.is_dir() { pack(&written) } else { fs::read(&written).unwrap() };
            let to = Place::new();
            let loaded = load(&to.store, &archive).unwrap();
            let image = to.store.image(&loaded[0].id).unwrap();
            assert_eq!(trees(&to.store, &image), wanted[0].2, "{source} {target}");
            assert_eq!(image.references.len(), usize::from(kind != "dir"), "{source} {target}");
        }
    }
}

/// An archive as Docker before 25 writes it, with the layer of the second image a link to that of the first.
fn docker_archive(layer: &[u8], diff_id: &str, tags: &Value) -> Vec<u8> {
    let config = json!({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [diff_id]}});
    let manifest = json!([{"Config": "c.json", "RepoTags": tags, "Layers": ["two/layer.tar"]}]);
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, content).unwrap();
    };
    add("one/VERSION", b"1.0");
    add("one/layer.tar", layer);
    add("c.json", config.to_string().as_bytes());
    let mut link = tar::Header::new_ustar();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    archive.append_link(&mut link, "two/layer.tar", "../one/layer.tar").unwrap();
    let text = manifest.to_string();
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    archive.append_data(&mut header, "manifest.json", text.as_bytes()).unwrap();
    archive.into_inner().unwrap()
}

#[test]
fn older_archives_with_links_and_without_names_are_read() {
    let place = Place::new();
    let layer = Tar::new().file("a", "b").done();
    let archive = docker_archive(&layer, &common::digest_of(&layer).to_string(), &Value::Null);
    let loaded = load(&place.store, &archive).unwrap();
    let image = place.store.image(&loaded[0].id).unwrap();
    assert_eq!(trees(&place.store, &image), [[r#"a "b""#]]);
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_the_store_as_it_was() {
    let layer = Tar::new().file("a", "b").done();
    let digest = common::digest_of(&layer).to_string();
    let other = common::digest_of(b"other").to_string();
    let hostile = Tar::new().file("../../etc/passwd", "x").done();
    let whole = docker_archive(&layer, &digest, &json!(["a:1"]));
    let bad: [(Vec<u8>, &str); 6] = [
        (docker_archive(&layer, &other, &json!(["a:1"])), "configuration says"),
        (docker_archive(&layer, &digest, &json!(["A B"])), "names an image"),
        (docker_archive(&hostile, &digest, &json!(["a:1"])), "two/layer.tar"),
        (whole[..whole.len() - 3000].to_vec(), "cannot read the archive"),
        (b"not an archive".to_vec(), "cannot read the archive"),
        (layer, "no image"),
    ];
    for (archive, text) in bad {
        let place = Place::new();
        let error = load(&place.store, &archive).unwrap_err().to_string();
        let text = if text == "two/layer.tar" { "one/layer.tar" } else { text };
        assert!(error.contains(text), "{error}");
        assert!(place.store.list().unwrap().is_empty());
        assert_eq!(place.store.layers().unwrap(), []);
        assert_eq!(fs::read_dir(place.store.root().join("blobs/sha256")).unwrap().count(), 0, "{text}");
        assert_eq!(place.leftovers(), 0, "{text}");
    }
}

#[test]
fn a_damaged_layer_is_unpacked_again_from_its_blob() {
    let place = Place::new();
    two_images(&place);
    let image = place.store.resolve("base:1").unwrap();
    let file = place.store.layer_path(&image.layers[0]).join("etc/base");
    fs::write(&file, "changed").unwrap();
    assert_eq!(place.store.verify().unwrap().len(), 1);
    assert!(place.store.rebuild_layer(&image.layers[0]).unwrap());
    assert_eq!(fs::read_to_string(&file).unwrap(), "base");
    assert!(place.store.verify().unwrap().is_empty());
    assert_eq!(place.leftovers(), 0);
}

#[test]
fn a_layer_without_a_blob_cannot_be_unpacked_again() {
    let place = Place::new();
    two_images(&place);
    let image = place.store.resolve("host:5000/top:x").unwrap();
    assert!(!place.store.rebuild_layer(&image.layers[1]).unwrap());
    place.store.drop_layer(&image.layers[1]).unwrap();
    assert_eq!(place.store.references(&image.id).unwrap(), [reference("host:5000/top:x")]);
    assert_eq!(place.store.verify().unwrap().len(), 1);
}
