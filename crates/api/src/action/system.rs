//! The engine itself: ping, version, information, events, disk usage.

use super::{
    Action,
    containers::{Filters, time_of},
};
use crate::{
    convert::{self, signed},
    error::BadRequest,
    input::Input,
    reply::{self, Reply},
    routes::{Table, routes},
    server::{API_VERSION, MIN_API_VERSION},
};
use bollard_stubs::models::{
    EventActor, EventMessage, EventMessageScopeEnum, EventMessageTypeEnum, PluginsInfo, SystemInfo,
    SystemInfoCgroupDriverEnum, SystemInfoCgroupVersionEnum, SystemVersion, SystemVersionComponents,
    SystemVersionPlatform,
};
use engine::{
    Engine, EngineError,
    event::{Event, EventKind, EventQuery},
    op::EventFilter,
};
use futures_util::StreamExt as _;
use serde_json::json;
use time::OffsetDateTime;

/// What can be asked of the engine itself.
#[derive(Debug)]
pub(crate) enum SystemAction {
    Ping,
    Version,
    Info,
    Events(Box<EventQuery>),
    DiskUsage,
    Doctor,
    Stop,
}

pub(crate) const ROUTES: Table = routes! {
    GET "/_ping" None "Whether the engine answers" => |_| Ok(Action::System(SystemAction::Ping));
    HEAD "/_ping" None "Whether the engine answers" => |_| Ok(Action::System(SystemAction::Ping));
    GET "/version" None "Versions of the engine and the API" => |_| Ok(Action::System(SystemAction::Version));
    GET "/info" None "What the engine and its host are" => |_| Ok(Action::System(SystemAction::Info));
    GET "/events" None "What happens, as a stream" => events;
    GET "/system/df" None "What takes space on disk" => |_| Ok(Action::System(SystemAction::DiskUsage));
    GET "/berth/doctor" None "Checks of the host" => |_| Ok(Action::System(SystemAction::Doctor));
    POST "/berth/engine/stop" None "Stop the engine; containers go on" => |_| Ok(Action::System(SystemAction::Stop));
};

fn events(input: Input) -> Result<Action, BadRequest> {
    let mut filters = Filters::of(&input.query)?;
    let filter = EventFilter {
        types: filters.take("type"),
        actions: filters.take("event"),
        containers: filters.take("container"),
        images: filters.take("image"),
        networks: filters.take("network"),
        volumes: filters.take("volume"),
        labels: filters.labels("label"),
    };
    for ignored in ["scope", "daemon", "node", "plugin", "secret", "config", "service"] {
        filters.take(ignored);
    }
    filters.finish()?;
    let query =
        EventQuery { since: time_of(&input.query, "since")?, until: time_of(&input.query, "until")?, filter };
    Ok(Action::System(SystemAction::Events(Box::new(query))))
}

pub(crate) async fn execute(engine: &Engine, action: SystemAction) -> Result<Reply, EngineError> {
    match action {
        SystemAction::Ping => {
            let mut reply = reply::text("OK");
            let headers = reply.headers_mut();
            headers.insert("builder-version", hyper::header::HeaderValue::from_static("1"));
            headers.insert("docker-experimental", hyper::header::HeaderValue::from_static("false"));
            headers.insert(
                "cache-control",
                hyper::header::HeaderValue::from_static("no-cache, no-store, must-revalidate"),
            );
            Ok(reply)
        }
        SystemAction::Version => Ok(reply::json(&version(&engine.info().await?))),
        SystemAction::Info => Ok(reply::json(&info(&engine.info().await?))),
        SystemAction::Events(query) => {
            let events = engine.events(*query).await?;
            Ok(reply::json_lines(events.map(|event| message(&event))))
        }
        SystemAction::DiskUsage => disk_usage(engine).await,
        SystemAction::Doctor => Ok(reply::json(&engine.doctor().await?)),
        SystemAction::Stop => {
            engine.request_stop();
            Ok(reply::no_content())
        }
    }
}

fn version(info: &engine::snapshot::SystemInfo) -> SystemVersion {
    let own = env!("CARGO_PKG_VERSION").to_owned();
    SystemVersion {
        platform: Some(SystemVersionPlatform { name: "Berth".to_owned() }),
        components: Some(vec![SystemVersionComponents {
            name: "Engine".to_owned(),
            version: own.clone(),
            details: None,
        }]),
        version: Some(own),
        api_version: Some(API_VERSION.to_owned()),
        min_api_version: Some(MIN_API_VERSION.to_owned()),
        os: Some("linux".to_owned()),
        arch: Some(go_architecture(&info.architecture)),
        kernel_version: Some(info.kernel.clone()),
        ..SystemVersion::default()
    }
}

fn go_architecture(machine: &str) -> String {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
    .to_owned()
}

fn count(number: usize) -> Option<i64> {
    i64::try_from(number).ok()
}

fn info(info: &engine::snapshot::SystemInfo) -> SystemInfo {
    let words = |words: &[&str]| Some(words.iter().map(ToString::to_string).collect());
    SystemInfo {
        id: Some(info.id.clone()),
        containers: count(info.running + info.paused + info.stopped),
        containers_running: count(info.running),
        containers_paused: count(info.paused),
        containers_stopped: count(info.stopped),
        images: count(info.images),
        driver: Some("overlay2".to_owned()),
        docker_root_dir: Some(info.root.display().to_string()),
        plugins: Some(PluginsInfo {
            volume: words(&["local"]),
            network: words(&["bridge", "host", "null"]),
            log: words(&["json-file", "none"]),
            authorization: None,
        }),
        memory_limit: Some(true),
        swap_limit: Some(true),
        cpu_cfs_period: Some(true),
        cpu_cfs_quota: Some(true),
        cpu_shares: Some(true),
        cpu_set: Some(true),
        pids_limit: Some(true),
        ipv4_forwarding: Some(true),
        system_time: Some(convert::timestamp(OffsetDateTime::now_utc())),
        logging_driver: Some("json-file".to_owned()),
        cgroup_driver: Some(SystemInfoCgroupDriverEnum::CGROUPFS),
        cgroup_version: Some(match info.cgroup_version {
            2 => SystemInfoCgroupVersionEnum::_2,
            _ => SystemInfoCgroupVersionEnum::_1,
        }),
        n_events_listener: count(info.event_listeners),
        kernel_version: Some(info.kernel.clone()),
        operating_system: Some(info.operating_system.clone()),
        os_version: Some(info.os_version.clone()),
        os_type: Some("linux".to_owned()),
        architecture: Some(info.architecture.clone()),
        ncpu: count(info.cpus),
        mem_total: Some(signed(info.memory)),
        name: Some(info.hostname.clone()),
        server_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        default_runtime: Some("berth".to_owned()),
        live_restore_enabled: Some(true),
        security_options: words(&["name=seccomp,profile=builtin"]),
        warnings: Some(info.warnings.clone()),
        ..SystemInfo::default()
    }
}

fn message(event: &Event) -> EventMessage {
    EventMessage {
        typ: Some(match event.kind {
            EventKind::Container => EventMessageTypeEnum::CONTAINER,
            EventKind::Image => EventMessageTypeEnum::IMAGE,
            EventKind::Network => EventMessageTypeEnum::NETWORK,
            EventKind::Volume => EventMessageTypeEnum::VOLUME,
            EventKind::Builder => EventMessageTypeEnum::BUILDER,
            EventKind::Daemon => EventMessageTypeEnum::DAEMON,
        }),
        action: Some(event.action.clone()),
        actor: Some(EventActor {
            id: Some(event.actor.clone()),
            attributes: Some(convert::map(&event.attributes)),
        }),
        scope: Some(EventMessageScopeEnum::LOCAL),
        time: Some(event.time.unix_timestamp()),
        time_nano: i64::try_from(event.time.unix_timestamp_nanos()).ok(),
    }
}

async fn disk_usage(engine: &Engine) -> Result<Reply, EngineError> {
    let usage = engine.disk_usage().await?;
    let now = OffsetDateTime::now_utc();
    let containers: Vec<_> =
        usage.containers.iter().map(|one| convert::summary::container(one, now)).collect();
    let images: Vec<_> = usage.images.iter().map(convert::image::summary).collect();
    let volumes: Vec<_> = usage.volumes.iter().map(convert::volume::inspect).collect();
    Ok(reply::json(&json!({
        "LayersSize": usage.layers,
        "Images": images,
        "Containers": containers,
        "Volumes": volumes,
        "BuildCache": [],
        "BuildCacheSize": usage.build_cache,
    })))
}
