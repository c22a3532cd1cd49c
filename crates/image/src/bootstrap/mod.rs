//! Base images without a registry: `mmdebstrap` on the machine's own apt sources.
//!
//! The image is small as Debian's slim images are: dpkg leaves out documentation, manual pages and translations (the
//! licences stay), also of packages installed later, until `/etc/dpkg/dpkg.cfg.d/slim` is removed. Installing packages
//! starts no services, and keeps no package files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use beneath::Root;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::archive::{Chunks, Limits, Tap, Wanted, extract_layer, inflate};
use crate::{
    CommitError, CommitOptions, ContainerConfig, ExtractError, HistoryEntry, Image, ImageConfig, ImportError,
    Layer, Lease, PutImageError, Reference, Scratch, Store, StoreError,
};

mod apt;
mod sources;
mod tidy;
mod tool;

use apt::AptSettings;
use sources::{Selection, Source};
use tool::Inputs;

/// The machine's apt configuration.
const APT_DIR: &str = "/etc/apt";
/// Where commands are looked for in the image, as Docker's images have it.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Which packages a bootstrapped image starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Variant {
    /// Packages of priority required, and `apt`: what Debian's official images have.
    #[default]
    MinBase,
    /// Essential packages and `apt`.
    Apt,
    /// Essential packages alone; nothing can be installed later.
    Essential,
    /// Packages of priority required and important, and `apt`.
    Important,
}

impl Variant {
    /// As `mmdebstrap` calls it.
    fn name(self) -> &'static str {
        match self {
            Self::MinBase => "minbase",
            Self::Apt => "apt",
            Self::Essential => "essential",
            Self::Important => "important",
        }
    }
}

/// What to bootstrap.
#[derive(Debug, Clone)]
pub struct BootstrapOptions {
    /// Name of the image.
    pub reference: Reference,
    /// Debian suite (`bookworm`).
    pub suite: String,
    /// Packages beside the variant's own.
    pub packages: Vec<String>,
    /// Further apt sources, as one-line entries (`deb [signed-by=…] uri suite component…`).
    pub extra_sources: Vec<String>,
    /// The package set to start with.
    pub variant: Variant,
    /// Keep documentation, manual pages and translations, which are left out by default.
    pub keep_docs: bool,
    /// Latest modification time in the image, in seconds since 1970 (`SOURCE_DATE_EPOCH`).
    pub source_date_epoch: Option<i64>,
}

/// Why no base image was made.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The program is not installed.
    #[error("mmdebstrap is not installed; install it with: apt-get install mmdebstrap")]
    MissingTool,
    /// No Debian source of this machine serves the suite.
    #[error("none of this machine's apt sources serves the Debian suite {suite:?}{}", served_hint(served))]
    SuiteNotServed {
        /// The suite asked for.
        suite: String,
        /// The suites that are served.
        served: Vec<String>,
    },
    /// A suite, package or source that could be taken for an option or a list.
    #[error("{what} {value:?} is not valid")]
    Invalid {
        /// `suite`, `package` or `apt source`.
        what: &'static str,
        /// As it was given.
        value: String,
    },
    /// The tool failed.
    #[error("mmdebstrap failed with {status}:\n{output}")]
    Failed {
        /// Its exit status.
        status: std::process::ExitStatus,
        /// The last lines it wrote.
        output: String,
    },
    /// A file of the machine's apt configuration could not be read, or the tool could not be run.
    #[error("cannot {action}")]
    Io {
        /// What was tried.
        action: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The tree could not be stored.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The layer could not be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The image could not be stored.
    #[error(transparent)]
    PutImage(#[from] PutImageError),
}

fn served_hint(served: &[String]) -> String {
    if served.is_empty() {
        " (no Debian sources found)".into()
    } else {
        format!(" (served: {})", served.join(", "))
    }
}

impl BootstrapError {
    /// Whether the trouble is the store's and not that of the stream.
    fn is_local(&self) -> bool {
        let Self::Import(error) = self else { return true };
        !matches!(error, ImportError::Extract(ExtractError::Read(_) | ExtractError::Format { .. }))
    }
}

impl From<StoreError> for BootstrapError {
    fn from(error: StoreError) -> Self {
        Self::Commit(error.into())
    }
}

impl BootstrapOptions {
    /// Defaults for a reference: the suite is its tag (`debian:bookworm`), or what a release number stands for.
    pub fn new(reference: Reference) -> Self {
        let suite = match reference.tag().unwrap_or("latest").trim_end_matches("-slim") {
            "latest" => "stable",
            "11" => "bullseye",
            "12" => "bookworm",
            "13" => "trixie",
            "14" => "forky",
            other => other,
        };
        Self {
            suite: suite.to_owned(),
            reference,
            packages: Vec::new(),
            extra_sources: Vec::new(),
            variant: Variant::default(),
            keep_docs: false,
            source_date_epoch: None,
        }
    }

    fn check(&self) -> Result<(), BootstrapError> {
        let word = |text: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.:=/~_?".contains(&byte);
            text.bytes().all(fits) && !text.is_empty() && !text.starts_with('-')
        };
        let invalid = |what, value: &str| BootstrapError::Invalid { what, value: value.to_owned() };
        if !word(&self.suite) {
            return Err(invalid("suite", &self.suite));
        }
        match self.packages.iter().find(|package| !word(package)) {
            Some(package) => Err(invalid("package", package)),
            None => Ok(()),
        }
    }

    fn extra(&self) -> Result<Vec<Source>, BootstrapError> {
        let parse = |line: &String| match sources::one_line_file(line).as_slice() {
            [source] => Ok(source.clone()),
            _ => Err(BootstrapError::Invalid { what: "apt source", value: line.clone() }),
        };
        self.extra_sources.iter().map(parse).collect()
    }
}

/// Makes a Debian base image and tags it; `progress` gets one line at a time. Blocks for tens of seconds.
pub fn bootstrap(
    store: &Store,
    options: &BootstrapOptions,
    progress: &mut dyn FnMut(&str),
) -> Result<Arc<Image>, BootstrapError> {
    options.check()?;
    let machine = read_sources()?;
    let (mut sources, derived) = match sources::select(&machine, &options.suite) {
        Selection::Served(sources) => (sources, false),
        Selection::Derived(sources) => (sources, true),
        Selection::Nothing => return Err(not_served(options, &machine)),
    };
    sources.extend(options.extra()?);
    let settings = AptSettings::of_machine();
    let lease = store.lease()?;
    let made = make_layer(store, &lease, options, &sources, &settings, progress);
    let layer = made.map_err(|error| {
        if derived && is_missing_suite(&error) { not_served(options, &machine) } else { error }
    })?;
    progress("storing the image");
    let reference = options.reference.clone();
    Ok(store.put_image(&lease, config(options), &[layer.id], &[reference])?)
}

fn read_sources() -> Result<Vec<Source>, BootstrapError> {
    sources::read(Path::new(APT_DIR))
        .map_err(|source| BootstrapError::Io { action: format!("read the apt sources in {APT_DIR}"), source })
}

fn not_served(options: &BootstrapOptions, machine: &[Source]) -> BootstrapError {
    BootstrapError::SuiteNotServed { suite: options.suite.clone(), served: sources::served_suites(machine) }
}

/// What apt says of a mirror without the suite.
fn is_missing_suite(error: &BootstrapError) -> bool {
    matches!(error, BootstrapError::Failed { output, .. } if output.contains("does not have a Release file"))
}

fn make_layer(
    store: &Store,
    lease: &Lease,
    options: &BootstrapOptions,
    sources: &[Source],
    settings: &AptSettings,
    progress: &mut dyn FnMut(&str),
) -> Result<Layer, BootstrapError> {
    let scratch = store.scratch()?;
    let failed = |source| BootstrapError::Io { action: "prepare the bootstrap".to_owned(), source };
    let stanzas: Vec<String> = sources.iter().map(Source::to_deb822).collect();
    let inputs = Inputs::write(scratch.path(), &stanzas.join("\n"), &settings.to_conf()).map_err(failed)?;
    let tree = make_tree(&scratch).map_err(failed)?;
    let root = Root::open(&tree).map_err(failed)?;
    tool::run(options, &packages(options, sources), &inputs, progress, |stream| {
        let unpack = |chunks: &mut Chunks| extract_layer(&root, chunks, Limits::default());
        let unpacked = inflate(&mut Tap::new(stream, None), Wanted::default(), unpack);
        unpacked.map(drop).map_err(|error| ImportError::Extract(error).into())
    })?;
    tidy::tidy(&root, Path::new("/"), sources, settings, options.keep_docs)
        .map_err(|source| BootstrapError::Io { action: "tidy the new image".to_owned(), source })?;
    Ok(store.commit_dir(lease, &tree, &CommitOptions { clamp_mtime: options.source_date_epoch })?)
}

fn make_tree(scratch: &Scratch) -> std::io::Result<PathBuf> {
    let tree = scratch.path().join("tree");
    fs::create_dir(&tree)?;
    fs::set_permissions(&tree, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(tree)
}

/// The packages asked for, and the certificates apt needs for its own sources.
fn packages(options: &BootstrapOptions, sources: &[Source]) -> Vec<String> {
    let mut packages = options.packages.clone();
    let https = sources.iter().flat_map(|source| &source.uris).any(|uri| uri.starts_with("https:"));
    if https && options.variant != Variant::Essential {
        packages.push("ca-certificates".to_owned());
    }
    packages
}

fn config(options: &BootstrapOptions) -> ImageConfig {
    let now = OffsetDateTime::now_utc();
    let created = options.source_date_epoch.and_then(|epoch| OffsetDateTime::from_unix_timestamp(epoch).ok());
    let created = created.unwrap_or(now).format(&Rfc3339).ok();
    let command = ["mmdebstrap", "--variant", options.variant.name(), options.suite.as_str()];
    let command = command.into_iter().chain(options.packages.iter().map(String::as_str)).collect::<Vec<_>>();
    ImageConfig {
        created: created.clone(),
        architecture: architecture().to_owned(),
        os: "linux".to_owned(),
        config: ContainerConfig {
            env: vec![PATH.to_owned()],
            cmd: Some(vec!["bash".to_owned()]),
            ..ContainerConfig::default()
        },
        history: vec![HistoryEntry {
            created,
            created_by: Some(command.join(" ")),
            ..HistoryEntry::default()
        }],
        ..ImageConfig::default()
    }
}

/// This machine's architecture in Go's spelling.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(name: &str) -> BootstrapOptions {
        BootstrapOptions::new(Reference::parse(name).unwrap())
    }

    #[test]
    fn the_suite_is_read_from_the_tag() {
        for (name, suite) in [
            ("debian:bookworm", "bookworm"),
            ("debian:trixie-slim", "trixie"),
            ("debian", "stable"),
            ("debian:12", "bookworm"),
        ] {
            assert_eq!(options(name).suite, suite);
        }
    }

    #[test]
    fn words_that_could_be_options_are_refused() {
        let mut bad = options("debian:bookworm");
        bad.packages = vec!["--x".into()];
        assert_eq!(bad.check().unwrap_err().to_string(), r#"package "--x" is not valid"#);
        bad.packages = vec!["a,b".into()];
        assert!(bad.check().is_err());
        bad = options("debian:bookworm");
        bad.suite = String::new();
        assert!(bad.check().is_err());
        bad = options("debian:bookworm");
        bad.extra_sources = vec!["http://x".into()];
        assert!(bad.extra().is_err());
    }

    #[test]
    fn sources_by_https_bring_certificates() {
        let plain = sources::one_line_file("deb http://a/debian s main");
        let tls = sources::one_line_file("deb https://a/debian s main");
        assert!(packages(&options("debian:12"), &plain).is_empty());
        assert_eq!(packages(&options("debian:12"), &tls), ["ca-certificates"]);
    }
}
