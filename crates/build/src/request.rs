//! What is to be built: the parsed form of `berth build` and of Docker's `POST /build`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::fetch::is_remote;
use crate::secret::Secret;

/// One build, with everything that may influence its result.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildRequest {
    /// Absolute path of the directory that `COPY` and `ADD` read from.
    pub context: PathBuf,
    /// Address that the context is fetched from, instead of `context`: a git repository, or by HTTP a tar archive or a
    /// Dockerfile.
    pub context_url: Option<String>,
    /// Where the Dockerfile is.
    pub dockerfile: DockerfileSource,
    /// Stage to stop at, by name or number; the last one if absent.
    pub target: Option<String>,
    /// References given to the result, in the form a user types (`app`, `app:1`).
    pub tags: Vec<String>,
    /// `--build-arg`: `None` means that the name was given without a value and none was found.
    pub build_args: BTreeMap<String, Option<String>>,
    /// `--label`: added to the result, after those of the Dockerfile.
    pub labels: BTreeMap<String, String>,
    /// Ignore the cache for every step (results are still added to it).
    pub no_cache: bool,
    /// `--no-cache-filter`: stages, by name, that ignore the cache.
    pub no_cache_filter: Vec<String>,
    /// Fetch base images anew even if the store has them.
    pub pull: bool,
    /// `--build-context`: further sources of files by name; they hide stages and images of that name.
    pub contexts: BTreeMap<String, NamedContext>,
    /// `--secret`: what `RUN --mount=type=secret` may ask for, by id.
    pub secrets: BTreeMap<String, Secret>,
    /// `--ssh`: sockets of agents that `RUN --mount=type=ssh` may ask for, by id; or files of keys, separated by commas,
    /// for which an agent is started.
    pub ssh: BTreeMap<String, PathBuf>,
    /// Where steps are looked for that the cache does not have.
    pub cache_from: Vec<CacheLocation>,
    /// Where the cache's records and layers of this build are copied to.
    pub cache_to: Vec<CacheExport>,
    /// The image itself tells which steps its layers come from, so that it is a cache wherever it is pushed to.
    pub inline_cache: bool,
    /// Where the result goes besides the store.
    pub outputs: Vec<Output>,
    /// `--allow security.insecure`: `RUN --security=insecure` is carried out.
    pub allow_insecure: bool,
    /// Look at the Dockerfile only: tell its warnings, build nothing.
    pub check: bool,
    /// `--platform`: only the machine's own is buildable.
    pub platform: Option<String>,
    /// Network of `RUN` steps that do not choose their own.
    pub network: RunNetwork,
    /// `--add-host`: extra lines of `/etc/hosts` in `RUN` steps, as (name, address).
    pub extra_hosts: Vec<(String, String)>,
    /// `--shm-size` of `RUN` steps, in bytes.
    pub shm_size: Option<u64>,
    /// Seconds since 1970 that replace "now" in the image, and bound the times of its files.
    pub source_date_epoch: Option<i64>,
    /// Set by whoever wants the build to stop; not part of the request's serialized form.
    #[serde(skip)]
    pub cancel: Cancel,
}

impl Default for BuildRequest {
    fn default() -> Self {
        Self {
            context: PathBuf::from("."),
            context_url: None,
            dockerfile: DockerfileSource::default(),
            target: None,
            tags: Vec::new(),
            build_args: BTreeMap::new(),
            labels: BTreeMap::new(),
            no_cache: false,
            no_cache_filter: Vec::new(),
            pull: false,
            contexts: BTreeMap::new(),
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            inline_cache: false,
            outputs: Vec::new(),
            allow_insecure: false,
            check: false,
            platform: None,
            network: RunNetwork::Default,
            extra_hosts: Vec::new(),
            shm_size: None,
            source_date_epoch: None,
            cancel: Cancel::default(),
        }
    }
}

impl BuildRequest {
    /// A request for the Dockerfile in `context`, with nothing else set.
    pub fn new(context: impl Into<PathBuf>) -> Self {
        Self { context: context.into(), ..Self::default() }
    }
}

/// Where the Dockerfile's text comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DockerfileSource {
    /// A file: absolute, or relative to the context.
    Path(PathBuf),
    /// The text itself (`dockerfile_inline` of compose, or `-f -`).
    Inline(String),
}

impl Default for DockerfileSource {
    fn default() -> Self {
        Self::Path(PathBuf::from("Dockerfile"))
    }
}

/// A source of files beside the context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedContext {
    /// An absolute directory of this host.
    Directory(PathBuf),
    /// An image (`docker-image://…`).
    Image(String),
    /// An image of an OCI layout (`oci-layout://directory[:tag][@digest]`).
    Layout {
        /// The absolute directory.
        directory: PathBuf,
        /// Tag or digest of the image; the only one if absent.
        image: Option<String>,
    },
    /// A git repository, or by HTTP a tar archive or a file.
    Url(String),
}

impl NamedContext {
    /// Reads the form that command lines and compose files have: `docker-image://…`, `oci-layout://…`, a URL, or a
    /// directory (which is not looked at).
    pub fn parse(text: &str) -> Self {
        if let Some(image) = text.strip_prefix("docker-image://") {
            return Self::Image(image.to_owned());
        }
        match text.strip_prefix("oci-layout://") {
            Some(layout) => layout_of(layout),
            None if !matches!(is_remote(text), Ok(false)) => Self::Url(text.to_owned()),
            None => Self::Directory(PathBuf::from(text)),
        }
    }

    /// The directory of this host that is read.
    pub fn directory_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Directory(directory) | Self::Layout { directory, .. } => Some(directory),
            Self::Image(_) | Self::Url(_) => None,
        }
    }
}

/// `directory[:tag][@digest]`
fn layout_of(text: &str) -> NamedContext {
    let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
    let name_at = rest.rfind('/').map_or(0, |at| at + 1);
    let tag = rest.get(name_at..).and_then(|name| name.split_once(':')).map(|(_, tag)| tag);
    let end = rest.len() - tag.map_or(0, |tag| tag.len() + 1);
    let directory = PathBuf::from(rest.get(..end).unwrap_or(rest));
    NamedContext::Layout { directory, image: digest.or(tag).map(str::to_owned) }
}

/// Where a cache is kept outside the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheLocation {
    /// An absolute directory: an OCI layout.
    Directory(PathBuf),
    /// An image of a registry.
    Registry(String),
}

/// A copy of the cache to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheExport {
    /// Where to.
    pub to: CacheLocation,
    /// The steps of all stages rather than of the target and those it is based on.
    pub all_stages: bool,
}

/// Where the result goes besides the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// In which form.
    pub kind: OutputKind,
    /// Absolute path: a directory for [`OutputKind::Directory`], a file otherwise.
    pub to: PathBuf,
    /// User and group that own what is written.
    pub owner: (u32, u32),
}

/// The form of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// The files of the image.
    Directory,
    /// The files of the image as a tar stream.
    Tar,
    /// The image as a tar of an OCI layout.
    OciArchive,
    /// The image as `docker save` writes it.
    DockerArchive,
}

/// `RUN --network` and `build --network`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunNetwork {
    /// The engine's default bridge.
    #[default]
    Default,
    /// The host's own network.
    Host,
    /// Loopback only.
    None,
}

impl RunNetwork {
    /// The word used on the command line and in Dockerfiles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Host => "host",
            Self::None => "none",
        }
    }
}

/// A flag shared between a build and whoever may want to stop it. Clones share the flag.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    own: Arc<AtomicBool>,
    /// Flags that stop this one's holder as well.
    above: Option<Arc<Cancel>>,
}

impl Cancel {
    /// Asks the build to stop; it does so before its next step, and a running `RUN` is killed.
    pub fn cancel(&self) {
        self.own.store(true, Ordering::Release);
    }

    /// Whether [`Cancel::cancel`] was called here or on what this is a child of.
    pub fn is_cancelled(&self) -> bool {
        self.own.load(Ordering::Acquire) || self.above.as_ref().is_some_and(|above| above.is_cancelled())
    }

    /// A flag of its own that is also set by this one.
    pub(crate) fn child(&self) -> Self {
        Self { own: Arc::default(), above: Some(Arc::new(self.clone())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_told_apart() {
        let layout = |directory: &str, image: Option<&str>| NamedContext::Layout {
            directory: directory.into(),
            image: image.map(str::to_owned),
        };
        assert_eq!(NamedContext::parse("docker-image://a:1"), NamedContext::Image("a:1".into()));
        assert_eq!(NamedContext::parse("oci-layout:///a:b/c"), layout("/a:b/c", None));
        assert_eq!(NamedContext::parse("oci-layout://c:v1"), layout("c", Some("v1")));
        assert_eq!(NamedContext::parse("oci-layout:///c:v1@sha256:0"), layout("/c", Some("sha256:0")));
        assert_eq!(NamedContext::parse("https://h/x.git"), NamedContext::Url("https://h/x.git".into()));
        assert_eq!(NamedContext::parse("../x"), NamedContext::Directory("../x".into()));
        assert!(is_remote("git@h:x").unwrap() && is_remote("https://h/x.git?no=1").is_err());
    }
}
