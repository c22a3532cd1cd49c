//! The layer reader: any bytes are a layer that passes the store's own check, or are refused and leave nothing.
#![no_main]

use std::sync::OnceLock;

use image::{ImportOptions, Limits, Store};
use libfuzzer_sys::fuzz_target;

/// A store in a directory that goes with the process's temporary files.
fn store() -> &'static Store {
    static STORE: OnceLock<Store> = OnceLock::new();
    STORE.get_or_init(|| {
        let dir = std::env::temp_dir().join(format!("berth-fuzz-{}", std::process::id()));
        Store::open(dir).expect("a store can be made")
    })
}

fuzz_target!(|data: &[u8]| {
    let store = store();
    let lease = store.lease().expect("a lease can be had");
    let limits = Limits { bytes: 1 << 20, entries: 1000 };
    let options = ImportOptions { limits, ..ImportOptions::default() };
    let mut stream = data;
    if let Ok(layer) = store.import_layer(&lease, &mut stream, &options) {
        // What was unpacked can be written again, and is what its id says.
        store.write_layer_tar(&layer.id, &mut std::io::sink()).expect("the layer is whole");
        drop(lease);
        store.discard(&[layer.id], &[]).expect("the layer can be removed");
    }
});
