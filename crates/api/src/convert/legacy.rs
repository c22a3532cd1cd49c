//! Fields that newer versions of the API no longer have, or leave out, and that clients still read.
//!
//! The generated types are those of the newest description. What it has dropped since 1.24 is added here, to every
//! version's documents: a client ignores what it does not know.

use engine::snapshot::ContainerSnapshot;
use image::Image;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A container's document with the fields dropped since.
pub(crate) fn container(document: &impl Serialize, snapshot: &ContainerSnapshot) -> Value {
    let mut document = as_value(document);
    if let Some(settings) = document.get_mut("NetworkSettings").and_then(Value::as_object_mut) {
        add(settings, network_settings(snapshot));
    }
    if let Some(host) = document.get_mut("HostConfig").and_then(Value::as_object_mut) {
        add(host, json!({"KernelMemory": 0, "KernelMemoryTCP": 0}));
    }
    show_endpoints(&mut document);
    show_nulls(&mut document);
    document
}

/// What Docker shows as null when there is none of it, where the generated types leave the field out: clients in Python
/// look it up without asking.
const NULL_UNLESS_SET: [(&str, &[&str]); 3] = [
    ("", &["ExecIDs"]),
    ("Config", &["Cmd", "Entrypoint", "OnBuild", "Volumes"]),
    (
        "HostConfig",
        &[
            "Binds",
            "BlkioDeviceReadBps",
            "BlkioDeviceReadIOps",
            "BlkioDeviceWriteBps",
            "BlkioDeviceWriteIOps",
            "BlkioWeightDevice",
            "CapAdd",
            "CapDrop",
            "DeviceCgroupRules",
            "DeviceRequests",
            "ExtraHosts",
            "GroupAdd",
            "Links",
            "MemorySwappiness",
            "OomKillDisable",
            "PidsLimit",
            "SecurityOpt",
            "Ulimits",
            "VolumesFrom",
        ],
    ),
];

/// A row of the list of containers, with what Docker shows as null.
pub(crate) fn container_row(document: &impl Serialize) -> Value {
    let mut document = as_value(document);
    show_endpoints(&mut document);
    document
}

/// What a place in a network shows as null when there is none of it.
fn show_endpoints(document: &mut Value) {
    let networks = document.pointer_mut("/NetworkSettings/Networks").and_then(Value::as_object_mut);
    for endpoint in networks.into_iter().flat_map(|networks| networks.values_mut()) {
        for key in ["Aliases", "DriverOpts", "IPAMConfig", "Links"] {
            if let Some(fields) = endpoint.as_object_mut() {
                fields.entry(key).or_insert(Value::Null);
            }
        }
    }
}

fn show_nulls(document: &mut Value) {
    for (part, keys) in NULL_UNLESS_SET {
        let part = if part.is_empty() { Some(&mut *document) } else { document.get_mut(part) };
        let Some(fields) = part.and_then(Value::as_object_mut) else { continue };
        for key in keys {
            fields.entry(*key).or_insert(Value::Null);
        }
    }
}

/// A command's document; its exit code is null until it has ended.
pub(crate) fn exec(document: &impl Serialize) -> Value {
    let mut document = as_value(document);
    if let Some(fields) = document.as_object_mut() {
        fields.entry("ExitCode").or_insert(Value::Null);
    }
    document
}

/// The addresses in the default network, which stood beside the list of networks (until 1.51).
fn network_settings(snapshot: &ContainerSnapshot) -> Value {
    let place = snapshot.networks.get("bridge");
    let text = |value: Option<String>| value.unwrap_or_default();
    let ipv4 = place.and_then(|place| place.ipv4);
    let ipv6 = place.and_then(|place| place.ipv6);
    json!({
        "Bridge": "",
        "HairpinMode": false,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": null,
        "SecondaryIPv6Addresses": null,
        "EndpointID": text(place.and_then(|place| place.endpoint_id.as_ref()).map(ToString::to_string)),
        "Gateway": text(place.and_then(|place| place.gateway4).map(|address| address.to_string())),
        "IPAddress": text(ipv4.map(|(address, _)| address.to_string())),
        "IPPrefixLen": ipv4.map_or(0, |(_, length)| length),
        "IPv6Gateway": text(place.and_then(|place| place.gateway6).map(|address| address.to_string())),
        "GlobalIPv6Address": text(ipv6.map(|(address, _)| address.to_string())),
        "GlobalIPv6PrefixLen": ipv6.map_or(0, |(_, length)| length),
        "MacAddress": text(place.and_then(|place| place.mac.clone())),
    })
}

/// An image's document with the fields dropped since: parent (until 1.50), virtual size (1.43), the configuration of the
/// container that made it (1.44).
pub(crate) fn image(document: &impl Serialize, image: &Image) -> Value {
    let mut document = as_value(document);
    let config = document.get("Config").cloned().unwrap_or(Value::Null);
    let last = image.config.history.last().and_then(|entry| entry.created_by.clone());
    if let Some(fields) = document.as_object_mut() {
        let mut container = config;
        if let (Some(config), Some(step)) = (container.as_object_mut(), last) {
            config.insert("Cmd".to_owned(), step_command(&step));
        }
        add(
            fields,
            json!({
                "Parent": "",
                "VirtualSize": super::signed(image.size),
                "Container": "",
                "ContainerConfig": container,
                "DockerVersion": "",
            }),
        );
    }
    document
}

/// The last step as the command of the container that made it.
fn step_command(step: &str) -> Value {
    match step.strip_prefix("/bin/sh -c ") {
        Some(line) => json!(["/bin/sh", "-c", line]),
        None => json!(["/bin/sh", "-c", format!("#(nop)  {step}")]),
    }
}

/// A row of the list of images with the fields dropped since: the virtual size (until 1.43).
pub(crate) fn image_row(document: &impl Serialize) -> Value {
    let mut document = as_value(document);
    if let Some(fields) = document.as_object_mut() {
        let size = fields.get("Size").cloned().unwrap_or(Value::Null);
        fields.insert("VirtualSize".to_owned(), size);
    }
    document
}

fn as_value(document: &impl Serialize) -> Value {
    // The generated types have string keys only, which always encode.
    serde_json::to_value(document).unwrap_or_default()
}

fn add(fields: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        fields.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_commands_as_docker_wrote_them() {
        assert_eq!(step_command("/bin/sh -c true"), json!(["/bin/sh", "-c", "true"]));
        assert_eq!(step_command("CMD [\"a\"]"), json!(["/bin/sh", "-c", "#(nop)  CMD [\"a\"]"]));
    }
}
