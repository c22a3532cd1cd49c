use super::*;
use engine::spec::{HealthTest, HostPort, MountKind, NetworkMode, RestartPolicy, SeccompChoice};
use std::time::Duration;

fn read(json: serde_json::Value) -> Result<ContainerSpec, BadRequest> {
    container_spec(Some("/web"), None, serde_json::from_value(json).unwrap())
}

fn message(json: serde_json::Value) -> String {
    read(json).unwrap_err().to_string()
}

#[test]
fn what_the_docker_command_line_sends_is_understood() {
    let spec = read(serde_json::json!({
        "Image": "nginx", "Cmd": ["-g", "daemon off;"], "Entrypoint": [""], "Env": ["A=b", "C"],
        "ExposedPorts": {"80/tcp": {}}, "Tty": true, "WorkingDir": "", "StopSignal": "SIGQUIT",
        "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 1_000_000_000},
        "HostConfig": {
            "Binds": ["/srv:/data:ro", "cache:/cache"], "NetworkMode": "front",
            "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
            "SecurityOpt": ["no-new-privileges", "seccomp=unconfined"], "ConsoleSize": [24, 80],
            "Memory": 8388608, "MemorySwap": -1, "PidsLimit": -1, "Tmpfs": {"/run": "size=64m,mode=755"}
        },
        "NetworkingConfig": {"EndpointsConfig": {"front": {"Aliases": ["www"], "IPAMConfig": {"IPv4Address": "10.0.0.9"}}}}
    }))
    .unwrap();
    assert_eq!(spec.name.as_ref().unwrap().as_str(), "web");
    assert_eq!(spec.entrypoint, Some(vec![]));
    assert_eq!(spec.working_dir, None);
    assert_eq!(spec.streams.console_size, Some((80, 24)));
    assert_eq!(spec.network.mode, NetworkMode::Network("front".into()));
    assert_eq!(spec.network.ports[0].host_port, HostPort::Fixed(8080));
    assert_eq!(spec.network.endpoints["front"].aliases, ["www"]);
    assert_eq!(spec.restart, RestartPolicy::OnFailure { max: Some(3) });
    assert_eq!(spec.security.seccomp, SeccompChoice::Unconfined);
    assert!(spec.security.no_new_privileges);
    let health = spec.healthcheck.unwrap();
    assert_eq!(
        (health.test, health.interval),
        (HealthTest::Shell("true".into()), Some(Duration::from_secs(1)))
    );
    let targets: Vec<_> =
        spec.mounts.iter().map(|mount| (mount.target.to_str().unwrap(), mount.read_only)).collect();
    assert_eq!(targets, [("/data", true), ("/cache", false), ("/run", false)]);
    assert!(
        matches!(&spec.mounts[2].kind, MountKind::Tmpfs(tmpfs) if tmpfs.size == Some(64 << 20) && tmpfs.mode == Some(0o755))
    );
}

#[test]
fn unusable_values_are_named() {
    let host = |host: serde_json::Value| serde_json::json!({"Image": "a", "HostConfig": host});
    assert!(message(host(serde_json::json!({"Binds": ["a:b"]}))).contains("must be absolute"));
    assert!(
        message(host(serde_json::json!({"Binds": ["/a:/b", "/c:/b"]}))).contains("Duplicate mount point: /b")
    );
    assert!(message(host(serde_json::json!({"Memory": -5}))).contains("Memory: -5 is negative"));
    assert!(message(host(serde_json::json!({"SecurityOpt": ["x=y"]}))).contains("unknown security option"));
    assert!(
        message(host(serde_json::json!({"LogConfig": {"Type": "syslog"}}))).contains("json-file and none")
    );
    assert!(
        message(host(serde_json::json!({"AutoRemove": true, "RestartPolicy": {"Name": "always"}})))
            .contains("cannot be restarted")
    );
    assert!(
        message(serde_json::json!({"Image": "a", "StopSignal": "NOPE"})).contains("invalid signal: NOPE")
    );
}
