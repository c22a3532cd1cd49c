use image::ContainerConfig;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Problem, RegistryAuth};

/// What moving images tells while it goes on, in the shape of Docker's progress messages: one of `status` (with `id` and
/// `progressDetail`), `stream`, `aux` and `error` is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TransferProgress {
    /// What is being done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// With which layer or tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_detail: Option<ProgressDetail>,
    /// The same as a line of text, for clients that print it as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// Text to print.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// A result for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aux: Option<Value>,
    /// Why it failed; the last message then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The same for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_detail: Option<Problem>,
}

/// How far something is, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProgressDetail {
    /// Done.
    pub current: u64,
    /// Of so many; 0 when that is not known.
    #[serde(skip_serializing_if = "is_zero")]
    pub total: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature serde asks for
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl TransferProgress {
    /// A line about the whole.
    pub fn status(text: impl Into<String>) -> Self {
        Self { status: Some(text.into()), ..Self::default() }
    }

    /// A line about one layer.
    pub fn of(id: impl Into<String>, text: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..Self::status(text) }
    }

    /// How far one layer is.
    pub fn far(id: impl Into<String>, text: impl Into<String>, current: u64, total: u64) -> Self {
        Self { progress_detail: Some(ProgressDetail { current, total }), ..Self::of(id, text) }
    }

    /// Text to print.
    pub fn stream(text: impl Into<String>) -> Self {
        Self { stream: Some(text.into()), ..Self::default() }
    }

    /// The failure, the last message.
    pub fn failed(message: String) -> Self {
        let error_detail = Some(Problem { message: message.clone() });
        Self { error: Some(message), error_detail, ..Self::default() }
    }
}

/// A file system tree to make an image of.
#[derive(Debug, Clone, Default)]
pub struct ImportRequest {
    /// Its name; none for an image without.
    pub reference: Option<String>,
    /// The remark in its history.
    pub message: Option<String>,
    /// Dockerfile instructions for its configuration.
    pub changes: Vec<String>,
    /// `os/architecture` in place of this host's.
    pub platform: Option<String>,
}

/// A container to make an image of.
#[derive(Debug, Clone)]
pub struct CommitRequest {
    /// The container.
    pub container: String,
    /// The image's name; none for an image without.
    pub reference: Option<String>,
    /// The remark in its history.
    pub comment: Option<String>,
    /// Who made it.
    pub author: Option<String>,
    /// What goes before the container's own configuration.
    pub config: ContainerConfig,
    /// Dockerfile instructions for its configuration, after that.
    pub changes: Vec<String>,
    /// Whether the container is frozen meanwhile.
    pub pause: bool,
}

/// An image to pull.
#[derive(Debug, Clone, Default)]
pub struct PullRequest {
    /// Its name; without a tag `latest`.
    pub reference: String,
    /// Every tag of the repository, whichever the name has.
    pub all_tags: bool,
    /// `os/architecture` in place of this host's.
    pub platform: Option<String>,
    /// Who pulls; without it the configuration of the engine's own user counts.
    pub auth: Option<RegistryAuth>,
}

/// An image to push.
#[derive(Debug, Clone, Default)]
pub struct PushRequest {
    /// Its name with a tag.
    pub reference: String,
    /// Every tag of the repository that there is, whichever the name has.
    pub all_tags: bool,
    /// Who pushes; without it the configuration of the engine's own user counts.
    pub auth: Option<RegistryAuth>,
}

/// What a name stands for at its registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistributionRequest {
    /// The name; without a tag `latest`.
    pub reference: String,
    /// Who asks; without it the configuration of the engine's own user counts.
    pub auth: Option<RegistryAuth>,
}

/// Something damaged in the image store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreFinding {
    /// The images that need it, by name where they have one.
    pub images: Vec<String>,
    /// What is wrong.
    pub problem: String,
    /// What was done about it, when something was to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<String>,
}
