//! The top level.

use super::cursor::{Context, Cursor};
use super::service::{DecodedService, service};
use super::{file_object, network};
use crate::model::{
    ConfigKey, FileObject, InvalidName, Network, NetworkKey, SecretKey, ServiceName, Volume, VolumeKey,
};
use crate::report::Finding;
use crate::tree::{Mapping, Node, Value};
use std::collections::BTreeMap;

/// The decoded top level, before profiles and references are looked at.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) services: BTreeMap<ServiceName, DecodedService>,
    pub(crate) networks: BTreeMap<NetworkKey, Network>,
    pub(crate) volumes: BTreeMap<VolumeKey, Volume>,
    pub(crate) secrets: BTreeMap<SecretKey, FileObject>,
    pub(crate) configs: BTreeMap<ConfigKey, FileObject>,
    pub(crate) extensions: BTreeMap<String, serde_json::Value>,
}

/// Decodes a merged tree; what is wrong is reported. `project` is the prefix of names.
pub(crate) fn decode_model(context: &Context<'_>, node: &Node, project: &str) -> Model {
    let root = Cursor::root(context, node, node.span);
    let Some(fields) = root.fields() else { return Model::default() };
    if let Some(version) = fields.get("version") {
        version.report(
            Finding::warning(version.key_span(), "`version` is obsolete and has no effect")
                .help("remove the line"),
        );
    }
    let _ = (fields.get("name"), fields.get("include"));
    fields.unsupported("models", "no AI model is provided");
    let model = Model {
        services: section(&fields.get("services"), |key, cursor| service(cursor, ServiceName::new(key))),
        networks: section(&fields.get("networks"), |key, cursor| network::network(cursor, key, project)),
        volumes: section(&fields.get("volumes"), |key, cursor| network::volume(cursor, key, project)),
        secrets: section(&fields.get("secrets"), |key, cursor| file_object::secret(cursor, key, project)),
        configs: section(&fields.get("configs"), |key, cursor| file_object::config(cursor, key, project)),
        extensions: fields.extensions(),
    };
    fields.finish();
    model
}

/// Decodes the entries of a top-level section; `x-…` keys in it are skipped unless they are services.
fn section<K, V>(
    cursor: &Option<Cursor<'_>>,
    decode: impl Fn(&str, &Cursor<'_>) -> Option<V>,
) -> BTreeMap<K, V>
where
    K: Ord + TryFrom<String, Error = InvalidName>,
{
    let entries = cursor.as_ref().and_then(Cursor::entries).unwrap_or_default();
    let mut out = BTreeMap::new();
    for (key, value) in entries {
        match K::try_from(key.to_owned()) {
            Ok(name) => out.extend(decode(key, &value).map(|decoded| (name, decoded))),
            Err(error) => value.report(Finding::error(value.key_span(), error.to_string()).help("rename it")),
        }
    }
    out
}

/// An empty value of a section (`data:`) is a mapping without keys.
pub(super) fn or_empty<'a>(cursor: &Cursor<'a>, empty: &'a Node) -> Cursor<'a> {
    if cursor.is_null() {
        let mut filled = cursor.clone();
        filled.node = empty;
        return filled;
    }
    cursor.clone()
}

/// A mapping without keys.
pub(super) fn empty_mapping(cursor: &Cursor<'_>) -> Node {
    Node::new(Value::Mapping(Mapping::default()), cursor.key_span())
}
