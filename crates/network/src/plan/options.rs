//! Driver options of a network, under Docker's names.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

use super::PlanNetworkError;

const MTU: &str = "com.docker.network.driver.mtu";
const ICC: &str = "com.docker.network.bridge.enable_icc";
const MASQUERADE: &str = "com.docker.network.bridge.enable_ip_masquerade";
const HOST_BINDING: &str = "com.docker.network.bridge.host_binding_ipv4";
pub(super) const BRIDGE: &str = "com.docker.network.bridge.name";

/// The options that mean something here; the others are kept for `inspect` and otherwise ignored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) mtu: Option<u32>,
    pub(super) icc: bool,
    pub(super) masquerade: bool,
    pub(super) host_binding: Option<IpAddr>,
}

pub(super) fn read(network: &str, options: &BTreeMap<String, String>) -> Result<Options, PlanNetworkError> {
    let bad = |option: &str, value: &str| PlanNetworkError::BadOption {
        network: network.to_owned(),
        option: option.to_owned(),
        value: value.to_owned(),
    };
    let flag = |option| match options.get(option).map(String::as_str) {
        None | Some("true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(value) => Err(bad(option, value)),
    };
    Ok(Options {
        mtu: parse(options, MTU, |mtu| (68..=65535).contains(mtu)).map_err(|value| bad(MTU, value))?,
        icc: flag(ICC)?,
        masquerade: flag(MASQUERADE)?,
        host_binding: parse(options, HOST_BINDING, |_| true).map_err(|value| bad(HOST_BINDING, value))?,
    })
}

/// An option's value, if there is one; the text when it does not parse or is out of bounds.
fn parse<'a, T: FromStr>(
    options: &'a BTreeMap<String, String>,
    option: &str,
    allowed: impl Fn(&T) -> bool,
) -> Result<Option<T>, &'a str> {
    match options.get(option).map(String::as_str) {
        None | Some("" | "0") => Ok(None),
        Some(text) => text.parse().ok().filter(allowed).map(Some).ok_or(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Result<Options, PlanNetworkError> {
        read("web", &pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn without_options_containers_talk_and_reach_out() {
        let expected = Options { mtu: None, icc: true, masquerade: true, host_binding: None };
        assert_eq!(options(&[("other", "x")]), Ok(expected));
    }

    #[test]
    fn values_are_read_and_nonsense_is_named() {
        let read = options(&[(MTU, "1400"), (ICC, "false"), (MASQUERADE, "0"), (HOST_BINDING, "127.0.0.1")])
            .unwrap();
        assert_eq!((read.mtu, read.icc, read.masquerade), (Some(1400), false, false));
        assert_eq!(read.host_binding, Some("127.0.0.1".parse().unwrap()));
        let error = options(&[(MTU, "jumbo")]).unwrap_err().to_string();
        assert_eq!(error, "network web: option com.docker.network.driver.mtu cannot be \"jumbo\"");
        assert!(options(&[(MTU, "20")]).is_err() && options(&[(ICC, "maybe")]).is_err());
    }
}
