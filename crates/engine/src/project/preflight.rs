//! Problems that would stop a plan half way, found before its first step.

use super::observed::{Observed, ObservedContainer, ObservedPort};
use super::plan::{Action, Plan, Slot};
use compose::model::{Attachment, Network, Port, Project, Service, ServiceName};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// A problem. Each says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A port of the host is in use by a container.
    #[error(
        "the port {} of the host, which `{service}` publishes, is taken by the container `{by}`; stop that, or publish another port",
        place(*host_ip, *port, protocol)
    )]
    PortTaken {
        /// The service that wants it.
        service: ServiceName,
        /// The host's address; none is every one.
        host_ip: Option<IpAddr>,
        /// The port.
        port: u16,
        /// Its protocol.
        protocol: &'static str,
        /// The container that has it.
        by: String,
    },
    /// A port of the host cannot be had.
    #[error(
        "the port {} of the host, which `{service}` publishes, {reason}; free it, or publish another port",
        place(*host_ip, *port, protocol)
    )]
    PortBusy {
        /// The service that wants it.
        service: ServiceName,
        /// The host's address; none is every one.
        host_ip: Option<IpAddr>,
        /// The port.
        port: u16,
        /// Its protocol.
        protocol: &'static str,
        /// Who has it, or what the system says.
        reason: String,
    },
    /// A fixed address is in use.
    #[error(
        "the address {address} on the network `{network}`, which `{service}` wants, is taken by the container `{by}`; stop that, or choose another address"
    )]
    AddressTaken {
        /// The service that wants it.
        service: ServiceName,
        /// Name of the network.
        network: String,
        /// The address.
        address: IpAddr,
        /// The container that has it.
        by: String,
    },
    /// A fixed address is not the network's.
    #[error(
        "the address {address}, which `{service}` wants, is outside the network `{network}` ({subnets}); choose one inside"
    )]
    AddressOutside {
        /// The service that wants it.
        service: ServiceName,
        /// Name of the network.
        network: String,
        /// The address.
        address: IpAddr,
        /// The network's subnets.
        subnets: String,
    },
    /// A subnet covers addresses that the host reaches another way.
    #[error(
        "the subnet {subnet} of the network `{network}` collides with {with}; choose another `subnet`, or leave it out to get a free one"
    )]
    SubnetCollides {
        /// Name of the network.
        network: String,
        /// The subnet.
        subnet: IpNet,
        /// What it collides with.
        with: String,
    },
    /// A container's name is in use.
    #[error(
        "the container name `{name}`, which `{service}` needs, is taken by a container that does not belong to the project; remove or rename that"
    )]
    NameTaken {
        /// The service that needs it.
        service: ServiceName,
        /// The name.
        name: String,
    },
    /// An image is not there, and cannot be fetched or built.
    #[error(
        "the image `{image}` of `{service}` is not there; build it, import it, or make it with `berth image bootstrap`"
    )]
    ImageMissing {
        /// The service that needs it.
        service: ServiceName,
        /// The image.
        image: String,
    },
}

/// A port of the host as it is told.
fn place(host_ip: Option<IpAddr>, port: u16, protocol: &str) -> String {
    match host_ip {
        Some(address) => format!("{}/{protocol}", SocketAddr::new(address, port)),
        None => format!("{port}/{protocol}"),
    }
}

/// Looks for problems; in the order of the services.
pub fn preflight(project: &Project, plan: &Plan, observed: &Observed) -> Vec<Problem> {
    let check = Preflight { project, plan, observed, going: going(plan) };
    let mut problems = check.networks();
    for slot in check.starting() {
        if let Some(service) = project.services.get(slot.service.as_str()) {
            problems.extend(check.ports(service, slot));
            problems.extend(check.addresses(service, slot));
        }
    }
    problems.extend(check.names());
    problems.dedup();
    problems
}

/// Ids of the containers that the plan stops or removes.
fn going(plan: &Plan) -> BTreeSet<&str> {
    plan.steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Stop { container } | Action::Remove { container, .. } => Some(container.id.as_str()),
            _ => None,
        })
        .collect()
}

struct Preflight<'a> {
    project: &'a Project,
    plan: &'a Plan,
    observed: &'a Observed,
    going: BTreeSet<&'a str>,
}

impl<'a> Preflight<'a> {
    /// Places whose container is started.
    fn starting(&self) -> impl Iterator<Item = &'a Slot> {
        self.plan.steps.iter().filter_map(|step| match &step.action {
            Action::Start { slot, .. } => Some(slot),
            _ => None,
        })
    }

    /// Containers that keep what they have while the plan is carried out, but for the one of the place itself.
    fn staying(&self, slot: &Slot) -> impl Iterator<Item = &'a ObservedContainer> {
        let own = self.plan.kept.get(slot).map(|container| container.id.clone());
        let going = self.going.clone();
        self.observed.containers.iter().filter(move |c| {
            c.state.is_alive() && !going.contains(c.id.as_str()) && Some(&c.id) != own.as_ref()
        })
    }

    fn ports(&self, service: &Service, slot: &Slot) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (wanted, port) in fixed_ports(service) {
            let taken = self.staying(slot).find(|c| c.published.iter().any(|held| clash(held, port)));
            problems.extend(taken.map(|container| Problem::PortTaken {
                service: service.name.clone(),
                host_ip: port.host_ip,
                port: wanted,
                protocol: port.protocol.as_str(),
                by: container.name.clone(),
            }));
        }
        problems
    }

    fn addresses(&self, service: &Service, slot: &Slot) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (key, attachment) in service.networking.attachment.networks() {
            let Some(network) = self.project.networks.get(key.as_str()) else { continue };
            let v4 = attachment.ipv4_address.map(IpAddr::V4);
            let v6 = attachment.ipv6_address.map(IpAddr::V6);
            let subnets = self.subnets(network);
            for address in v4.into_iter().chain(v6) {
                if !subnets.is_empty() && !subnets.iter().any(|subnet| subnet.contains(&address)) {
                    let subnets: Vec<String> = subnets.iter().map(ToString::to_string).collect();
                    problems.push(Problem::AddressOutside {
                        service: service.name.clone(),
                        network: network.name.clone(),
                        address,
                        subnets: subnets.join(", "),
                    });
                    continue;
                }
                let has_it = |c: &&ObservedContainer| {
                    c.addresses.get(&network.name).is_some_and(|a| a.contains(&address))
                };
                problems.extend(self.staying(slot).find(has_it).map(|container| Problem::AddressTaken {
                    service: service.name.clone(),
                    network: network.name.clone(),
                    address,
                    by: container.name.clone(),
                }));
            }
        }
        problems
    }

    /// The subnets of a network as they will be; none when they are chosen when it is made.
    fn subnets(&self, network: &Network) -> Vec<IpNet> {
        let is_made =
            self.plan.steps.iter().any(
                |step| matches!(&step.action, Action::CreateNetwork { name, .. } if *name == network.name),
            );
        match self.observed.networks.get(&network.name) {
            Some(there) if !is_made => there.subnets.clone(),
            _ => network.ipam.pools.iter().filter_map(|pool| pool.subnet).collect(),
        }
    }

    fn networks(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for step in &self.plan.steps {
            let Action::CreateNetwork { key, name } = &step.action else { continue };
            let pools =
                self.project.networks.get(key.as_str()).map(|n| n.ipam.pools.as_slice()).unwrap_or_default();
            for subnet in pools.iter().filter_map(|pool| pool.subnet) {
                problems.extend(self.collision(name, subnet).map(|with| Problem::SubnetCollides {
                    network: name.clone(),
                    subnet,
                    with,
                }));
            }
        }
        problems
    }

    fn collision(&self, name: &str, subnet: IpNet) -> Option<String> {
        let overlaps = |other: &IpNet| other.contains(&subnet) || subnet.contains(other);
        let networks = self.observed.networks.iter().filter(|(other, _)| *other != name);
        for (other, network) in networks {
            if let Some(taken) = network.subnets.iter().find(|taken| overlaps(taken)) {
                return Some(format!("{taken} of the network `{other}`"));
            }
        }
        let route =
            self.observed.host_routes.iter().find(|(route, _)| route.prefix_len() > 0 && overlaps(route));
        route.map(|(route, interface)| format!("the host's route to {route} by `{interface}`"))
    }

    fn names(&self) -> Vec<Problem> {
        let removed: BTreeSet<&str> = self
            .plan
            .steps
            .iter()
            .filter_map(|step| match &step.action {
                Action::Remove { container, .. } => Some(container.id.as_str()),
                _ => None,
            })
            .collect();
        let needed = self.plan.steps.iter().filter_map(|step| match &step.action {
            Action::Create { slot, name, .. } | Action::Rename { slot, name } => Some((slot, name)),
            _ => None,
        });
        let mut problems = Vec::new();
        for (slot, name) in needed {
            let own = self.plan.kept.get(slot).map(|container| container.id.as_str());
            let taken =
                self.observed.containers.iter().any(|c| {
                    c.name == *name && !removed.contains(c.id.as_str()) && Some(c.id.as_str()) != own
                });
            if taken {
                problems.push(Problem::NameTaken { service: slot.service.clone(), name: name.clone() });
            }
        }
        problems
    }
}

/// Ports of the host that a service needs and no others, with their numbers.
pub(super) fn fixed_ports(service: &Service) -> impl Iterator<Item = (u16, &Port)> {
    let publishes = matches!(
        service.networking.attachment,
        Attachment::Networks(_) | Attachment::Bridge | Attachment::Named(_)
    );
    let ports = service.networking.ports.iter().filter(move |_| publishes);
    ports.filter_map(|port| {
        port.published.filter(|range| range.start == range.end).map(|range| (range.start, port))
    })
}

/// Whether a held port is the one that is wanted.
pub(super) fn clash(held: &ObservedPort, wanted: &Port) -> bool {
    let every = |ip: Option<IpAddr>| ip.is_none_or(|ip| ip.is_unspecified());
    let number = wanted.published.filter(|range| range.start == range.end).map(|range| range.start);
    Some(held.port) == number
        && held.protocol == wanted.protocol
        && (every(held.host_ip) || every(wanted.host_ip) || held.host_ip == wanted.host_ip)
}
