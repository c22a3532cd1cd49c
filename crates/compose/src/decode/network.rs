//! Top-level networks and volumes.

use super::cursor::Cursor;
use super::fields::Fields;
use super::project::{empty_mapping, or_empty};
use crate::model::{Ipam, IpamPool, Network, Volume};
use crate::report::Finding;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

/// One entry of `networks`.
pub(super) fn network(cursor: &Cursor<'_>, key: &str, project: &str) -> Option<Network> {
    let empty = empty_mapping(cursor);
    let cursor = or_empty(cursor, &empty);
    let fields = cursor.fields()?;
    let external = external(&fields);
    let network = Network {
        name: name(&fields, &external, key, project),
        origin: cursor.context.sources.origin(cursor.key_span()),
        external: external.is_yes(),
        driver: fields
            .parse("driver", |c| known_driver(c, &["bridge", "default"], "a bridge is made instead")),
        driver_opts: texts_by_name(&fields, "driver_opts"),
        ipam: fields.parse("ipam", ipam).unwrap_or_default(),
        internal: fields.boolean("internal").unwrap_or(false),
        attachable: fields.boolean("attachable").unwrap_or(false),
        enable_ipv4: fields.boolean("enable_ipv4"),
        enable_ipv6: fields.boolean("enable_ipv6"),
        labels: fields.pairs("labels"),
    };
    fields.finish();
    if network.external {
        reject_beside_external(
            &cursor,
            &["driver", "driver_opts", "ipam", "internal", "labels", "attachable"],
        );
    }
    Some(network)
}

/// One entry of `volumes`.
pub(super) fn volume(cursor: &Cursor<'_>, key: &str, project: &str) -> Option<Volume> {
    let empty = empty_mapping(cursor);
    let cursor = or_empty(cursor, &empty);
    let fields = cursor.fields()?;
    let external = external(&fields);
    let volume = Volume {
        name: name(&fields, &external, key, project),
        origin: cursor.context.sources.origin(cursor.key_span()),
        external: external.is_yes(),
        driver: fields
            .parse("driver", |c| known_driver(c, &["local", "default"], "a local volume is made instead")),
        driver_opts: volume_options(&fields),
        labels: fields.pairs("labels"),
    };
    fields.finish();
    if volume.external {
        reject_beside_external(&cursor, &["driver", "driver_opts", "labels"]);
    }
    Some(volume)
}

/// `driver_opts` of a volume; the device of a bind is a path.
fn volume_options(fields: &Fields<'_>) -> BTreeMap<String, String> {
    let mut options = texts_by_name(fields, "driver_opts");
    let is_bind =
        options.get("o").is_some_and(|o| o.split(',').any(|word| word == "bind" || word == "rbind"));
    let device = fields.get("driver_opts").and_then(|c| c.fields()).and_then(|f| f.get("device"));
    if let (true, Some(path)) = (is_bind, device.and_then(|c| c.path_value())) {
        options.insert("device".to_owned(), path.display().to_string());
    }
    options
}

/// Whether something exists already outside of the project.
pub(super) enum External {
    No,
    Yes {
        /// The name given by the old form `external: {name: …}`.
        name: Option<String>,
    },
}

impl External {
    pub(super) fn is_yes(&self) -> bool {
        matches!(self, Self::Yes { .. })
    }
}

/// `external: true`, or the old `external: {name: …}`.
pub(super) fn external(fields: &Fields<'_>) -> External {
    let Some(cursor) = fields.get("external") else { return External::No };
    if !cursor.is_mapping() {
        return if cursor.boolean() == Some(true) { External::Yes { name: None } } else { External::No };
    }
    cursor.report(
        Finding::warning(cursor.key_span(), format!("`{}.name` is obsolete", cursor.path()))
            .help("write `external: true` and `name: …` beside it"),
    );
    let Some(inner) = cursor.fields() else { return External::No };
    let name = inner.text("name");
    inner.finish();
    External::Yes { name }
}

/// The name in the engine.
pub(super) fn name(fields: &Fields<'_>, external: &External, key: &str, project: &str) -> String {
    let given = fields.text("name").filter(|name| !name.is_empty());
    match (given, external) {
        (Some(name), _) => name,
        (None, External::Yes { name: Some(name) }) => name.clone(),
        (None, External::Yes { name: None }) => key.to_owned(),
        (None, External::No) => format!("{project}_{key}"),
    }
}

/// What is external is not made, so nothing can be said about how.
pub(super) fn reject_beside_external(cursor: &Cursor<'_>, keys: &[&str]) {
    let Some(mapping) = cursor.node.as_mapping() else { return };
    for key in keys {
        if let Some(entry) = mapping.entry(key).filter(|entry| !entry.value.is_null()) {
            let message = format!("`{}.{key}` cannot be set, because it is external", cursor.path());
            cursor.report(
                Finding::error(entry.key_span, message).help(
                    "an external one exists already and is not changed: remove this key, or `external`",
                ),
            );
        }
    }
}

fn known_driver(cursor: &Cursor<'_>, known: &[&str], instead: &str) -> Option<String> {
    let driver = cursor.text()?;
    if !known.contains(&driver) {
        cursor
            .report(cursor.warning(format!("is `{driver}`, a driver that is not supported yet: {instead}")));
    }
    Some(driver.to_owned())
}

fn texts_by_name(fields: &Fields<'_>, key: &'static str) -> BTreeMap<String, String> {
    let entries = fields.get(key).and_then(|c| c.entries()).unwrap_or_default();
    entries.into_iter().filter_map(|(name, c)| Some((name.to_owned(), c.any_text()?.to_owned()))).collect()
}

fn ipam(cursor: &Cursor<'_>) -> Option<Ipam> {
    let fields = cursor.fields()?;
    let pools = fields.get("config").and_then(|c| c.items()).unwrap_or_default();
    let ipam = Ipam {
        driver: fields.parse("driver", |c| known_driver(c, &["default"], "Berth's own is used instead")),
        pools: pools.iter().filter_map(pool).collect(),
        options: texts_by_name(&fields, "options"),
    };
    fields.finish();
    Some(ipam)
}

fn pool(cursor: &Cursor<'_>) -> Option<IpamPool> {
    let fields = cursor.fields()?;
    let addresses = fields.get("aux_addresses").and_then(|c| c.entries()).unwrap_or_default();
    let pool = IpamPool {
        subnet: fields.parse("subnet", subnet),
        ip_range: fields.parse("ip_range", subnet),
        gateway: fields.parse("gateway", address),
        aux_addresses: addresses
            .iter()
            .filter_map(|(name, c)| Some(((*name).to_owned(), address(c)?)))
            .collect(),
    };
    fields.finish();
    Some(pool)
}

/// `10.0.0.0/24`; bits below the prefix are cut off.
fn subnet(cursor: &Cursor<'_>) -> Option<IpNet> {
    let text = cursor.text()?;
    match IpNet::from_str(text) {
        Ok(net) => Some(net.trunc()),
        Err(_) => cursor.fail(
            format!("is not a subnet: `{text}`"),
            "write an address with a prefix, such as `10.0.0.0/24`",
        ),
    }
}

/// An IP address of the wanted family.
pub(super) fn address<T: FromStr>(cursor: &Cursor<'_>) -> Option<T> {
    let text = cursor.text()?;
    match text.parse() {
        Ok(address) => Some(address),
        Err(_) => cursor.fail(
            format!("is not an address of the kind that is wanted here: `{text}`"),
            "write one such as `10.0.0.2` (or `fd00::2` for IPv6)",
        ),
    }
}

/// As [`address`], for [`IpAddr`] with brackets allowed.
pub(super) fn ip(text: &str) -> Option<IpAddr> {
    text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text).parse().ok()
}
