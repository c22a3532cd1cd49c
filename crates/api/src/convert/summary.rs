//! A row of the list of containers.

use super::{inspect, map, signed};
use bollard_stubs::models::{
    ContainerSummary, ContainerSummaryHealth, ContainerSummaryHealthStatusEnum, ContainerSummaryHostConfig,
    ContainerSummaryNetworkSettings, ContainerSummaryStateEnum, PortSummary, PortSummaryTypeEnum,
};
use engine::{
    snapshot::{ContainerSnapshot, HealthStatus, PortSnapshot, StateSnapshot, Status},
    spec::Protocol,
};
use time::OffsetDateTime;

/// A container as `docker ps` lists it. `now` is the time that ages are counted to.
pub(crate) fn container(snapshot: &ContainerSnapshot, now: OffsetDateTime) -> ContainerSummary {
    ContainerSummary {
        id: Some(snapshot.id.to_string()),
        names: Some(vec![format!("/{}", snapshot.name)]),
        image: Some(snapshot.spec.image.clone()),
        image_id: Some(snapshot.image_id.clone()),
        command: Some(snapshot.process.argv().join(" ")),
        created: Some(snapshot.created.unix_timestamp()),
        ports: Some(snapshot.ports.iter().map(port).collect()),
        size_rw: snapshot.size_rw.map(signed),
        size_root_fs: snapshot.size_root_fs.map(signed),
        labels: Some(inspect::labels(snapshot)),
        state: Some(state(snapshot.state.status)),
        status: Some(status_line(&snapshot.state, now)),
        host_config: Some(ContainerSummaryHostConfig {
            network_mode: Some(snapshot.spec.network.mode.to_string()),
            annotations: (!snapshot.spec.annotations.is_empty()).then(|| map(&snapshot.spec.annotations)),
        }),
        network_settings: Some(ContainerSummaryNetworkSettings {
            networks: Some(inspect::endpoints(snapshot)),
        }),
        mounts: Some(snapshot.mounts.iter().map(inspect::mount_point).collect()),
        health: Some(health(&snapshot.state)),
        ..ContainerSummary::default()
    }
}

fn health(state: &StateSnapshot) -> ContainerSummaryHealth {
    let status =
        state.health.as_ref().map_or(ContainerSummaryHealthStatusEnum::NONE, |health| match health.status {
            HealthStatus::Starting => ContainerSummaryHealthStatusEnum::STARTING,
            HealthStatus::Healthy => ContainerSummaryHealthStatusEnum::HEALTHY,
            HealthStatus::Unhealthy => ContainerSummaryHealthStatusEnum::UNHEALTHY,
        });
    let streak = state.health.as_ref().map_or(0, |health| health.failing_streak);
    ContainerSummaryHealth { status: Some(status), failing_streak: Some(streak.into()) }
}

fn state(status: Status) -> ContainerSummaryStateEnum {
    match status {
        Status::Created => ContainerSummaryStateEnum::CREATED,
        Status::Running => ContainerSummaryStateEnum::RUNNING,
        Status::Paused => ContainerSummaryStateEnum::PAUSED,
        Status::Restarting => ContainerSummaryStateEnum::RESTARTING,
        Status::Removing => ContainerSummaryStateEnum::REMOVING,
        Status::Exited => ContainerSummaryStateEnum::EXITED,
        Status::Dead => ContainerSummaryStateEnum::DEAD,
    }
}

fn port(port: &PortSnapshot) -> PortSummary {
    PortSummary {
        ip: port.host.map(|(address, _)| address.to_string()),
        private_port: port.container.port,
        public_port: port.host.map(|(_, number)| number),
        typ: Some(match port.container.protocol {
            Protocol::Tcp => PortSummaryTypeEnum::TCP,
            Protocol::Udp => PortSummaryTypeEnum::UDP,
        }),
    }
}

/// `Up 5 minutes (healthy)`, `Exited (0) 2 hours ago`, …
fn status_line(state: &StateSnapshot, now: OffsetDateTime) -> String {
    let since = |time: Option<OffsetDateTime>| time.map(|time| age(now - time)).unwrap_or_default();
    match state.status {
        Status::Created => "Created".to_owned(),
        Status::Dead => "Dead".to_owned(),
        Status::Removing => "Removal In Progress".to_owned(),
        Status::Restarting => format!("Restarting ({}) {} ago", state.exit_code, since(state.finished_at)),
        Status::Exited => format!("Exited ({}) {} ago", state.exit_code, since(state.finished_at)),
        Status::Paused => format!("Up {} (Paused)", since(state.started_at)),
        Status::Running => match &state.health {
            None => format!("Up {}", since(state.started_at)),
            Some(health) if health.status == HealthStatus::Starting => {
                format!("Up {} (health: starting)", since(state.started_at))
            }
            Some(health) => format!("Up {} ({})", since(state.started_at), health.status.as_str()),
        },
    }
}

/// A duration in words, as Docker's tools round it.
fn age(duration: time::Duration) -> String {
    let seconds = duration.whole_seconds().max(0);
    let (minutes, hours) = (seconds / 60, (duration.as_seconds_f64() / 3600.0).round() as i64);
    match seconds {
        0 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".to_owned(),
        120..3600 => format!("{minutes} minutes"),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 14 => format!("{} days", hours / 24),
        _ if hours < 24 * 60 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_docker_writes_them() {
        let words = |seconds| age(time::Duration::seconds(seconds));
        let expected = [
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (150, "2 minutes"),
            (3600, "About an hour"),
            (7200, "2 hours"),
            (48 * 3600, "2 days"),
            (15 * 24 * 3600, "2 weeks"),
            (70 * 24 * 3600, "2 months"),
            (800 * 24 * 3600, "2 years"),
        ];
        for (seconds, text) in expected {
            assert_eq!(words(seconds), text);
        }
    }
}
