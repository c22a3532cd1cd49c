//! Lists in which a later item takes the place of an earlier one.

use crate::tree::Node;
use std::collections::HashMap;

/// The key of a list's item; `None` for items that have none and never replace another.
pub(super) type KeyOf = fn(&Node) -> Option<String>;

/// The later items after the earlier ones, or in the place of those with the same key.
pub(super) fn append(base: Vec<Node>, over: Vec<Node>, key: &dyn Fn(&Node) -> Option<String>) -> Vec<Node> {
    let mut index = HashMap::with_capacity(base.len());
    for (at, item) in base.iter().enumerate() {
        if let Some(key) = key(item) {
            index.entry(key).or_insert(at);
        }
    }
    let mut out = base;
    for item in over {
        match key(&item).and_then(|key| index.get(&key).copied()) {
            Some(at) => out[at] = item,
            None => out.push(item),
        }
    }
    out
}

/// The text itself.
pub(super) fn text_key(node: &Node) -> Option<String> {
    node.as_text().map(str::to_owned)
}

/// Where a volume is mounted.
pub(super) fn volume_key(node: &Node) -> Option<String> {
    match node.as_text() {
        Some(text) => Some(clean(volume_target(text))),
        None => field(node, "target").map(clean),
    }
}

/// Where a tmpfs is mounted.
pub(super) fn tmpfs_key(node: &Node) -> Option<String> {
    node.as_text().map(|text| clean(tmpfs_target(text)))
}

/// The path of a device in the container.
pub(super) fn device_key(node: &Node) -> Option<String> {
    match node.as_text() {
        Some(text) => text.split(':').take(2).last().map(str::to_owned),
        None => field(node, "target").or_else(|| field(node, "source")).map(str::to_owned),
    }
}

/// Where a secret is put.
pub(super) fn secret_key(node: &Node) -> Option<String> {
    file_target(node, "/run/secrets/")
}

/// Where a config is put.
pub(super) fn config_key(node: &Node) -> Option<String> {
    file_target(node, "/")
}

/// The path of an env file.
pub(super) fn file_key(node: &Node) -> Option<String> {
    node.as_text().or_else(|| field(node, "path")).map(str::to_owned)
}

/// The target in the short form of a volume: `[SOURCE:]TARGET[:OPTIONS]`.
fn volume_target(text: &str) -> &str {
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    parts.next().unwrap_or(first)
}

/// The target in a tmpfs entry: `TARGET[:OPTIONS]`.
pub(crate) fn tmpfs_target(text: &str) -> &str {
    text.split(':').next().unwrap_or_default()
}

fn file_target(node: &Node, directory: &str) -> Option<String> {
    let source = node.as_text().or_else(|| field(node, "source"));
    match field(node, "target") {
        Some(target) if target.starts_with('/') => Some(clean(target)),
        Some(target) => Some(format!("{directory}{target}")),
        None => source.map(|source| format!("{directory}{source}")),
    }
}

fn clean(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() { path.to_owned() } else { trimmed.to_owned() }
}

fn field<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.as_mapping()?.get(key)?.as_text()
}
