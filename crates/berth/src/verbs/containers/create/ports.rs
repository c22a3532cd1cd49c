//! Published and exposed ports.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// What `-p` flags become.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// `80/tcp`, …
    pub(crate) exposed: BTreeSet<String>,
    /// `PortBindings`.
    pub(crate) bindings: Map<String, Value>,
}

/// `[[IP:][HOST]:]PORT[/PROTOCOL]`, where ports may be ranges of one length, or
/// `target=80,published=8080,protocol=tcp,host_ip=…`.
///
/// # Errors
/// A text that is no port.
pub(crate) fn publish(texts: &[String]) -> Result<Published, Failure> {
    let mut published = Published::default();
    for text in texts {
        let text = if text.contains("target=") { short_form(text)? } else { text.clone() };
        one(&text, &mut published)?;
    }
    Ok(published)
}

impl Published {
    /// `ExposedPorts`.
    pub(crate) fn exposed(&self) -> Map<String, Value> {
        self.exposed.iter().map(|port| (port.clone(), json!({}))).collect()
    }
}

/// `PORT[-PORT][/PROTOCOL]` as single ports.
pub(super) fn expose(text: &str) -> Result<Vec<String>, Failure> {
    let (range, protocol) = protocol(text)?;
    let ports = ports(range).ok_or_else(|| wrong("--expose", text))?;
    Ok(ports.map(|port| format!("{port}/{protocol}")).collect())
}

fn wrong(flag: &str, text: &str) -> Failure {
    Failure::new(format!("invalid port specification {text:?} for {flag}: write [[IP:]HOST:]PORT[/tcp|udp]"))
}

fn short_form(text: &str) -> Result<String, Failure> {
    let (mut target, mut published, mut protocol, mut address) = ("", "", "tcp", "");
    for field in text.split(',') {
        match field.split_once('=') {
            Some(("target", value)) => target = value,
            Some(("published", value)) => published = value,
            Some(("protocol", value)) => protocol = value,
            Some(("host_ip", value)) => address = value,
            Some(("mode", _)) => {}
            _ => return Err(wrong("--publish", text)),
        }
    }
    let address = if address.is_empty() { String::new() } else { format!("[{address}]:") };
    Ok(format!("{address}{published}:{target}/{protocol}"))
}

fn one(text: &str, published: &mut Published) -> Result<(), Failure> {
    let (rest, protocol) = protocol(text)?;
    let fail = || wrong("--publish", text);
    let (address, host, container) = parts(rest).ok_or_else(fail)?;
    if !address.is_empty() && address.parse::<IpAddr>().is_err() {
        return Err(Failure::new(format!("invalid IP address {address:?} in --publish {text:?}")));
    }
    let container = ports(container).ok_or_else(fail)?;
    let count = container.clone().count();
    let host = match host {
        "" => None,
        text => Some(ports(text).ok_or_else(fail)?),
    };
    let host_count = host.clone().map_or(count, Iterator::count);
    if host_count != count && count != 1 {
        let reason = format!("the ranges in --publish {text:?} have different lengths");
        return Err(Failure::new(reason));
    }
    for (at, port) in container.enumerate() {
        let key = format!("{port}/{protocol}");
        let host_port = match &host {
            None => String::new(),
            // One container port and a range: any free one of the range.
            Some(range) if host_count != count => format!("{}-{}", range.start(), range.end()),
            Some(range) => range.clone().nth(at).map(|port| port.to_string()).unwrap_or_default(),
        };
        published.exposed.insert(key.clone());
        let bindings = published.bindings.entry(key).or_insert_with(|| json!([]));
        if let Value::Array(list) = bindings {
            list.push(json!({"HostIp": address, "HostPort": host_port}));
        }
    }
    Ok(())
}

/// Address, host ports and container ports.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    if let Some(after) = text.strip_prefix('[') {
        let (address, rest) = after.split_once("]:")?;
        let (host, container) = rest.split_once(':').unwrap_or(("", rest));
        return Some((address, host, container));
    }
    let Some((before, container)) = text.rsplit_once(':') else { return Some(("", "", text)) };
    Some(match before.rsplit_once(':') {
        Some((address, host)) => (address, host, container),
        None => ("", before, container),
    })
}

fn protocol(text: &str) -> Result<(&str, String), Failure> {
    let (rest, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    if ["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
        Ok((rest, protocol))
    } else {
        Err(Failure::new(format!("invalid protocol {protocol:?} in {text:?}: use tcp or udp")))
    }
}

fn ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = first.parse().ok()?..=last.parse().ok()?;
    (*range.start() > 0 && !range.is_empty()).then_some(range)
}
