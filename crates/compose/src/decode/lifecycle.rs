//! Dependencies, health, restarting and stopping of a service.

use super::cursor::Cursor;
use super::fields::Fields;
use super::file_object::key;
use crate::model::{Condition, Dependency, HealthTest, Healthcheck, Lifecycle, RestartPolicy, ServiceName};
use crate::report::Finding;
use std::collections::BTreeMap;

/// The keys of [`Lifecycle`]; what other keys imply is added by the caller.
pub(super) fn lifecycle(fields: &Fields<'_>) -> Lifecycle {
    Lifecycle {
        depends_on: fields.parse("depends_on", depends_on).unwrap_or_default(),
        healthcheck: fields.parse("healthcheck", healthcheck),
        restart: fields.parse("restart", restart).unwrap_or_default(),
        restart_delay: None,
        stop_signal: fields.parse("stop_signal", |c| c.text_or_number().map(str::to_owned)),
        stop_grace_period: fields.parse("stop_grace_period", Cursor::duration),
    }
}

fn depends_on(cursor: &Cursor<'_>) -> Option<BTreeMap<ServiceName, Dependency>> {
    if !cursor.is_mapping() {
        let names = cursor.items_or_mapping()?;
        return Some(names.iter().filter_map(key).map(|name| (name, Dependency::default())).collect());
    }
    let mut out = BTreeMap::new();
    for (name, entry) in cursor.entries()? {
        match ServiceName::new(name) {
            Ok(name) => out.extend(dependency(&entry).map(|dependency| (name, dependency))),
            Err(error) => entry.report(Finding::error(entry.key_span(), error.to_string())),
        }
    }
    Some(out)
}

fn dependency(cursor: &Cursor<'_>) -> Option<Dependency> {
    if cursor.is_null() {
        return Some(Dependency::default());
    }
    let fields = cursor.fields()?;
    let dependency = Dependency {
        condition: fields.parse("condition", condition).unwrap_or_default(),
        restart: fields.boolean("restart").unwrap_or(false),
        required: fields.boolean("required").unwrap_or(true),
    };
    fields.finish();
    Some(dependency)
}

fn condition(cursor: &Cursor<'_>) -> Option<Condition> {
    match cursor.text()? {
        "service_started" => Some(Condition::ServiceStarted),
        "service_healthy" => Some(Condition::ServiceHealthy),
        "service_completed_successfully" => Some(Condition::ServiceCompletedSuccessfully),
        other => cursor.fail(
            format!("cannot be `{other}`"),
            "write `service_started`, `service_healthy` or `service_completed_successfully`",
        ),
    }
}

fn healthcheck(cursor: &Cursor<'_>) -> Option<Healthcheck> {
    let fields = cursor.fields()?;
    let test = fields.parse("test", health_test).unwrap_or_default();
    let disable = fields.boolean("disable").unwrap_or(false);
    let health = Healthcheck {
        test: if disable { HealthTest::Disabled } else { test },
        interval: fields.parse("interval", Cursor::duration),
        timeout: fields.parse("timeout", Cursor::duration),
        retries: fields.integer("retries"),
        start_period: fields.parse("start_period", Cursor::duration),
        start_interval: fields.parse("start_interval", Cursor::duration),
    };
    fields.finish();
    Some(health)
}

fn health_test(cursor: &Cursor<'_>) -> Option<HealthTest> {
    if cursor.is_scalar() {
        return Some(HealthTest::Shell(cursor.text()?.to_owned()));
    }
    let words = cursor.texts()?;
    match words.split_first() {
        None => Some(HealthTest::Inherit),
        Some((first, [])) if first == "NONE" => Some(HealthTest::Disabled),
        Some((first, rest)) if first == "CMD" && !rest.is_empty() => Some(HealthTest::Command(rest.to_vec())),
        Some((first, [line])) if first == "CMD-SHELL" => Some(HealthTest::Shell(line.clone())),
        _ => cursor.fail(
            "must start with `CMD`, `CMD-SHELL` or `NONE`",
            "write `[\"CMD\", \"program\", \"argument\"]`, or a single line for a shell",
        ),
    }
}

fn restart(cursor: &Cursor<'_>) -> Option<RestartPolicy> {
    let text = cursor.text()?;
    let (name, retries) = match text.split_once(':') {
        Some((name, retries)) => (name, Some(retries)),
        None => (text, None),
    };
    match (name, retries.map(str::parse)) {
        ("no" | "", None) => Some(RestartPolicy::No),
        ("always", None) => Some(RestartPolicy::Always),
        ("unless-stopped", None) => Some(RestartPolicy::UnlessStopped),
        ("on-failure", None) => Some(RestartPolicy::OnFailure { max_retries: None }),
        ("on-failure", Some(Ok(max))) => Some(RestartPolicy::OnFailure { max_retries: Some(max) }),
        _ => cursor.fail(
            format!("cannot be `{text}`"),
            "write `\"no\"`, `always`, `unless-stopped`, `on-failure` or `on-failure:3`",
        ),
    }
}
