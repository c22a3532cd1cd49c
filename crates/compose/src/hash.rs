//! The fingerprints that tell whether what runs is up to date.

use crate::model::{FileSource, Network, Project, Service, Volume};
use crate::render::service_object;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Keys of a service that its containers are not made from.
const NOT_IN_CONTAINERS: [&str; 7] =
    ["attach", "build", "depends_on", "deploy", "profiles", "pull_policy", "scale"];

/// SHA-256 (lower-case hex) of what a service's containers are made from.
///
/// Two values differ when a container made from the one does not fit the other: places in files, the number of
/// replicas, dependencies, profiles and the way the image is built do not count; the names of the networks and
/// volumes that it uses do, and so does the content of secrets and configs that are not files.
pub fn config_hash(project: &Project, service: &Service) -> String {
    let mut object = service_object(service);
    object.retain(|key, _| !NOT_IN_CONTAINERS.contains(&key.as_str()) && !key.starts_with("x-"));
    object.insert("image".to_owned(), Value::from(project.image_of(service)));
    object.insert("#restart_delay".to_owned(), json!(service.lifecycle.restart_delay));
    object.insert("#names".to_owned(), names(project, service));
    object.insert("#contents".to_owned(), contents(project, service));
    digest(&Value::Object(object))
}

/// SHA-256 (lower-case hex) of what a network is made from.
pub fn network_hash(network: &Network) -> String {
    digest(&json!({
        "name": network.name, "driver": network.driver, "driver_opts": network.driver_opts, "ipam": network.ipam,
        "internal": network.internal, "attachable": network.attachable, "enable_ipv4": network.enable_ipv4,
        "enable_ipv6": network.enable_ipv6, "labels": network.labels,
    }))
}

/// SHA-256 (lower-case hex) of what a volume is made from.
pub fn volume_hash(volume: &Volume) -> String {
    digest(&json!({
        "name": volume.name, "driver": volume.driver, "driver_opts": volume.driver_opts, "labels": volume.labels,
    }))
}

/// What the keys of networks and volumes stand for.
fn names(project: &Project, service: &Service) -> Value {
    use crate::model::MountKind;
    let mut names = Map::new();
    for (key, _) in service.networking.attachment.networks() {
        if let Some(network) = project.networks.get(key.as_str()) {
            names.insert(format!("network {key}"), Value::from(network.name.as_str()));
        }
    }
    for mount in &service.storage.mounts {
        if let MountKind::Volume(volume) = &mount.kind
            && let Some(key) = &volume.source
            && let Some(volume) = project.volumes.get(key.as_str())
        {
            names.insert(format!("volume {key}"), Value::from(volume.name.as_str()));
        }
    }
    Value::Object(names)
}

/// Where the content of secrets and configs comes from, or a digest of the content itself.
fn contents(project: &Project, service: &Service) -> Value {
    let secrets = service.storage.secrets.iter().map(|r| project.secrets.get(r.source.as_str()));
    let configs = service.storage.configs.iter().map(|r| project.configs.get(r.source.as_str()));
    secrets
        .chain(configs)
        .flatten()
        .map(|object| match &object.source {
            FileSource::File(path) => json!({ "file": path }),
            FileSource::Environment { value, .. } => json!({ "digest": digest(&json!(value)) }),
            FileSource::Content(content) => json!({ "digest": digest(&json!(content)) }),
            FileSource::External => json!({ "external": object.name }),
        })
        .collect()
}

/// The digest of a value's JSON; object keys are sorted in it.
fn digest(value: &Value) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(value.to_string().as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
