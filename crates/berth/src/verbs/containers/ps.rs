//! `ps`.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, query};
use crate::failure::{Exit, Outcome};
use crate::format::{Listing, Narrow, human};
use crate::project::PROJECT_LABEL;
use crate::verbs::filters;

/// The command as `ps`.
pub(crate) const PS: Verb = verb::<Ps>("ps", "List containers");
/// The command as `container ls`.
pub(crate) const LS: Verb = verb::<Ps>("ls", "List containers").aliases(&["list", "ps"]);

const LISTING: Listing = Listing {
    headings: &[
        ("ID", "CONTAINER ID"),
        ("RunningFor", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Project", "PROJECT"),
    ],
    table: &["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"],
    quiet: "ID",
};

const WITH_SIZE: Listing = Listing {
    table: &["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names", "Size"],
    ..LISTING
};

const WITH_PROJECT: Listing = Listing {
    table: &["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Project", "Names"],
    ..LISTING
};

const WITH_PROJECT_AND_SIZE: Listing = Listing {
    table: &["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Project", "Names", "Size"],
    ..LISTING
};

/// A container is known by its name, and its command by its image.
const NARROW: Narrow = Narrow { yields: &["Project", "Command", "RunningFor", "ID"], cut: "Ports" };

/// The list for these rows: projects are shown where there are any.
fn listing(rows: &[Value], size: bool) -> &'static Listing {
    let in_projects = rows.iter().any(|row| row["Project"] != "");
    match (in_projects, size) {
        (false, false) => &LISTING,
        (false, true) => &WITH_SIZE,
        (true, false) => &WITH_PROJECT,
        (true, true) => &WITH_PROJECT_AND_SIZE,
    }
}

/// List containers, those of projects with them.
#[derive(Debug, Args)]
pub(crate) struct Ps {
    /// Also those that do not run
    #[arg(short, long)]
    all: bool,
    /// Only ids
    #[arg(short, long)]
    quiet: bool,
    /// Do not cut ids and commands, nor leave columns out on a narrow terminal
    #[arg(long)]
    no_trunc: bool,
    /// Only the last one made
    #[arg(short, long)]
    latest: bool,
    /// Only the last N made
    #[arg(short = 'n', long, value_name = "N", default_value_t = -1, hide_default_value = true, allow_negative_numbers = true)]
    last: i64,
    /// Show sizes
    #[arg(short, long)]
    size: bool,
    /// Only those that match, such as status=exited or label=KEY
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Print with a Go template, `table TEMPLATE`, or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Run for Ps {
    async fn run(self, context: &Context) -> Outcome {
        let last = if self.latest { 1 } else { self.last };
        let limit = if last > 0 { last.to_string() } else { String::new() };
        let flag = |on: bool| if on { "1" } else { "" };
        let wants_size = self.size || self.format.as_ref().is_some_and(|format| format.contains(".Size"));
        let filters = filters(&self.filter)?;
        let path = query(
            "/containers/json",
            &[
                ("all", flag(self.all || last > 0)),
                ("limit", &limit),
                ("size", flag(wants_size)),
                ("filters", &filters),
            ],
        );
        let containers = context.engine.json(Call::get(&path)).await?;
        let rows: Vec<Value> =
            containers.as_array().into_iter().flatten().map(|one| row(one, self.no_trunc)).collect();
        let (listing, format) = (listing(&rows, self.size), self.format.as_deref());
        match self.no_trunc {
            true => listing.print(&rows, format, self.quiet)?,
            false => listing.print_fitting(&rows, format, self.quiet, &NARROW)?,
        }
        Ok(Exit::SUCCESS)
    }
}

/// A row of the list.
pub(crate) fn row(container: &Value, whole: bool) -> Value {
    let text = |key: &str| container[key].as_str().unwrap_or_default();
    let created = container["Created"].as_i64().unwrap_or_default();
    let id = if whole { text("Id").to_owned() } else { human::short_id(text("Id")) };
    let command = format!("{:?}", text("Command"));
    let command = if whole { command } else { human::ellipsis(text("Command"), 20) };
    let command = if whole { command } else { format!("\"{command}\"") };
    let names: Vec<&str> = texts(&container["Names"]).map(|name| name.trim_start_matches('/')).collect();
    let labels = container["Labels"].as_object().cloned().unwrap_or_default();
    json!({
        "ID": id,
        "Image": image(text("Image"), whole),
        "Command": command,
        "CreatedAt": human::go_time(created),
        "RunningFor": human::ago(created),
        "Ports": ports(&container["Ports"]),
        "State": text("State"),
        "Status": text("Status"),
        "Size": size(container),
        "Names": names.join(","),
        "Labels": joined_labels(&labels),
        "LocalVolumes": volumes(container).count().to_string(),
        "Mounts": volumes(container).collect::<Vec<_>>().join(","),
        "Networks": networks(container),
        "Project": labels.get(PROJECT_LABEL).and_then(Value::as_str).unwrap_or_default(),
        "Label()": labels,
    })
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn image(image: &str, whole: bool) -> String {
    if image.is_empty() {
        "<no image>".to_owned()
    } else if !whole && image.starts_with("sha256:") {
        human::short_id(image)
    } else {
        image.to_owned()
    }
}

/// `a=1,b=2`
pub(crate) fn joined_labels(labels: &Map<String, Value>) -> String {
    let pairs = labels.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    pairs.collect::<Vec<_>>().join(",")
}

fn volumes(container: &Value) -> impl Iterator<Item = &str> {
    let mounts = container["Mounts"].as_array().into_iter().flatten();
    mounts.filter_map(|mount| {
        mount["Name"].as_str().filter(|name| !name.is_empty()).or(mount["Source"].as_str())
    })
}

fn networks(container: &Value) -> String {
    let networks = container["NetworkSettings"]["Networks"].as_object();
    networks.map(|map| map.keys().cloned().collect::<Vec<_>>().join(",")).unwrap_or_default()
}

fn size(container: &Value) -> String {
    let own = human::short_size(container["SizeRw"].as_f64().unwrap_or_default());
    match container["SizeRootFs"].as_f64().filter(|whole| *whole > 0.0) {
        Some(whole) => format!("{own} (virtual {})", human::short_size(whole)),
        None => own,
    }
}

/// `0.0.0.0:8080->80/tcp, 90/udp`, runs of ports as ranges.
pub(crate) fn ports(ports: &Value) -> String {
    let mut all: Vec<Port> = ports.as_array().into_iter().flatten().map(Port::of).collect();
    all.sort();
    all.dedup();
    let mut groups: Vec<(Port, Port)> = Vec::new();
    for port in all {
        match groups.last_mut().filter(|(_, last)| last.is_before(&port)) {
            Some((_, last)) => *last = port,
            None => groups.push((port.clone(), port)),
        }
    }
    groups.iter().map(|(first, last)| Port::shown(first, last)).collect::<Vec<_>>().join(", ")
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Port {
    protocol: String,
    address: String,
    private: u64,
    public: Option<u64>,
}

impl Port {
    fn of(port: &Value) -> Port {
        Port {
            protocol: port["Type"].as_str().unwrap_or("tcp").to_owned(),
            address: port["IP"].as_str().unwrap_or_default().to_owned(),
            private: port["PrivatePort"].as_u64().unwrap_or_default(),
            public: port["PublicPort"].as_u64().filter(|port| *port > 0),
        }
    }

    fn is_before(&self, next: &Port) -> bool {
        let one_more = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (None, None) => true,
            (Some(a), Some(b)) => a + 1 == b,
            _ => false,
        };
        self.protocol == next.protocol
            && self.address == next.address
            && self.private + 1 == next.private
            && one_more(self.public, next.public)
    }

    fn shown(first: &Port, last: &Port) -> String {
        let range = |a: u64, b: u64| if a == b { a.to_string() } else { format!("{a}-{b}") };
        let inside = format!("{}/{}", range(first.private, last.private), first.protocol);
        match (first.public, last.public) {
            (Some(from), Some(to)) => {
                let address = match first.address.contains(':') {
                    true => format!("[{}]", first.address),
                    false => first.address.clone(),
                };
                format!("{address}:{}->{inside}", range(from, to))
            }
            _ => inside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_grouped_as_docker_groups_them() {
        let port = |ip: &str, private: u16, public: u16| json!({"IP": ip, "PrivatePort": private, "PublicPort": public, "Type": "tcp"});
        let list = json!([
            port("0.0.0.0", 81, 8081), port("0.0.0.0", 80, 8080), port("::", 80, 8080),
            {"PrivatePort": 53, "Type": "udp"}, {"PrivatePort": 90, "Type": "tcp"},
        ]);
        assert_eq!(ports(&list), "90/tcp, 0.0.0.0:8080-8081->80-81/tcp, [::]:8080->80/tcp, 53/udp");
        assert_eq!(ports(&json!([])), "");
    }

    #[test]
    fn a_row_has_dockers_fields() {
        let row = row(
            &json!({
                "Id": "0123456789abcdef", "Names": ["/web"], "Image": "nginx", "Command": "nginx -g daemon off; and more",
                "Created": 0, "State": "running", "Status": "Up 2 hours", "Labels": {"a": "b"},
                "Mounts": [{"Name": "data"}], "NetworkSettings": {"Networks": {"bridge": {}}}, "Ports": [],
            }),
            false,
        );
        let shown = ["ID", "Command", "Names", "Labels", "LocalVolumes", "Mounts", "Networks"]
            .map(|key| row[key].as_str().unwrap());
        assert_eq!(shown, ["0123456789ab", "\"nginx -g daemon off…\"", "web", "a=b", "1", "data", "bridge"]);
        assert!(!listing(&[row], true).table.contains(&"Project"));
    }

    #[test]
    fn a_projects_containers_have_a_column_for_it() {
        let row = row(&json!({"Labels": {PROJECT_LABEL: "shop"}}), false);
        assert_eq!(row["Project"], "shop");
        assert_eq!(listing(&[row], false).table[6..], ["Project", "Names"]);
    }
}
