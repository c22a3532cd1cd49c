//! Several images in one tar stream: `save` and `load`.
//!
//! What is written is an OCI image layout (`image-layout.md`) with the `manifest.json` of Docker's archives beside it,
//! so that both kinds of programs read it. What is read is each of the two alone, and a directory with one image as
//! `skopeo` writes it, in one pass over the stream: layers are unpacked as they come.

mod collect;
mod find;
mod layout;
mod load;
mod save;

pub use load::{LoadError, LoadEvent, Loaded};
pub use save::SaveError;

use serde::{Deserialize, Serialize};

/// One image in `manifest.json` of a Docker archive.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ArchiveItem {
    /// Name of the configuration's member.
    config: String,
    /// Tags; `null` or absent for an image without one.
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    /// Names of the layers' members, lowest first.
    #[serde(default)]
    layers: Vec<String>,
}

/// The annotation with a name in a layout's index.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation with a full reference that containerd and Docker write.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

fn blob_name(digest: &crate::Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}
