//! Looking at the engine's state for a plan.

use super::labels;
use super::observed::{Observed, ObservedContainer, ObservedPort, ObservedResource, ObservedState};
use super::progress::ProjectSummary;
use crate::records::{MountRecord, Phase, RunRecord};
use crate::state::{Container, State};
use crate::{Engine, error::EngineError};
use compose::model::{Project, Protocol};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

impl Engine {
    /// What a plan for the project needs to know. Routes of the host are looked up by [`Engine::host_routes`].
    pub(super) async fn observe(&self, project: Option<&Project>) -> Result<Observed, EngineError> {
        let references: BTreeSet<String> = project
            .into_iter()
            .flat_map(|project| {
                project
                    .services
                    .values()
                    .chain(project.disabled_services.values())
                    .map(|s| project.image_of(s))
            })
            .collect();
        let copied =
            project.filter(|project| !project.secrets.is_empty() || !project.configs.is_empty()).cloned();
        self.blocking(move |engine| {
            let mut observed = observe(&engine.state());
            if let Some(project) = copied {
                observed.file_digests = Engine::file_digests(&project);
            }
            for reference in references {
                match engine.find_image(&reference) {
                    Ok(image) => drop(observed.images.insert(reference, image.id.to_string())),
                    Err(EngineError::NoSuchImage(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(observed)
        })
        .await
    }

    /// Routes of the host that are not of Berth's networks.
    pub(super) async fn host_routes(&self) -> Result<Vec<(ipnet::IpNet, String)>, EngineError> {
        self.blocking(|engine| {
            let occupied =
                engine.inner.fabric.occupied().map_err(EngineError::io("read", "the host's routes"))?;
            Ok(occupied.routes.into_iter().map(|route| (route.destination, route.interface)).collect())
        })
        .await
    }

    /// The projects that have containers.
    pub async fn projects(&self) -> Result<Vec<ProjectSummary>, EngineError> {
        let state = self.state();
        let mut projects: BTreeMap<&str, ProjectSummary> = BTreeMap::new();
        for container in state.containers.values() {
            let own = &container.record.spec.labels;
            let Some(name) = own.get(labels::PROJECT) else { continue };
            let summary = projects.entry(name).or_insert_with(|| ProjectSummary {
                name: name.clone(),
                status: BTreeMap::new(),
                config_files: own.get(labels::CONFIG_FILES).cloned().unwrap_or_default(),
            });
            *summary.status.entry(container.status().to_string()).or_default() += 1;
        }
        Ok(projects.into_values().collect())
    }
}

fn observe(state: &State) -> Observed {
    let whole = state.containers.values().filter(|c| !c.record.half_made && !c.live.removing);
    let networks = state.networks.values().map(|record| {
        let subnets = record.spec.subnets.iter().map(|subnet| subnet.net).collect();
        (record.name.clone(), ObservedResource { labels: record.labels.clone(), subnets })
    });
    let volumes = state.volumes.values().map(|record| {
        (record.name.to_string(), ObservedResource { labels: record.labels.clone(), subnets: Vec::new() })
    });
    Observed {
        containers: whole.map(|container| observe_container(state, container)).collect(),
        networks: networks.collect(),
        volumes: volumes.collect(),
        images: BTreeMap::new(),
        file_digests: BTreeMap::new(),
        host_routes: Vec::new(),
    }
}

fn observe_container(state: &State, container: &Container) -> ObservedContainer {
    let record = &container.record;
    let name_of = |id: &str| state.networks.get(id).map(|network| network.name.clone());
    let run = container.state.phase.run();
    let endpoints = run.map(|run| run.endpoints.as_slice()).unwrap_or_default();
    let addresses = endpoints.iter().filter_map(|endpoint| {
        let v4 = endpoint.ipv4.map(IpAddr::V4);
        let v6 = endpoint.ipv6.map(IpAddr::V6);
        Some((name_of(endpoint.network.as_str())?, v4.into_iter().chain(v6).collect()))
    });
    ObservedContainer {
        id: record.id.to_string(),
        name: record.name.clone(),
        labels: record.spec.labels.clone(),
        image_id: record.image_id.clone(),
        state: observe_state(container),
        networks: record.networks.keys().filter_map(|id| name_of(id.as_str())).collect(),
        addresses: addresses.collect(),
        published: run.map(published).unwrap_or_default(),
        anonymous_volumes: record.mounts.iter().filter_map(anonymous_volume).collect(),
    }
}

fn observe_state(container: &Container) -> ObservedState {
    match &container.state.phase {
        Phase::Created => ObservedState::Created,
        Phase::Running(_) if container.live.paused => ObservedState::Paused,
        Phase::Starting(_) | Phase::Running(_) | Phase::Restarting => ObservedState::Running,
        Phase::Exited => ObservedState::Exited {
            code: container.state.exit_code,
            by_itself: !container.state.stopped_by_hand,
        },
    }
}

fn published(run: &RunRecord) -> Vec<ObservedPort> {
    let port = |port: &network::PublishedPort| ObservedPort {
        host_ip: port.host_ip,
        port: port.host_port,
        protocol: match port.protocol {
            network::Protocol::Tcp => Protocol::Tcp,
            network::Protocol::Udp => Protocol::Udp,
        },
    };
    run.ports.iter().map(port).collect()
}

fn anonymous_volume(mount: &MountRecord) -> Option<(String, String)> {
    let volume = mount.volume.as_ref().filter(|_| mount.anonymous)?;
    Some((mount.target.display().to_string(), volume.to_string()))
}
