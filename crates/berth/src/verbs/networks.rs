//! `network`.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, query, quote};
use crate::failure::{Exit, Failure, Outcome};
use crate::format::{Listing, human};
use crate::output;
use crate::verbs::containers::create::{Object, pairs};
use crate::verbs::containers::inspect;
use crate::verbs::containers::ps::joined_labels;
use crate::verbs::{each, filters, prune};

/// Commands of `berth network`.
pub(crate) const GROUP: &[Verb] = &[
    verb::<Create>("create", "Make a network").examples(
        "Examples:\n  berth network create front\n  \
         berth network create --subnet 10.9.0.0/24 --gateway 10.9.0.1 --internal back",
    ),
    verb::<List>("ls", "List networks").aliases(&["list"]),
    inspect::NETWORK,
    verb::<Remove>("rm", "Remove networks").aliases(&["remove"]),
    verb::<Connect>("connect", "Join a container to a network"),
    verb::<Disconnect>("disconnect", "Take a container out of a network"),
    prune::NETWORKS,
];

const LISTING: Listing = Listing {
    headings: &[("ID", "NETWORK ID"), ("CreatedAt", "CREATED AT")],
    table: &["ID", "Name", "Driver", "Scope"],
    quiet: "ID",
};

/// Make a network.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Driver: bridge
    #[arg(short, long, value_name = "DRIVER", default_value = "bridge", hide_default_value = true)]
    driver: String,
    /// Subnet, such as 10.9.0.0/24
    #[arg(long, value_name = "SUBNET")]
    subnet: Vec<String>,
    /// Gateway
    #[arg(long, value_name = "ADDRESS")]
    gateway: Vec<String>,
    /// Part of the subnet that addresses are taken from
    #[arg(long, value_name = "RANGE")]
    ip_range: Vec<String>,
    /// Address to leave alone: NAME=ADDRESS
    #[arg(long, value_name = "NAME=ADDRESS")]
    aux_address: Vec<String>,
    /// No way out
    #[arg(long)]
    internal: bool,
    /// Containers may join by hand
    #[arg(long)]
    attachable: bool,
    /// IPv6 too
    #[arg(long)]
    ipv6: bool,
    /// Option of the driver
    #[arg(short, long, value_name = "KEY=VALUE")]
    opt: Vec<String>,
    /// Label
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<String>,
    /// Name
    name: String,
}

impl Run for Create {
    async fn run(self, context: &Context) -> Outcome {
        let mut body = Object::default();
        body.set("Name", self.name.as_str());
        body.set("Driver", self.driver.as_str());
        body.flag("Internal", self.internal);
        body.flag("Attachable", self.attachable);
        body.flag("EnableIPv6", self.ipv6);
        body.object("Options", pairs(&self.opt));
        body.object("Labels", pairs(&self.label));
        let pools = self.pools()?;
        if !pools.is_empty() {
            body.set("IPAM", json!({"Driver": "default", "Config": pools}));
        }
        let made = context.engine.json(Call::post("/networks/create").json(&Value::Object(body.0))).await?;
        if let Some(warning) = made["Warning"].as_str().filter(|text| !text.is_empty()) {
            output::warn(warning);
        }
        output::line(made["Id"].as_str().unwrap_or_default())?;
        Ok(Exit::SUCCESS)
    }
}

impl Create {
    /// Gateways, ranges and addresses belong to the subnet that holds them; with one subnet to that.
    fn pools(&self) -> Result<Vec<Value>, Failure> {
        let mut pools: Vec<(Subnet, Object)> = Vec::new();
        for text in &self.subnet {
            let mut pool = Object::default();
            pool.set("Subnet", text.as_str());
            pools.push((Subnet::parse(text)?, pool));
        }
        let mut give = |flag: &str, key: &str, text: &str, value: Value| {
            let address = text.split('/').next().unwrap_or_default();
            let pool = pools.iter_mut().find(|(subnet, _)| subnet.holds(address));
            let (_, pool) =
                pool.ok_or_else(|| Failure::new(format!("no --subnet holds the {flag} {text}")))?;
            match (pool.0.get_mut(key), value) {
                (Some(Value::Object(held)), Value::Object(more)) => held.extend(more),
                (_, value) => pool.set(key, value),
            }
            Ok::<(), Failure>(())
        };
        for text in &self.gateway {
            give("gateway", "Gateway", text, Value::from(text.as_str()))?;
        }
        for text in &self.ip_range {
            give("range", "IPRange", text, Value::from(text.as_str()))?;
        }
        for text in &self.aux_address {
            let (name, address) = text.split_once('=').unwrap_or(("", text));
            let one: Map<String, Value> = [(name.to_owned(), Value::from(address))].into_iter().collect();
            give("auxiliary address", "AuxiliaryAddresses", address, Value::Object(one))?;
        }
        Ok(pools.into_iter().map(|(_, pool)| Value::Object(pool.0)).collect())
    }
}

/// A subnet, only to tell what it holds.
#[derive(Debug, Clone, Copy)]
struct Subnet {
    address: u128,
    host_bits: u32,
    is_v6: bool,
}

impl Subnet {
    fn parse(text: &str) -> Result<Subnet, Failure> {
        let wrong = || Failure::new(format!("invalid subnet {text:?}: write it as 10.9.0.0/24"));
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let (address, is_v6) = number(address).ok_or_else(wrong)?;
        let width = if is_v6 { 128 } else { 32 };
        let length: u32 = length.parse().ok().filter(|length| *length <= width).ok_or_else(wrong)?;
        Ok(Subnet { address, host_bits: width - length, is_v6 })
    }

    fn holds(self, address: &str) -> bool {
        let shifted = |value: u128| value.checked_shr(self.host_bits).unwrap_or(0);
        number(address)
            .is_some_and(|(address, is_v6)| is_v6 == self.is_v6 && shifted(address) == shifted(self.address))
    }
}

fn number(address: &str) -> Option<(u128, bool)> {
    match address.parse().ok()? {
        std::net::IpAddr::V4(v4) => Some((u128::from(u32::from(v4)), false)),
        std::net::IpAddr::V6(v6) => Some((u128::from(v6), true)),
    }
}

/// List networks.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only ids
    #[arg(short, long)]
    quiet: bool,
    /// Do not cut ids
    #[arg(long)]
    no_trunc: bool,
    /// Only those that match, such as driver=bridge or label=KEY
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Print with a Go template, `table TEMPLATE`, or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Run for List {
    async fn run(self, context: &Context) -> Outcome {
        let path = query("/networks", &[("filters", &filters(&self.filter)?)]);
        let answer = context.engine.json(Call::get(&path)).await?;
        let mut rows: Vec<Value> =
            answer.as_array().into_iter().flatten().map(|one| row(one, self.no_trunc)).collect();
        rows.sort_by_key(|row| row["Name"].as_str().map(str::to_owned));
        LISTING.print(&rows, self.format.as_deref(), self.quiet)?;
        Ok(Exit::SUCCESS)
    }
}

fn row(network: &Value, whole: bool) -> Value {
    let labels = network["Labels"].as_object().cloned().unwrap_or_default();
    let id = network["Id"].as_str().unwrap_or_default();
    json!({
        "ID": if whole { id.to_owned() } else { human::short_id(id) },
        "Name": network["Name"],
        "Driver": network["Driver"],
        "Scope": network["Scope"],
        "IPv6": network["EnableIPv6"].as_bool().unwrap_or_default().to_string(),
        "Internal": network["Internal"].as_bool().unwrap_or_default().to_string(),
        "Labels": joined_labels(&labels),
        "CreatedAt": human::go_time(human::unix(network["Created"].as_str().unwrap_or_default())),
        "Label()": labels,
    })
}

/// Remove networks.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// It is no mistake when one is not there
    #[arg(short, long)]
    force: bool,
    /// Names or ids
    #[arg(value_name = "NETWORK", required = true)]
    names: Vec<String>,
}

impl Run for Remove {
    async fn run(self, context: &Context) -> Outcome {
        let mut results = Vec::new();
        for name in &self.names {
            let removed = context.engine.text(Call::delete(&format!("/networks/{}", quote(name)))).await;
            match removed {
                Err(error) if self.force && error.is_not_found() => output::note(&format!("berth: {error}")),
                removed => results.push(removed.map(|_| name).map_err(Failure::from)),
            }
        }
        each(results, |name| output::line(name))
    }
}

/// Join a container to a network.
#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// Further name in the network
    #[arg(long, value_name = "NAME")]
    alias: Vec<String>,
    /// IPv4 address
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<String>,
    /// IPv6 address
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<String>,
    /// Name of another container to know there
    #[arg(long, value_name = "CONTAINER[:ALIAS]")]
    link: Vec<String>,
    /// Option of the driver
    #[arg(long, value_name = "KEY=VALUE")]
    driver_opt: Vec<String>,
    /// Network
    network: String,
    /// Container
    container: String,
}

impl Run for Connect {
    async fn run(self, context: &Context) -> Outcome {
        let (mut endpoint, mut addresses) = (Object::default(), Object::default());
        addresses.option("IPv4Address", self.ip);
        addresses.option("IPv6Address", self.ip6);
        endpoint.object("IPAMConfig", addresses.0);
        endpoint.list("Aliases", &self.alias);
        endpoint.list("Links", &self.link);
        endpoint.object("DriverOpts", pairs(&self.driver_opt));
        let body = json!({"Container": self.container, "EndpointConfig": endpoint.0});
        let path = format!("/networks/{}/connect", quote(&self.network));
        context.engine.text(Call::post(&path).json(&body)).await?;
        Ok(Exit::SUCCESS)
    }
}

/// Take a container out of a network.
#[derive(Debug, Args)]
pub(crate) struct Disconnect {
    /// Even when the container does not answer
    #[arg(short, long)]
    force: bool,
    /// Network
    network: String,
    /// Container
    container: String,
}

impl Run for Disconnect {
    async fn run(self, context: &Context) -> Outcome {
        let body = json!({"Container": self.container, "Force": self.force});
        let path = format!("/networks/{}/disconnect", quote(&self.network));
        context.engine.text(Call::post(&path).json(&body)).await?;
        Ok(Exit::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways_go_to_the_subnet_that_holds_them() {
        let create = Create {
            driver: "bridge".into(),
            subnet: vec!["10.9.0.0/24".into(), "fd00::/64".into()],
            gateway: vec!["fd00::1".into(), "10.9.0.1".into()],
            ip_range: vec!["10.9.0.128/25".into()],
            aux_address: vec!["router=10.9.0.9".into()],
            internal: false,
            attachable: false,
            ipv6: false,
            opt: vec![],
            label: vec![],
            name: "n".into(),
        };
        assert_eq!(
            Value::from(create.pools().unwrap()),
            json!([
                {"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1", "IPRange": "10.9.0.128/25",
                 "AuxiliaryAddresses": {"router": "10.9.0.9"}},
                {"Subnet": "fd00::/64", "Gateway": "fd00::1"},
            ])
        );
        let stray = Create { gateway: vec!["1.2.3.4".into()], ..create };
        assert!(stray.pools().unwrap_err().message().contains("no --subnet holds the gateway 1.2.3.4"));
    }
}
