//! `ports` and `expose`.

use super::cursor::Cursor;
use super::network::ip;
use crate::model::{ExposedPort, Port, PortMode, PortRange, Protocol};
use std::net::IpAddr;

/// `ports`: ranges are expanded, and what is said twice counts once.
pub(super) fn ports(cursor: &Cursor<'_>) -> Option<Vec<Port>> {
    let mut ports: Vec<Port> = Vec::new();
    for item in cursor.items()? {
        let new = if item.is_scalar() { short(&item) } else { long(&item).map(|port| vec![port]) };
        for port in new.unwrap_or_default() {
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
    }
    Some(ports)
}

/// `expose`, ranges expanded.
pub(super) fn expose(cursor: &Cursor<'_>) -> Option<Vec<ExposedPort>> {
    let mut exposed = Vec::new();
    for item in cursor.items()? {
        let Some(text) = item.text_or_number() else { continue };
        let parsed = split_protocol(text).and_then(|(ports, protocol)| Some((range(ports)?, protocol)));
        match parsed {
            Some((range, protocol)) => {
                for port in range.start..=range.end {
                    let port = ExposedPort { port, protocol };
                    if !exposed.contains(&port) {
                        exposed.push(port);
                    }
                }
            }
            None => item
                .fail::<()>(
                    format!("is not a port: `{text}`"),
                    "write a port or a range with an optional protocol, such as `3000-3005/udp`",
                )
                .unwrap_or_default(),
        }
    }
    Some(exposed)
}

/// `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`.
fn short(cursor: &Cursor<'_>) -> Option<Vec<Port>> {
    let text = cursor.text_or_number()?;
    match parse_short(text) {
        Ok(ports) => Some(ports),
        Err(problem) => cursor.fail(
            format!("is not a port: {problem} in `{text}`"),
            "write `TARGET`, `PUBLISHED:TARGET` or `ADDRESS:PUBLISHED:TARGET`, with `/udp` behind for UDP",
        ),
    }
}

fn parse_short(text: &str) -> Result<Vec<Port>, String> {
    let (text, protocol) = split_protocol(text).ok_or("an unknown protocol")?;
    let (rest, target) = match text.rsplit_once(':') {
        Some((rest, target)) => (Some(rest), target),
        None => (None, text),
    };
    let target = range(target).ok_or_else(|| format!("`{target}` is no port"))?;
    let (host_ip, published) = match rest {
        None => (None, ""),
        Some(rest) => split_host(rest)?,
    };
    let published = match published {
        "" => None,
        text => Some(range(text).ok_or_else(|| format!("`{text}` is no port"))?),
    };
    expand(host_ip, published, target, protocol)
}

/// `ADDRESS:PUBLISHED`, `ADDRESS:` or `PUBLISHED`.
fn split_host(text: &str) -> Result<(Option<IpAddr>, &str), String> {
    let Some((address, published)) = text.rsplit_once(':') else { return Ok((None, text)) };
    match ip(address) {
        Some(address) => Ok((Some(address), published)),
        None => Err(format!("`{address}` is no address")),
    }
}

fn expand(
    host_ip: Option<IpAddr>,
    published: Option<PortRange>,
    target: PortRange,
    protocol: Protocol,
) -> Result<Vec<Port>, String> {
    let port = |target, published| Port {
        target,
        protocol,
        published,
        host_ip,
        mode: PortMode::default(),
        name: None,
        app_protocol: None,
    };
    let Some(published) = published else {
        return Ok((target.start..=target.end).map(|target| port(target, None)).collect());
    };
    if target.start == target.end {
        return Ok(vec![port(target.start, Some(published))]);
    }
    if published.end - published.start != target.end - target.start {
        return Err("ranges of different length".to_owned());
    }
    let pairs = (target.start..=target.end).zip(published.start..=published.end);
    Ok(pairs.map(|(target, host)| port(target, Some(PortRange { start: host, end: host }))).collect())
}

fn split_protocol(text: &str) -> Option<(&str, Protocol)> {
    match text.split_once('/') {
        None => Some((text, Protocol::Tcp)),
        Some((ports, protocol)) => Some((ports, protocol_of(protocol)?)),
    }
}

fn protocol_of(text: &str) -> Option<Protocol> {
    match text.to_ascii_lowercase().as_str() {
        "tcp" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        "sctp" => Some(Protocol::Sctp),
        _ => None,
    }
}

/// `80` or `80-82`; 0 is no port.
fn range(text: &str) -> Option<PortRange> {
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten().filter(|port| *port > 0)
    };
    let (start, end) = (number(start)?, number(end)?);
    (start <= end).then_some(PortRange { start, end })
}

fn long(cursor: &Cursor<'_>) -> Option<Port> {
    let fields = cursor.fields()?;
    let target = fields.integer::<u16>("target");
    let port = Port {
        target: target.unwrap_or_default(),
        protocol: fields.parse("protocol", protocol).unwrap_or_default(),
        published: fields.parse("published", published).flatten(),
        host_ip: fields.parse("host_ip", host_ip),
        mode: fields.parse("mode", mode).unwrap_or_default(),
        name: fields.text("name"),
        app_protocol: fields.text("app_protocol"),
    };
    let target_is_given = fields.get("target").is_some();
    fields.finish();
    match target {
        Some(1..) => Some(port),
        None if target_is_given => None,
        _ => cursor.fail("needs a `target`", "name the port in the container: `target: 80`"),
    }
}

fn protocol(cursor: &Cursor<'_>) -> Option<Protocol> {
    let text = cursor.text()?;
    match protocol_of(text) {
        Some(protocol) => Some(protocol),
        None => cursor.fail(format!("is not a protocol: `{text}`"), "write `tcp`, `udp` or `sctp`"),
    }
}

/// A port or a range; empty and 0 mean any free port.
fn published(cursor: &Cursor<'_>) -> Option<Option<PortRange>> {
    let text = cursor.text_or_number()?;
    if matches!(text, "" | "0") {
        return Some(None);
    }
    match range(text) {
        Some(range) => Some(Some(range)),
        None => cursor.fail(
            format!("is not a port: `{text}`"),
            "write a port or a range, such as `8080` or `8080-8090`",
        ),
    }
}

fn host_ip(cursor: &Cursor<'_>) -> Option<IpAddr> {
    let text = cursor.text()?;
    match ip(text) {
        Some(address) => Some(address),
        None => cursor.fail(
            format!("is not an address: `{text}`"),
            "write an address of the host, such as `127.0.0.1`",
        ),
    }
}

fn mode(cursor: &Cursor<'_>) -> Option<PortMode> {
    match cursor.text()? {
        "ingress" => Some(PortMode::Ingress),
        "host" => Some(PortMode::Host),
        other => cursor.fail(format!("is not a mode: `{other}`"), "write `ingress` or `host`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Vec<String> {
        parse_short(text)
            .unwrap()
            .iter()
            .map(|p| {
                let ip = p.host_ip.map(|ip| format!("{ip} ")).unwrap_or_default();
                let published = p.published.map(|r| format!("{}-{}", r.start, r.end)).unwrap_or_default();
                format!("{ip}{published}>{}/{}", p.target, p.protocol.as_str())
            })
            .collect()
    }

    #[test]
    fn the_short_form_has_an_address_a_range_and_a_protocol() {
        assert_eq!(shown("80"), [">80/tcp"]);
        assert_eq!(shown("53/UDP"), [">53/udp"]);
        assert_eq!(shown("8080:80"), ["8080-8080>80/tcp"]);
        assert_eq!(shown("127.0.0.1:8080:80"), ["127.0.0.1 8080-8080>80/tcp"]);
        assert_eq!(shown("127.0.0.1::80"), ["127.0.0.1 >80/tcp"]);
        assert_eq!(shown("[::1]:8080:80"), ["::1 8080-8080>80/tcp"]);
        assert_eq!(shown("::1:8080:80"), ["::1 8080-8080>80/tcp"]);
        assert_eq!(shown("80-81"), [">80/tcp", ">81/tcp"]);
        assert_eq!(shown("90-91:80-81"), ["90-90>80/tcp", "91-91>81/tcp"]);
        assert_eq!(shown("7000-7010:80"), ["7000-7010>80/tcp"]);
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for bad in [
            "",
            "a",
            "0",
            "65536",
            "80/icmp",
            "82-80",
            "80-82:80-81",
            "x:80:80",
            "1.2.3:80:80",
            "80:",
            "-80",
            "+80",
        ] {
            assert!(parse_short(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9:./a-z\\[\\]-]{0,24}") {
            let _ = parse_short(&text);
        }
    }
}
