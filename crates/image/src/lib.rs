//! References, image configuration, the content store, layers and their unpacking.
//!
//! An image is a configuration blob and a list of layers. Layers are unpacked once, to directories overlayfs mounts as
//! they are; blobs are addressed and verified by their sha256. See [`Store`] for the layout on disk and the guarantees.

#![forbid(unsafe_code)]

mod archive;
mod bootstrap;
mod bundle;
mod config;
mod digest;
pub mod manifest;
mod reference;
mod slim;
mod store;
mod view;

pub use archive::{ExtractError, ExtractOptions, Extracted, Limits, PackError, extract, pack};
pub use bootstrap::{BootstrapError, BootstrapOptions, Variant, bootstrap};
pub use bundle::{LoadError, LoadEvent, Loaded, SaveError};
pub use config::{ContainerConfig, Empty, Healthcheck, HistoryEntry, ImageConfig, RootFs};
pub use digest::{Digest, DigestError, ImageId, LayerId};
pub use reference::{Reference, ReferenceError};
pub use slim::{Finding, LayerReport, Waste};
pub use store::{
    BlobRef, CommitError, CommitOptions, Foreign, HistoryRow, Image, ImageManifest, ImportError,
    ImportOptions, Layer, Lease, OpenError, Problem, PruneReport, PutImageError, PutIndexError, RemoveError,
    Removed, ResolveError, Scratch, Store, StoreError, StoredDocument, Usage,
};
pub use view::{Node, NodeKind, View, ViewError};
