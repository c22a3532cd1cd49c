//! References, manifests, the content store, layers and their unpacking.
