//! Independent programs read what the store writes.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // a test fails by panicking and may say what it left out

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Place, Tar, digest_of, listing};
use image::{Image, ImageConfig, Reference, View};
use serde_json::json;

/// Two layers with everything a layer can say.
fn image(place: &Place) -> std::sync::Arc<Image> {
    let lower = Tar::new()
        .dir("etc/")
        .file("etc/gone", "x")
        .file("etc/stays", "x")
        .dir("cleared/")
        .file("cleared/old", "x")
        .file("hard", "linked")
        .hard_link("etc/hard", "hard")
        .symlink("link", "../outside")
        .device("null", 1, 3)
        .done();
    let upper = Tar::new()
        .file("etc/.wh.gone", "")
        .dir("cleared/")
        .file("cleared/.wh..wh..opq", "")
        .file("cleared/new", "y")
        .pax(&[("path", "long/".repeat(60).as_bytes()), ("SCHILY.xattr.user.x", b"y")])
        .dir("x")
        .done();
    let layers = [lower, upper].map(|tar| place.import(&tar).unwrap().id);
    let lease = place.store.lease().unwrap();
    let config = ImageConfig { architecture: "amd64".into(), os: "linux".into(), ..ImageConfig::default() };
    place.store.put_image(&lease, config, &layers, &[Reference::parse("witness").unwrap()]).unwrap()
}

/// Writes the image as an OCI layout.
fn layout(place: &Place, image: &Image, dir: &Path) {
    let blobs = dir.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |content: &[u8], kind: &str| {
        let digest = digest_of(content);
        fs::write(blobs.join(digest.hex()), content).unwrap();
        json!({"mediaType": kind, "digest": digest.to_string(), "size": content.len()})
    };
    let config =
        put(&place.store.read_blob(image.id.digest()).unwrap(), "application/vnd.oci.image.config.v1+json");
    let layers: Vec<_> = image
        .layers
        .iter()
        .map(|layer| {
            let mut tar = Vec::new();
            place.store.write_layer_tar(layer, &mut tar).unwrap();
            put(&tar, "application/vnd.oci.image.layer.v1.tar")
        })
        .collect();
    let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config, "layers": layers});
    let mut manifest = put(manifest.to_string().as_bytes(), "application/vnd.oci.image.manifest.v1+json");
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "witness"});
    fs::write(dir.join("index.json"), json!({"schemaVersion": 2, "manifests": [manifest]}).to_string())
        .unwrap();
    fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

/// Whether a program is here; where tests must be complete its absence is a failure.
fn have(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "{program} is not installed");
    if !found {
        eprintln!("NOT RUN: {program} is not installed (apt-get install {program})");
    }
    found
}

#[test]
fn umoci_unpacks_the_same_tree() {
    if !have("umoci") {
        return;
    }
    let place = Place::new();
    let image = image(&place);
    let (oci, bundle, own) =
        (place.dir.path().join("oci"), place.dir.path().join("bundle"), place.dir.path().join("own"));
    layout(&place, &image, &oci);
    let name = format!("{}:witness", oci.display());
    let output = Command::new("umoci").args(["unpack", "--image", &name]).arg(&bundle).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::create_dir(&own).unwrap();
    View::new(place.store.lower_dirs(&image)).copy_tree(Path::new("/"), &own).unwrap();
    assert_eq!(listing(&bundle.join("rootfs")), listing(&own));
}

#[test]
fn skopeo_reads_the_configuration_and_layers() {
    if !have("skopeo") {
        return;
    }
    let place = Place::new();
    let image = image(&place);
    let (oci, copy) = (place.dir.path().join("oci"), place.dir.path().join("copy"));
    layout(&place, &image, &oci);
    // Copying compresses the layers, for which they are read to the end and checked.
    let output = Command::new("skopeo")
        .args(["--insecure-policy", "copy"])
        .args([format!("oci:{}:witness", oci.display()), format!("dir:{}", copy.display())])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(copy.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["config"]["digest"], image.id.to_string());
}
