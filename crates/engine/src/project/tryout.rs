//! Trying out what a plan needs from the host, before its first step.

use super::convert::{About, container_spec};
use super::observed::Observed;
use super::plan::{Action, Plan, Slot};
use super::preflight::{Problem, clash, fixed_ports};
use crate::{Engine, chain};
use compose::model::{Port, Project, Protocol, Service};
use network::{PortRequest, PortReservation, ReserveError};
use std::collections::BTreeSet;

impl Engine {
    /// Binds every port that will be needed, makes every container's specification, and gives all back. Blocks.
    pub(super) fn try_out(&self, project: &Project, plan: &Plan, observed: &Observed) -> Vec<String> {
        let mut problems = self.try_specs(project, plan);
        problems.extend(try_ports(project, plan, observed).iter().map(ToString::to_string));
        problems
    }

    fn try_specs(&self, project: &Project, plan: &Plan) -> Vec<String> {
        let created = plan.steps.iter().filter_map(|step| match &step.action {
            Action::Create { slot, .. } => Some(&slot.service),
            _ => None,
        });
        let mut problems = Vec::new();
        for name in created.collect::<BTreeSet<_>>() {
            let Some(service) = project.services.get(name.as_str()) else { continue };
            let files = match self.service_files(project, service) {
                Ok(files) => files,
                Err(error) => {
                    problems.push(format!("`{name}`: {}", chain(&error)));
                    continue;
                }
            };
            // Providers are there by the time a container is made: any id stands for them here.
            let id = "0".repeat(64);
            let providers = project.services.keys().map(|name| (name.clone(), id.clone())).collect();
            let about =
                About { name: format!("{}-{name}-1", project.name), providers, files, ..About::default() };
            problems.extend(container_spec(project, service, &about).err().map(|error| error.to_string()));
        }
        problems
    }
}

/// Binds the fixed ports of what will be started, but for those that containers give back or hold already.
fn try_ports(project: &Project, plan: &Plan, observed: &Observed) -> Vec<Problem> {
    let starting: BTreeSet<&Slot> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Start { slot, .. } => Some(slot),
            _ => None,
        })
        .collect();
    let mut problems = Vec::new();
    for service in starting.iter().filter_map(|slot| project.services.get(slot.service.as_str())) {
        for (number, port) in fixed_ports(service) {
            // What a container holds is the planner's matter: it is given back, or was told already.
            let held = observed.containers.iter().any(|c| c.published.iter().any(|held| clash(held, port)));
            if !held && let Some(problem) = try_port(service, number, port) {
                problems.push(problem);
            }
        }
    }
    problems
}

fn try_port(service: &Service, number: u16, port: &Port) -> Option<Problem> {
    let request = PortRequest {
        host_ip: port.host_ip,
        host_ports: number..=number,
        container_port: port.target,
        protocol: match port.protocol {
            Protocol::Tcp => network::Protocol::Tcp,
            Protocol::Udp => network::Protocol::Udp,
            Protocol::Sctp => return None,
        },
    };
    let error = PortReservation::reserve(std::slice::from_ref(&request)).err()?;
    Some(Problem::PortBusy {
        service: service.name.clone(),
        host_ip: port.host_ip,
        port: number,
        protocol: port.protocol.as_str(),
        reason: match &error {
            ReserveError::Taken { holder: Some(holder), .. } => {
                format!("is taken by the program {} (process {})", holder.name, holder.pid)
            }
            ReserveError::Taken { holder: None, .. } => "is taken by another program".to_owned(),
            other => format!("cannot be had ({})", chain(other)),
        },
    })
}
