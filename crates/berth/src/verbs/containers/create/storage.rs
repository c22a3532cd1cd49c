//! Volumes, mounts and temporary file systems.

use std::path::Path;

use clap::Args;
use serde_json::{Map, Value};

use super::{Request, mount_flag};
use crate::failure::Failure;

/// Flags about storage.
#[derive(Debug, Args)]
#[command(next_help_heading = "Storage")]
pub(crate) struct StorageFlags {
    /// Mount a volume or a path: [NAME|PATH:]TARGET[:ro]
    #[arg(short, long, value_name = "VOLUME")]
    volume: Vec<String>,
    /// Mount: type=bind|volume|tmpfs,source=…,target=…[,readonly]
    #[arg(long, value_name = "MOUNT")]
    mount: Vec<String>,
    /// Mount a temporary file system
    #[arg(long, value_name = "TARGET[:OPTIONS]")]
    tmpfs: Vec<String>,
    /// Mount the volumes of another container
    #[arg(long, value_name = "CONTAINER[:ro]")]
    volumes_from: Vec<String>,
    /// Driver of volumes without one
    #[arg(long, value_name = "DRIVER")]
    volume_driver: Option<String>,
    /// Size of /dev/shm
    #[arg(long, value_name = "SIZE")]
    shm_size: Option<String>,
    /// Mount the container's root read-only
    #[arg(long)]
    read_only: bool,
    /// Option of the storage driver
    #[arg(long, value_name = "KEY=VALUE")]
    storage_opt: Vec<String>,
}

impl StorageFlags {
    pub(super) fn apply(&self, request: &mut Request) -> Result<(), Failure> {
        let (binds, anonymous) = binds(&self.volume)?;
        request.config.object("Volumes", anonymous);
        let host = &mut request.host;
        host.list("Binds", &binds);
        let mounts: Vec<Value> =
            self.mount.iter().map(|text| mount_flag::parse(text)).collect::<Result<_, _>>()?;
        if !mounts.is_empty() {
            host.set("Mounts", mounts);
        }
        let tmpfs = self.tmpfs.iter().map(|text| text.split_once(':').unwrap_or((text, "")));
        host.object(
            "Tmpfs",
            tmpfs.map(|(target, options)| (target.to_owned(), Value::from(options))).collect(),
        );
        host.list("VolumesFrom", &self.volumes_from);
        host.option("VolumeDriver", self.volume_driver.clone());
        host.option("ShmSize", self.shm_size.as_deref().map(crate::units::bytes).transpose()?);
        host.flag("ReadonlyRootfs", self.read_only);
        host.object("StorageOpt", super::pairs(&self.storage_opt));
        Ok(())
    }
}

/// What `-v` flags become: `Binds`, and `Volumes` for those without a source.
///
/// # Errors
/// A relative path that cannot be resolved.
pub(crate) fn binds(texts: &[String]) -> Result<(Vec<String>, Map<String, Value>), Failure> {
    let (mut binds, mut anonymous) = (Vec::new(), Map::new());
    for text in texts {
        match bind(text)? {
            Some(bind) => binds.push(bind),
            None => {
                anonymous.insert(text.clone(), Value::Object(Map::new()));
            }
        }
    }
    Ok((binds, anonymous))
}

/// A bind or named volume with its path made absolute; `None` for a volume without a name.
fn bind(text: &str) -> Result<Option<String>, Failure> {
    let Some((source, rest)) = text.split_once(':') else { return Ok(None) };
    let relative = source == "." || source == ".." || source.starts_with("./") || source.starts_with("../");
    if !relative && !source.starts_with('~') {
        return Ok(Some(text.to_owned()));
    }
    Ok(Some(format!("{}:{rest}", absolute(source)?)))
}

/// A path that is meant to be on the host, made absolute.
pub(super) fn absolute(path: &str) -> Result<String, Failure> {
    let fail = |e: std::io::Error| Failure::new(format!("cannot make the path {path:?} absolute: {e}"));
    let expanded = match (path.strip_prefix("~/"), std::env::var("HOME")) {
        (Some(rest), Ok(home)) => Path::new(&home).join(rest),
        _ => Path::new(path).to_path_buf(),
    };
    let absolute = std::path::absolute(expanded).map_err(fail)?;
    // `..` is taken by name, as Go's filepath does.
    let mut clean = std::path::PathBuf::new();
    for part in absolute.components() {
        match part {
            std::path::Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    Ok(clean.display().to_string())
}
