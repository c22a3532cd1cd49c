//! Networks, addresses, names and published ports.

use clap::Args;
use serde_json::{Map, Value, json};

use super::{Object, Request, ports};
use crate::failure::Failure;

/// Flags about networks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkFlags {
    /// Network: a name, bridge, host, none, container:NAME; also name=NET,ip=ADDR,alias=NAME
    #[arg(long, visible_alias = "net", value_name = "NETWORK")]
    network: Vec<String>,
    /// Further name of the container in its network
    #[arg(long, visible_alias = "net-alias", value_name = "NAME")]
    network_alias: Vec<String>,
    /// IPv4 address
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<String>,
    /// IPv6 address
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<String>,
    /// Hardware address
    #[arg(long, value_name = "ADDRESS")]
    mac_address: Option<String>,
    /// Publish a port: [[HOST-IP:]HOST-PORT:]PORT[/tcp|udp], also ranges
    #[arg(short, long, value_name = "PORTS")]
    publish: Vec<String>,
    /// Publish all exposed ports at free ports
    #[arg(short = 'P', long)]
    publish_all: bool,
    /// Expose a port or range without publishing it
    #[arg(long, value_name = "PORT")]
    expose: Vec<String>,
    /// Line of /etc/hosts; host-gateway is the host
    #[arg(long, value_name = "NAME:ADDRESS")]
    add_host: Vec<String>,
    /// Name server
    #[arg(long, value_name = "ADDRESS")]
    dns: Vec<String>,
    /// Search domain
    #[arg(long, value_name = "DOMAIN")]
    dns_search: Vec<String>,
    /// Option of the resolver
    #[arg(long, visible_alias = "dns-opt", value_name = "OPTION")]
    dns_option: Vec<String>,
    /// Name of another container to know here
    #[arg(long, value_name = "CONTAINER[:ALIAS]")]
    link: Vec<String>,
}

impl NetworkFlags {
    pub(super) fn apply(&self, request: &mut Request) -> Result<(), Failure> {
        self.apply_networks(request)?;
        let published = ports::publish(&self.publish)?;
        let mut exposed = published.exposed;
        for text in &self.expose {
            exposed.extend(ports::expose(text)?);
        }
        let exposed: Map<String, Value> = exposed.into_iter().map(|port| (port, json!({}))).collect();
        request.config.object("ExposedPorts", exposed);
        let host = &mut request.host;
        host.object("PortBindings", published.bindings);
        host.flag("PublishAllPorts", self.publish_all);
        let hosts: Vec<String> =
            self.add_host.iter().map(|text| extra_host(text)).collect::<Result<_, _>>()?;
        host.list("ExtraHosts", &hosts);
        host.list("Links", &self.link);
        host.list("Dns", &self.dns);
        host.list("DnsSearch", &self.dns_search);
        host.list("DnsOptions", &self.dns_option);
        Ok(())
    }

    fn apply_networks(&self, request: &mut Request) -> Result<(), Failure> {
        for (at, text) in self.network.iter().enumerate() {
            let (name, mut endpoint) = network(text)?;
            if at == 0 {
                request.host.set("NetworkMode", name.as_str());
                self.add_to(&mut endpoint)?;
                endpoint.list("Links", &self.link);
            }
            if at > 0 || !endpoint.0.is_empty() {
                request.endpoints.set(&name, Value::Object(endpoint.0));
            }
        }
        if self.network.is_empty() {
            let mut endpoint = Object::default();
            self.add_to(&mut endpoint)?;
            request.endpoints.object("default", endpoint.0);
        }
        Ok(())
    }

    /// The flags that are about the first network.
    fn add_to(&self, endpoint: &mut Object) -> Result<(), Failure> {
        let both = |given: bool, key: &str| match given && endpoint.0.contains_key(key) {
            true => Err(Failure::new(format!(
                "conflicting options: {key} is given for the network and by its own flag"
            ))),
            false => Ok(()),
        };
        both(!self.network_alias.is_empty(), "Aliases")?;
        both(self.ip.is_some() || self.ip6.is_some(), "IPAMConfig")?;
        both(self.mac_address.is_some(), "MacAddress")?;
        endpoint.list("Aliases", &self.network_alias);
        endpoint.option("MacAddress", self.mac_address.clone());
        endpoint.object("IPAMConfig", addresses(self.ip.as_deref(), self.ip6.as_deref()));
        Ok(())
    }
}

fn addresses(v4: Option<&str>, v6: Option<&str>) -> Map<String, Value> {
    let mut ipam = Object::default();
    ipam.option("IPv4Address", v4);
    ipam.option("IPv6Address", v6);
    ipam.0
}

/// `NAME` or `name=NAME,ip=…,ip6=…,alias=…,mac-address=…,driver-opt=K=V,gw-priority=N`
fn network(text: &str) -> Result<(String, Object), Failure> {
    let mut endpoint = Object::default();
    if !text.contains('=') {
        return Ok((text.to_owned(), endpoint));
    }
    let (mut name, mut aliases, mut options) = (None, Vec::new(), Map::new());
    let (mut v4, mut v6) = (None, None);
    for field in text.split(',') {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        match key.trim().to_ascii_lowercase().as_str() {
            "name" => name = Some(value.to_owned()),
            "alias" => aliases.push(value.to_owned()),
            "ip" => v4 = Some(value),
            "ip6" => v6 = Some(value),
            "mac-address" => endpoint.set("MacAddress", value),
            "driver-opt" => {
                let (key, value) = value.split_once('=').unwrap_or((value, ""));
                options.insert(key.to_owned(), Value::from(value));
            }
            "gw-priority" => {
                let number: i64 =
                    value.parse().map_err(|_| Failure::new(format!("invalid gw-priority {value:?}")))?;
                endpoint.set("GwPriority", number);
            }
            other => return Err(Failure::new(format!("invalid field {other:?} in --network {text:?}"))),
        }
    }
    let name =
        name.ok_or_else(|| Failure::new(format!("--network {text:?} names no network: add name=NAME")))?;
    endpoint.list("Aliases", &aliases);
    endpoint.object("IPAMConfig", addresses(v4, v6));
    endpoint.object("DriverOpts", options);
    Ok((name, endpoint))
}

/// `name:address` or `name=address`, in the API's form.
pub(crate) fn extra_host(text: &str) -> Result<String, Failure> {
    let at = text.find(['=', ':']).filter(|at| *at > 0 && at + 1 < text.len());
    let at =
        at.ok_or_else(|| Failure::new(format!("bad format for add-host: {text:?}, write NAME:ADDRESS")))?;
    let address = text[at + 1..].trim_start_matches('[').trim_end_matches(']');
    if address != "host-gateway" && address.parse::<std::net::IpAddr>().is_err() {
        return Err(Failure::new(format!("invalid IP address in add-host: {address:?}")));
    }
    Ok(format!("{}:{address}", &text[..at]))
}
