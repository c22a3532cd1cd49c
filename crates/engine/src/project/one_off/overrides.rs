//! A service → what one container of `run` is made from. Pure.

use crate::project::options::RunOptions;
use crate::spec::ContainerSpec;
use compose::model::{Attachment, RestartPolicy, Service};
use std::collections::BTreeMap;

/// The service as one container of `run` sees it: it is never restarted, and has no ports, names and fixed addresses
/// in its networks but those that are asked for, so that it can run beside the service's own containers.
pub(super) fn service_of(service: &Service, options: &RunOptions) -> Service {
    let mut service = service.clone();
    service.container_name = None;
    service.lifecycle.restart = RestartPolicy::No;
    if !options.service_ports {
        service.networking.ports.clear();
    }
    if !options.use_aliases {
        service.networking.mac_address = None;
        if let Attachment::Networks(networks) = &mut service.networking.attachment {
            for network in networks.values_mut() {
                network.aliases.clear();
                network.ipv4_address = None;
                network.ipv6_address = None;
                network.mac_address = None;
            }
        }
    }
    service
}

/// Puts what was asked for over what the service says.
pub(super) fn apply(spec: &mut ContainerSpec, service: &Service, options: &RunOptions, asked: ContainerSpec) {
    if !options.use_aliases {
        for endpoint in spec.network.endpoints.values_mut() {
            endpoint.aliases.retain(|alias| alias != service.name.as_str());
        }
    }
    spec.name = asked.name.or(spec.name.take());
    if asked.entrypoint.is_some() {
        // The service's command was meant for its own entry point.
        spec.entrypoint = asked.entrypoint;
        spec.command = asked.command;
    } else if asked.command.is_some() {
        spec.command = asked.command;
    }
    spec.env.extend(asked.env);
    spec.user = asked.user.or(spec.user.take());
    spec.working_dir = asked.working_dir.or(spec.working_dir.take());
    spec.streams = asked.streams;
    spec.auto_remove = asked.auto_remove;
    spec.network.ports.extend(asked.network.ports);
    spec.exposed.extend(asked.exposed);
    spec.mounts.retain(|mount| asked.mounts.iter().all(|other| other.target != mount.target));
    spec.mounts.extend(asked.mounts);
    spec.security.cap_add.extend(asked.security.cap_add);
    spec.security.cap_drop.extend(asked.security.cap_drop);
    // Labels of the project stay: they say whose the container is.
    let own = std::mem::take(&mut spec.labels);
    spec.labels = with_labels(own, asked.labels);
}

fn with_labels(own: BTreeMap<String, String>, asked: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let reserved = |name: &str| name.starts_with("com.docker.compose.");
    let mut labels = own;
    labels.extend(asked.into_iter().filter(|(name, _)| !reserved(name)));
    labels
}
