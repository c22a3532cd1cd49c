//! Ports of the host that two containers would take.

use super::Checks;
use crate::model::{Attachment, Port, Project, Service};
use crate::report::Finding;
use crate::source::Span;

impl Checks<'_> {
    /// A fixed port of the host can be published once.
    pub(super) fn ports(&self, project: &Project) {
        let publishing: Vec<&Service> = project.services.values().filter(|s| publishes(s)).collect();
        let mut fixed: Vec<(&Service, &Port)> = Vec::new();
        for service in publishing {
            for port in &service.networking.ports {
                self.enough_ports(service, port);
                if !is_fixed(port) {
                    continue;
                }
                if let Some((other, _)) = fixed.iter().find(|(_, taken)| clash(taken, port)) {
                    self.port_taken(service, other, port);
                }
                fixed.push((service, port));
            }
        }
    }

    fn enough_ports(&self, service: &Service, port: &Port) {
        let Some(range) = port.published else { return };
        let available = u32::from(range.end - range.start) + 1;
        if service.replicas <= available {
            return;
        }
        let message = format!(
            "`{}` has {} replicas, but only {available} port{} of the host for its port {}",
            service.name,
            service.replicas,
            if available == 1 { "" } else { "s" },
            port.target
        );
        let help = format!("publish a range of ports, or any free one: `- {}`", port.target);
        self.report.add(Finding::error(self.place_of_port(service, port), message).help(help));
    }

    fn port_taken(&self, service: &Service, other: &Service, port: &Port) {
        let number = port.published.map_or(0, |range| range.start);
        let span = self.place_of_port(service, port);
        let message = match service.name == other.name {
            true => format!(
                "`{}` publishes the host's port {number}/{} twice",
                service.name,
                port.protocol.as_str()
            ),
            false => format!(
                "`{}` and `{}` publish the same port of the host: {number}/{}",
                other.name,
                service.name,
                port.protocol.as_str()
            ),
        };
        let first = self.place_of_port(other, port);
        let finding =
            Finding::error(span, message).help("give one of them another port, or an address of its own");
        self.report.add(if first == span { finding } else { finding.related(first, "first here") });
    }

    fn place_of_port(&self, service: &Service, port: &Port) -> Span {
        let published = port.published.map(|range| range.start.to_string()).unwrap_or_default();
        let by_published = self.locator.of_service(service.name.as_str(), &["ports", &published]);
        let of_key = self.locator.of_service(service.name.as_str(), &["ports"]);
        if by_published != of_key {
            return by_published;
        }
        self.locator.of_service(service.name.as_str(), &["ports", &port.target.to_string()])
    }
}

fn publishes(service: &Service) -> bool {
    matches!(
        service.networking.attachment,
        Attachment::Networks(_) | Attachment::Bridge | Attachment::Named(_)
    )
}

fn is_fixed(port: &Port) -> bool {
    port.published.is_some_and(|range| range.start == range.end)
}

fn clash(a: &Port, b: &Port) -> bool {
    let every = |port: &Port| port.host_ip.is_none_or(|ip| ip.is_unspecified());
    a.protocol == b.protocol && a.published == b.published && (every(a) || every(b) || a.host_ip == b.host_ip)
}
