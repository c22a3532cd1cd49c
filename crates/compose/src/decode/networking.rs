//! Networks, ports and name resolution of a service.

use super::cursor::Cursor;
use super::fields::Fields;
use super::file_object::key;
use super::network::{address, ip};
use super::ports;
use crate::model::{Attachment, Link, MacAddress, NetworkKey, Networking, ServiceName, ServiceNetwork};
use crate::report::Finding;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The keys of [`Networking`].
pub(super) fn networking(fields: &Fields<'_>) -> Networking {
    Networking {
        attachment: attachment(fields),
        ports: fields.parse("ports", ports::ports).unwrap_or_default(),
        expose: fields.parse("expose", ports::expose).unwrap_or_default(),
        dns: fields.parse("dns", addresses).unwrap_or_default(),
        dns_search: fields.text_or_texts("dns_search"),
        dns_opt: fields.texts("dns_opt"),
        extra_hosts: fields.parse("extra_hosts", extra_hosts).unwrap_or_default(),
        links: fields.parse("links", links).unwrap_or_default(),
        external_links: fields.parse("external_links", external_links).unwrap_or_default(),
        mac_address: fields.parse("mac_address", mac_address),
    }
}

fn addresses(cursor: &Cursor<'_>) -> Option<Vec<IpAddr>> {
    Some(cursor.one_or_many()?.iter().filter_map(address).collect())
}

/// `network_mode`, `networks`, or the default network.
fn attachment(fields: &Fields<'_>) -> Attachment {
    let networks = fields.get("networks");
    let mode = fields.get("network_mode");
    if let (Some(networks), Some(mode)) = (&networks, &mode) {
        networks.report(
            networks
                .error("cannot be set beside `network_mode`")
                .related(mode.key_span(), "set here")
                .help("keep one of the two"),
        );
    }
    if let Some(mode) = mode {
        return network_mode(&mode).unwrap_or_default();
    }
    let mut attached = networks.as_ref().and_then(service_networks).unwrap_or_default();
    if attached.is_empty()
        && let Ok(default) = NetworkKey::new("default")
    {
        attached.insert(default, ServiceNetwork::default());
    }
    Attachment::Networks(attached)
}

fn network_mode(cursor: &Cursor<'_>) -> Option<Attachment> {
    let text = cursor.text()?;
    if let Some(service) = text.strip_prefix("service:") {
        return match ServiceName::new(service) {
            Ok(service) => Some(Attachment::Service(service)),
            Err(error) => {
                cursor.fail(format!("is wrong: {error}"), "write `service:NAME` with a service of this file")
            }
        };
    }
    Some(match text {
        "bridge" | "default" => Attachment::Bridge,
        "host" => Attachment::Host,
        "none" => Attachment::None,
        _ => match text.strip_prefix("container:") {
            Some(container) => Attachment::Container(container.to_owned()),
            None => Attachment::Named(text.to_owned()),
        },
    })
}

fn service_networks(cursor: &Cursor<'_>) -> Option<BTreeMap<NetworkKey, ServiceNetwork>> {
    if !cursor.is_mapping() {
        let keys = cursor.items_or_mapping()?;
        return Some(keys.iter().filter_map(key).map(|key| (key, ServiceNetwork::default())).collect());
    }
    let mut out = BTreeMap::new();
    for (name, entry) in cursor.entries()? {
        match NetworkKey::new(name) {
            Ok(key) => {
                let network =
                    if entry.is_null() { Some(ServiceNetwork::default()) } else { service_network(&entry) };
                out.extend(network.map(|network| (key, network)));
            }
            Err(error) => entry.report(Finding::error(entry.key_span(), error.to_string())),
        }
    }
    Some(out)
}

fn service_network(cursor: &Cursor<'_>) -> Option<ServiceNetwork> {
    let fields = cursor.fields()?;
    let options = fields.get("driver_opts").and_then(|c| c.entries()).unwrap_or_default();
    let network = ServiceNetwork {
        aliases: fields.texts("aliases"),
        ipv4_address: fields.parse("ipv4_address", address),
        ipv6_address: fields.parse("ipv6_address", address),
        link_local_ips: fields.parse("link_local_ips", addresses).unwrap_or_default(),
        mac_address: fields.parse("mac_address", mac_address),
        priority: fields.integer("priority").unwrap_or(0),
        gw_priority: fields.integer("gw_priority").unwrap_or(0),
        interface_name: fields.text("interface_name"),
        driver_opts: options
            .iter()
            .filter_map(|(name, c)| Some(((*name).to_owned(), c.any_text()?.to_owned())))
            .collect(),
    };
    fields.finish();
    Some(network)
}

fn mac_address(cursor: &Cursor<'_>) -> Option<MacAddress> {
    match cursor.text()?.parse() {
        Ok(mac) => Some(mac),
        Err(error) => cursor.fail(format!("is wrong: {error}"), "write one such as `02:42:ac:11:00:02`"),
    }
}

/// `extra_hosts` of a service or a build: `host=ip`, `host:ip`, or a mapping.
pub(super) fn extra_hosts(cursor: &Cursor<'_>) -> Option<BTreeMap<String, Vec<String>>> {
    let mut hosts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut add = |host: &str, address: String| {
        let addresses = hosts.entry(host.to_owned()).or_default();
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    };
    if cursor.is_mapping() {
        for (host, value) in cursor.entries()? {
            for item in value.one_or_many().unwrap_or_default() {
                if let Some(address) = item.text().and_then(|text| host_address(&item, text)) {
                    add(host, address);
                }
            }
        }
    } else {
        for item in cursor.items_or_mapping()? {
            let Some(text) = item.text() else { continue };
            match text.split_once('=').or_else(|| text.split_once(':')) {
                Some((host, address)) if !host.is_empty() => {
                    if let Some(address) = host_address(&item, address) {
                        add(host.trim(), address);
                    }
                }
                _ => item.report(item.error(format!("is not a host: `{text}`")).help("write `NAME=ADDRESS`")),
            }
        }
    }
    Some(hosts)
}

fn host_address(cursor: &Cursor<'_>, text: &str) -> Option<String> {
    let text = text.trim();
    if text == "host-gateway" {
        return Some(text.to_owned());
    }
    match ip(text) {
        Some(address) => Some(address.to_string()),
        None => cursor.fail(
            format!("has no address: `{text}`"),
            "write `NAME=ADDRESS` with an IP address or `host-gateway`",
        ),
    }
}

fn links(cursor: &Cursor<'_>) -> Option<Vec<Link>> {
    let link = |item: &Cursor<'_>| {
        let text = item.text()?;
        let (service, alias) = text.split_once(':').unwrap_or((text, text));
        match ServiceName::new(service) {
            Ok(service) => Some(Link { service, alias: alias.to_owned() }),
            Err(error) => item.fail(format!("is wrong: {error}"), "write `SERVICE` or `SERVICE:ALIAS`"),
        }
    };
    Some(cursor.items()?.iter().filter_map(link).collect())
}

fn external_links(cursor: &Cursor<'_>) -> Option<Vec<(String, String)>> {
    let link = |text: String| {
        let (container, alias) = text.split_once(':').unwrap_or((&text, &text));
        (container.to_owned(), alias.to_owned())
    };
    Some(cursor.texts()?.into_iter().map(link).collect())
}
