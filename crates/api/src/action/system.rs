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
    EventActor, EventMessage, EventMessageScopeEnum, EventMessageTypeEnum, LocalNodeState, PluginsInfo,
    RegistryServiceConfig, Runtime, SwarmInfo, SystemInfo, SystemInfoCgroupDriverEnum,
    SystemInfoCgroupVersionEnum, SystemVersion, SystemVersionComponents, SystemVersionPlatform,
};
use engine::{
    Engine, EngineError,
    event::{Event, EventKind, EventQuery},
    op::EventFilter,
};
use futures_util::StreamExt as _;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use time::OffsetDateTime;

/// What can be asked of the engine itself.
#[derive(Debug)]
pub(crate) enum SystemAction {
    Ping,
    Version,
    Info,
    Events(Box<EventQuery>),
    /// Of these kinds of things; of all if none is named.
    DiskUsage(Vec<String>),
    Doctor,
    Stop,
}

pub(crate) const ROUTES: Table = routes! {
    GET "/_ping" None "Whether the engine answers" => |_| Ok(Action::System(SystemAction::Ping));
    HEAD "/_ping" None "Whether the engine answers" => |_| Ok(Action::System(SystemAction::Ping));
    GET "/version" None "Versions of the engine and the API" => |_| Ok(Action::System(SystemAction::Version));
    GET "/info" None "What the engine and its host are" => |_| Ok(Action::System(SystemAction::Info));
    GET "/events" None "What happens, as a stream" => events;
    GET "/system/df" None "What takes space on disk" => disk_usage_of;
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
        SystemAction::DiskUsage(kinds) => disk_usage(engine, &kinds).await,
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
            details: Some(details(&info.architecture, &info.kernel)),
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

/// What `docker version` prints below a component.
fn details(machine: &str, kernel: &str) -> HashMap<String, String> {
    let pairs = [
        ("ApiVersion", API_VERSION),
        ("MinAPIVersion", MIN_API_VERSION),
        ("Os", "linux"),
        ("Arch", &go_architecture(machine)),
        ("KernelVersion", kernel),
        ("Experimental", "false"),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
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
        runtimes: Some([("berth".to_owned(), Runtime::default())].into()),
        swarm: Some(SwarmInfo { local_node_state: Some(LocalNodeState::INACTIVE), ..SwarmInfo::default() }),
        index_server_address: Some("https://index.docker.io/v1/".to_owned()),
        registry_config: Some(RegistryServiceConfig::default()),
        labels: Some(Vec::new()),
        oom_kill_disable: Some(info.cgroup_version == 1),
        debug: Some(false),
        experimental_build: Some(false),
        security_options: words(&["name=seccomp,profile=builtin"]),
        warnings: Some(info.warnings.clone()),
        ..SystemInfo::default()
    }
}

/// An event. What `docker events` read until 1.21 stands beside it still, and clients do read it.
fn message(event: &Event) -> Value {
    let document = EventMessage {
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
    };
    let mut document = serde_json::to_value(document).unwrap_or_default();
    if matches!(event.kind, EventKind::Container | EventKind::Image) {
        document["status"] = event.action.clone().into();
        document["id"] = event.actor.clone().into();
        if let Some(image) = event.attributes.get("image") {
            document["from"] = image.clone().into();
        }
    }
    document
}

fn disk_usage_of(input: Input) -> Result<Action, BadRequest> {
    let kinds: Vec<String> = input.query.all("type").map(str::to_owned).collect();
    match kinds.iter().find(|kind| !["container", "image", "volume", "build-cache"].contains(&kind.as_str()))
    {
        Some(other) => Err(BadRequest::field("type", format!("unknown object type: {other}"))),
        None => Ok(Action::System(SystemAction::DiskUsage(kinds))),
    }
}

async fn disk_usage(engine: &Engine, kinds: &[String]) -> Result<Reply, EngineError> {
    let usage = engine.disk_usage().await?;
    let now = OffsetDateTime::now_utc();
    let containers: Vec<_> =
        usage.containers.iter().map(|one| convert::summary::container(one, now)).collect();
    let images: Vec<_> = usage.images.iter().map(convert::image::summary).collect();
    let volumes: Vec<_> = usage.volumes.iter().map(convert::volume::inspect).collect();
    let mut document = Map::new();
    let mut show = |kind: &str, key: &str, value: Value| {
        if kinds.is_empty() || kinds.iter().any(|wanted| wanted == kind) {
            document.insert(key.to_owned(), value);
        }
    };
    show("image", "LayersSize", json!(usage.layers));
    show("image", "Images", json!(images));
    show("container", "Containers", json!(containers));
    show("volume", "Volumes", json!(volumes));
    show("build-cache", "BuildCache", json!([]));
    show("build-cache", "BuildCacheSize", json!(usage.build_cache));
    Ok(reply::json(&document))
}
