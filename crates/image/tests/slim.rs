//! What an image's bytes are. These tests need root.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use common::{Place, Tar};
use image::{ImageConfig, ImportOptions, Waste};

#[test]
fn every_kind_of_waste_is_found_in_its_layer() {
    let place = Place::new();
    let lease = place.store.lease().unwrap();
    let big = "x".repeat(5000);
    let tars = [
        Tar::new()
            .file("var/lib/apt/lists/list", &big)
            .file("usr/share/doc/a/changelog", "doc")
            .file("usr/share/doc/a/copyright", "kept")
            .file("opt/deleted/file", "12345")
            .file("opt/replaced", "123")
            .file("opt/needed", "1")
            .file("opt/same", &"s".repeat(6000))
            .done(),
        Tar::new()
            .file("opt/.wh.deleted", "")
            .file("opt/replaced", "1234")
            .file("opt/again", &"s".repeat(6000))
            .done(),
    ];
    let import = |tar: &Vec<u8>| {
        place.store.import_layer(&lease, &mut tar.as_slice(), &ImportOptions::default()).unwrap().id
    };
    let layers: Vec<_> = tars.iter().map(import).collect();
    let config = ImageConfig::default();
    let image = place.store.put_image(&lease, config, &layers, &[]).unwrap();
    let reports = place.store.slim(&image).unwrap();
    let bytes = |layer: usize, waste: Waste| {
        reports[layer]
            .findings
            .iter()
            .find(|finding| finding.waste == waste)
            .map_or(0, |finding| finding.bytes)
    };
    assert_eq!(bytes(0, Waste::PackageLists), 5000);
    assert_eq!(bytes(0, Waste::Documentation), 3);
    assert_eq!(bytes(0, Waste::DeletedLater), 5);
    assert_eq!(bytes(0, Waste::ReplacedLater), 3);
    assert_eq!(bytes(0, Waste::Duplicate) + bytes(1, Waste::Duplicate), 6000);
    let lists = reports[0].findings.iter().find(|finding| finding.waste == Waste::PackageLists).unwrap();
    assert_eq!(lists.examples, ["/var/lib/apt/lists/list"]);
    assert!(lists.advice.contains("rm -rf"));
}
