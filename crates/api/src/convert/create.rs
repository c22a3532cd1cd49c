//! `ContainerCreateBody` to [`ContainerSpec`].

mod mounts;
mod network;
mod process;
mod resources;
mod security;

pub(crate) use network::endpoint;
pub(crate) use resources::{resources as resources_of, restart as restart_policy};

use crate::error::BadRequest;
use bollard_stubs::models::{ContainerCreateBody, HostConfig};
use engine::spec::{ContainerName, ContainerSpec};
use std::collections::{BTreeMap, HashMap};

/// Reads a create request. `name` and `platform` are query parameters of the call.
pub(crate) fn container_spec(
    name: Option<&str>,
    platform: Option<String>,
    body: ContainerCreateBody,
) -> Result<ContainerSpec, BadRequest> {
    let mut body = body;
    let host = body.host_config.take().unwrap_or_default();
    let networking = body.networking_config.take().unwrap_or_default();
    let name = name.map(ContainerName::parse).transpose();
    let mut spec = ContainerSpec {
        name: name.map_err(|error| BadRequest::field("name", error.to_string()))?,
        platform,
        ..process::spec(&body, &host)?
    };
    spec.mounts = mounts::mounts(&body, &host)?;
    spec.volumes_from = list(&host.volumes_from);
    spec.network = network::settings(&body, &host, networking)?;
    spec.resources = resources::resources(&host)?;
    spec.security = security::settings(&host)?;
    spec.restart = resources::restart(&host)?;
    spec.log = resources::log(&host)?;
    finish(&mut spec, &host)?;
    Ok(spec)
}

fn finish(spec: &mut ContainerSpec, host: &HostConfig) -> Result<(), BadRequest> {
    spec.auto_remove = host.auto_remove.unwrap_or_default();
    spec.init = host.init;
    spec.runtime = text(&host.runtime).filter(|name| name != "berth");
    spec.shm_size = unsigned("ShmSize", host.shm_size)?;
    spec.sysctls = sorted(&host.sysctls);
    spec.cgroup_parent = text(&host.cgroup_parent);
    spec.annotations = sorted(&host.annotations);
    if spec.auto_remove && spec.restart != engine::spec::RestartPolicy::No {
        return Err(BadRequest::field(
            "RestartPolicy",
            "a container that is removed when it exits (AutoRemove) cannot be restarted",
        ));
    }
    Ok(())
}

/// A text, unless it is empty.
fn text(value: &Option<String>) -> Option<String> {
    value.clone().filter(|text| !text.is_empty())
}

fn list(value: &Option<Vec<String>>) -> Vec<String> {
    value.clone().unwrap_or_default()
}

fn sorted(value: &Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    value.iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// A size or count for which 0 means "not set".
fn unsigned(field: &'static str, value: Option<i64>) -> Result<Option<u64>, BadRequest> {
    match value {
        None | Some(0) => Ok(None),
        Some(number) => u64::try_from(number)
            .map(Some)
            .map_err(|_| BadRequest::field(field, format!("{number} is negative"))),
    }
}

#[cfg(test)]
mod tests;
