//! Golden tests: what a service makes different from a container with every default.

use super::{About, Files, container_spec};
use crate::spec::ContainerSpec;
use compose::model::Project;
use compose::{LoadOptions, load};
use serde_json::{Value, json};
use std::path::PathBuf;

fn project(service: &str) -> Project {
    let rest = "
  db: {image: db, scale: 2}
networks: {n: {ipam: {config: [{subnet: 10.0.0.0/24, gateway: 10.0.0.1}]}}, m: {name: outer}}
volumes: {v: }
secrets: {s: {environment: S}}
configs: {c: {content: text}}
";
    let options = LoadOptions {
        files: vec![PathBuf::from("-")],
        stdin: Some(format!("services:\n  web: {{image: web, {service}}}{rest}")),
        current_dir: PathBuf::from("/shop"),
        project_name: Some("shop".to_owned()),
        environment: [("S".to_owned(), "hidden".to_owned())].into(),
        ..LoadOptions::default()
    };
    load(&options).unwrap_or_else(|error| panic!("{error}")).project
}

fn about(project: &Project) -> About {
    let web = &project.services["web"];
    About {
        name: "shop-web-1".to_owned(),
        providers: [("db".parse().unwrap(), "abc".to_owned())].into(),
        linked: [("db".parse().unwrap(), vec!["shop-db-1".to_owned(), "shop-db-2".to_owned()])].into(),
        inherits: [("/anon".to_owned(), "anon1".to_owned()), ("/image".to_owned(), "anon2".to_owned())]
            .into(),
        files: Files {
            secrets: web.storage.secrets.iter().map(|used| (used.clone(), "/files/1".into())).collect(),
            configs: web.storage.configs.iter().map(|used| (used.clone(), "/files/2".into())).collect(),
            profiles: [("strict.json".to_owned(), "{}".to_owned())].into(),
        },
        ..About::default()
    }
}

fn spec(service: &str) -> Result<ContainerSpec, String> {
    let project = project(service);
    container_spec(&project, &project.services["web"], &about(&project)).map_err(|error| error.to_string())
}

/// The part of a value that is not as in another.
fn difference(value: &Value, usual: &Value) -> Value {
    match (value, usual) {
        (Value::Object(value), Value::Object(usual)) => value
            .iter()
            .filter(|(key, value)| usual.get(*key) != Some(value))
            .map(|(key, value)| {
                (key.clone(), usual.get(key).map_or(value.clone(), |usual| difference(value, usual)))
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        _ => value.clone(),
    }
}

/// What differs from `image: web` on the project's default network.
#[track_caller]
fn assert_differs(service: &str, expected: Value) {
    let plain = serde_json::to_value(spec("init: false").unwrap()).unwrap();
    let made = serde_json::to_value(spec(service).unwrap()).unwrap();
    let mut made = difference(&made, &plain);
    if let Some(object) = made.as_object_mut() {
        object.remove("init");
    }
    assert_eq!(made, expected, "{made:#}");
}

#[test]
fn the_default_network_and_the_service_name_are_always_there() {
    let spec = spec("init: false").unwrap();
    assert_eq!(spec.name.unwrap().as_str(), "shop-web-1");
    assert_eq!(spec.network.mode.to_string(), "shop_default");
    assert_eq!(spec.network.endpoints["shop_default"].aliases, ["web"]);
}

#[test]
fn process_and_lifecycle() {
    assert_differs(
        "command: run it, entrypoint: [], environment: {A: 1, B: }, user: '5', working_dir: /w, tty: true, \
         stdin_open: true, hostname: h, stop_signal: INT, stop_grace_period: 1500ms, restart: 'on-failure:3', \
         healthcheck: {test: 'true', interval: 2s, retries: 5}, labels: {own: label}",
        json!({
            "command": ["run", "it"],
            "entrypoint": [],
            "env": [{"Set": ["A", "1"]}, {"Unset": "B"}],
            "healthcheck": {
                "interval": {"nanos": 0, "secs": 2}, "retries": 5, "start_interval": null, "start_period": null,
                "test": {"Shell": "true"}, "timeout": null,
            },
            "hostname": "h",
            "restart": {"OnFailure": {"max": 3}},
            "stop_signal": 2,
            "stop_timeout": 2,
            "streams": {"open_stdin": true, "tty": true},
            "user": "5",
            "working_dir": "/w",
        }),
    );
}

#[test]
fn networks_ports_and_names() {
    assert_differs(
        "networks: {n: {ipv4_address: 10.0.0.2, aliases: [x]}, m: {priority: 5, gw_priority: 1}}, \
         ports: ['127.0.0.1:80:8080/udp', '90-99:1', 5], expose: [7], dns: 1.1.1.1, extra_hosts: {h: host-gateway}, \
         links: ['db:store']",
        json!({
            "exposed": ["7/tcp"],
            "network": {
                "dns": ["1.1.1.1"],
                "endpoints": {
                    "outer": {
                        "aliases": ["web"], "driver_options": {}, "gateway_priority": 1, "ipv4": null, "ipv6": null,
                        "links": [], "mac_address": null,
                    },
                    "shop_n": {
                        "aliases": ["web", "x"], "driver_options": {}, "gateway_priority": 0, "ipv4": "10.0.0.2",
                        "ipv6": null, "links": [], "mac_address": null,
                    },
                },
                "extra_hosts": [{"address": "HostGateway", "name": "h"}],
                "links": ["shop-db-1:store", "shop-db-2:store"],
                "mode": {"Network": "outer"},
                "ports": [
                    {"container": "8080/udp", "host_ip": "127.0.0.1", "host_port": {"Fixed": 80}},
                    {"container": "1/tcp", "host_ip": null, "host_port": {"Range": [90, 99]}},
                    {"container": "5/tcp", "host_ip": null, "host_port": "Ephemeral"},
                ],
            },
        }),
    );
}

#[test]
fn shared_namespaces_name_the_container_of_the_service() {
    assert_differs(
        "network_mode: 'service:db', pid: 'service:db', ipc: 'container:x', uts: host, cgroup: private, \
         volumes_from: ['db:ro', 'container:y']",
        json!({
            "network": {"endpoints": {}, "mode": {"Container": "abc"}},
            "security": {
                "cgroup": "Private", "ipc": {"Container": "x"}, "pid": {"Container": "abc"}, "uts": "Host",
            },
            "volumes_from": ["abc:ro", "y"],
        }),
    );
}

#[test]
fn mounts_files_and_inherited_volumes() {
    let spec = spec(
        "volumes: ['v:/v:ro', './rel:/rel', /anon, {type: tmpfs, target: /t, tmpfs: {size: 1m}}], \
         tmpfs: ['/run:size=2m,mode=700,exec'], secrets: [s], configs: [{source: c, target: /etc/c}]",
    );
    let shown: Vec<String> = spec
        .unwrap()
        .mounts
        .iter()
        .map(|mount| {
            let kind = serde_json::to_value(&mount.kind).unwrap();
            let (kind, value) = kind.as_object().unwrap().iter().next().unwrap();
            let source =
                [&value["name"], &value["source"], &value["size"]].into_iter().find(|v| !v.is_null());
            let read_only = if mount.read_only { " ro" } else { "" };
            format!("{} {kind} {}{read_only}", mount.target.display(), source.unwrap_or(&Value::Null))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "/v Volume \"shop_v\" ro",
            "/rel Bind \"/shop/rel\"",
            "/anon Volume \"anon1\"",
            "/t Tmpfs 1048576",
            "/run Tmpfs 2097152",
            "/run/secrets/s Bind \"/files/1\" ro",
            "/etc/c Bind \"/files/2\" ro",
            "/image Volume \"anon2\"",
        ]
    );
}

#[test]
fn security_and_limits() {
    assert_differs(
        "cap_add: [NET_ADMIN], cap_drop: [ALL], read_only: true, group_add: [5], \
         security_opt: ['no-new-privileges:true', 'seccomp=strict.json'], devices: ['/dev/null:/dev/x:r'], \
         mem_limit: 64m, memswap_limit: -1, cpus: 1.5, pids_limit: -1, shm_size: 1m, sysctls: {net.x: 1}, \
         ulimits: {nofile: {soft: 5, hard: -1}}, logging: {options: {max-size: 1m, max-file: '3'}}",
        json!({
            "log": {"max_file": 3, "max_size": 1 << 20},
            "resources": {
                "devices": [{
                    "access": {"mknod": false, "read": true, "write": false}, "container": "/dev/x", "host": "/dev/null",
                }],
                "memory": 64 << 20,
                "memory_swap": "Unlimited",
                "nano_cpus": 1_500_000_000_u64,
                "pids_limit": "Unlimited",
                "ulimits": [{"hard": null, "name": "nofile", "soft": 5}],
            },
            "security": {
                "cap_add": ["NET_ADMIN"], "cap_drop": ["ALL"], "group_add": ["5"], "no_new_privileges": true,
                "read_only_rootfs": true, "seccomp": {"Profile": "{}"},
            },
            "shm_size": 1 << 20,
            "sysctls": {"net.x": "1"},
        }),
    );
}

#[test]
fn what_the_engine_cannot_do_is_told_with_the_service() {
    for (service, problem) in [
        ("ports: ['1:1/sctp']", "`web`: ports of SCTP cannot be published yet; remove them"),
        ("security_opt: [nonsense]", "`web`: unknown security option: \"nonsense\""),
        ("stop_signal: SIGNOPE", "`web`: invalid signal: SIGNOPE"),
        ("logging: {options: {max-size: big}}", "`web`: the log option max-size is no size: `big`"),
    ] {
        assert_eq!(spec(service).unwrap_err(), problem);
    }
    assert!(
        spec("volumes: [{type: image, source: i, target: /i}]")
            .unwrap_err()
            .contains("cannot be mounted yet")
    );
}
