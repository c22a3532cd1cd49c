//! `deploy`.

use super::cursor::Cursor;
use super::fields::Fields;
use super::volumes::one_of;
use crate::model::{
    Deploy, DeployMode, DeployResources, DeployRestart, DeployRestartCondition, Placement, ResourceSpec,
    UpdateConfig,
};

/// `deploy`.
pub(super) fn deploy(cursor: &Cursor<'_>) -> Option<Deploy> {
    let fields = cursor.fields()?;
    let deploy = Deploy {
        mode: fields.parse("mode", mode).unwrap_or_default(),
        replicas: fields.integer("replicas"),
        endpoint_mode: fields.parse("endpoint_mode", |c| one_of(c, &["vip", "dnsrr"])),
        labels: fields.pairs("labels"),
        resources: fields.parse("resources", resources).unwrap_or_default(),
        restart_policy: fields.parse("restart_policy", restart_policy),
        update_config: fields.parse("update_config", update_config),
        rollback_config: fields.parse("rollback_config", update_config),
        placement: fields.parse("placement", placement).unwrap_or_default(),
    };
    warn_of_unsupported(&fields);
    fields.finish();
    Some(deploy)
}

fn warn_of_unsupported(fields: &Fields<'_>) {
    fields.unsupported("placement", "everything runs on this host");
    fields.unsupported("update_config", "changed containers are replaced at once");
    fields.unsupported("rollback_config", "a failed change is not rolled back");
}

fn mode(cursor: &Cursor<'_>) -> Option<DeployMode> {
    match cursor.text()? {
        "replicated" => Some(DeployMode::Replicated),
        "global" => Some(DeployMode::Global),
        "replicated-job" => Some(DeployMode::ReplicatedJob),
        "global-job" => Some(DeployMode::GlobalJob),
        other => cursor.fail(
            format!("cannot be `{other}`"),
            "write `replicated`, `global`, `replicated-job` or `global-job`",
        ),
    }
}

fn resources(cursor: &Cursor<'_>) -> Option<DeployResources> {
    let fields = cursor.fields()?;
    let resources = DeployResources {
        limits: fields.parse("limits", |c| resource_spec(c, false)).unwrap_or_default(),
        reservations: fields.parse("reservations", |c| resource_spec(c, true)).unwrap_or_default(),
    };
    fields.finish();
    Some(resources)
}

fn resource_spec(cursor: &Cursor<'_>, reservation: bool) -> Option<ResourceSpec> {
    let fields = cursor.fields()?;
    let mut spec = ResourceSpec {
        nano_cpus: fields.parse("cpus", Cursor::nano_cpus),
        memory: fields.parse("memory", Cursor::bytes),
        pids: None,
    };
    if reservation {
        fields.unsupported("cpus", "CPUs are not reserved on one host");
        fields.unsupported("devices", "no devices are reserved");
        fields.unsupported("generic_resources", "no devices are reserved");
    } else {
        spec.pids = fields.integer("pids");
    }
    fields.finish();
    Some(spec)
}

fn restart_policy(cursor: &Cursor<'_>) -> Option<DeployRestart> {
    let fields = cursor.fields()?;
    let policy = DeployRestart {
        condition: fields.parse("condition", restart_condition).unwrap_or_default(),
        delay: fields.parse("delay", Cursor::duration),
        max_attempts: fields.integer("max_attempts"),
        window: fields.parse("window", Cursor::duration),
    };
    fields.unsupported("window", "a container that runs for ten seconds counts as started");
    fields.finish();
    Some(policy)
}

fn restart_condition(cursor: &Cursor<'_>) -> Option<DeployRestartCondition> {
    match cursor.text()? {
        "none" | "no" => Some(DeployRestartCondition::None),
        "on-failure" => Some(DeployRestartCondition::OnFailure),
        "any" | "always" | "unless-stopped" => Some(DeployRestartCondition::Any),
        other => cursor.fail(format!("cannot be `{other}`"), "write `none`, `on-failure` or `any`"),
    }
}

fn update_config(cursor: &Cursor<'_>) -> Option<UpdateConfig> {
    let fields = cursor.fields()?;
    let config = UpdateConfig {
        parallelism: fields.integer("parallelism"),
        delay: fields.parse("delay", Cursor::duration),
        failure_action: fields.parse("failure_action", |c| one_of(c, &["continue", "pause", "rollback"])),
        monitor: fields.parse("monitor", Cursor::duration),
        max_failure_ratio: fields.parse("max_failure_ratio", Cursor::float),
        order: fields.parse("order", |c| one_of(c, &["stop-first", "start-first"])),
    };
    fields.finish();
    Some(config)
}

fn placement(cursor: &Cursor<'_>) -> Option<Placement> {
    let fields = cursor.fields()?;
    let preferences = fields.get("preferences").and_then(|c| c.items()).unwrap_or_default();
    let placement = Placement {
        constraints: fields.texts("constraints"),
        spread: preferences.iter().filter_map(spread).collect(),
        max_replicas_per_node: fields.integer("max_replicas_per_node"),
    };
    fields.finish();
    Some(placement)
}

fn spread(cursor: &Cursor<'_>) -> Option<String> {
    let fields = cursor.fields()?;
    let spread = fields.text("spread");
    fields.finish();
    spread
}
