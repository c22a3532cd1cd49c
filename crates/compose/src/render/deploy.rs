//! `deploy` as written.

use super::object::Object;
use super::values::{bytes, cpus, duration};
use crate::model::{Deploy, DeployMode, DeployRestart, DeployRestartCondition, ResourceSpec, UpdateConfig};

pub(super) fn deploy(deploy: &Deploy) -> Object {
    let mut out = Object::default();
    let mode = match deploy.mode {
        DeployMode::Replicated => None,
        DeployMode::Global => Some("global"),
        DeployMode::ReplicatedJob => Some("replicated-job"),
        DeployMode::GlobalJob => Some("global-job"),
    };
    out.option("mode", mode);
    out.option("replicas", deploy.replicas);
    out.text("endpoint_mode", deploy.endpoint_mode.as_deref());
    out.pairs("labels", &deploy.labels);
    let mut resources = Object::default();
    resources.object("limits", resource_spec(&deploy.resources.limits));
    resources.object("reservations", resource_spec(&deploy.resources.reservations));
    out.object("resources", resources);
    if let Some(policy) = &deploy.restart_policy {
        out.object("restart_policy", restart_policy(policy));
    }
    for (key, config) in
        [("update_config", &deploy.update_config), ("rollback_config", &deploy.rollback_config)]
    {
        if let Some(config) = config {
            out.object(key, update_config(config));
        }
    }
    let mut placement = Object::default();
    placement.texts("constraints", &deploy.placement.constraints);
    placement.list(
        "preferences",
        deploy.placement.spread.iter().map(|spread| {
            let mut out = Object::default();
            out.text("spread", Some(spread));
            out
        }),
    );
    placement.option("max_replicas_per_node", deploy.placement.max_replicas_per_node);
    out.object("placement", placement);
    out
}

fn resource_spec(spec: &ResourceSpec) -> Object {
    let mut out = Object::default();
    out.option("cpus", spec.nano_cpus.map(cpus));
    out.option("memory", spec.memory.map(bytes));
    out.option("pids", spec.pids);
    out
}

fn restart_policy(policy: &DeployRestart) -> Object {
    let mut out = Object::default();
    out.set(
        "condition",
        match policy.condition {
            DeployRestartCondition::None => "none",
            DeployRestartCondition::OnFailure => "on-failure",
            DeployRestartCondition::Any => "any",
        },
    );
    out.option("delay", policy.delay.map(duration));
    out.option("max_attempts", policy.max_attempts);
    out.option("window", policy.window.map(duration));
    out
}

fn update_config(config: &UpdateConfig) -> Object {
    let mut out = Object::default();
    out.option("parallelism", config.parallelism);
    out.option("delay", config.delay.map(duration));
    out.text("failure_action", config.failure_action.as_deref());
    out.option("monitor", config.monitor.map(duration));
    out.option("max_failure_ratio", config.max_failure_ratio);
    out.text("order", config.order.as_deref());
    out
}
