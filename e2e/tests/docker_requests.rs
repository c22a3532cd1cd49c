//! For the same flags `berth` asks an engine for the same container as the docker command line does.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Outcome, Recorder, berth_binary};
use serde_json::{Map, Value, json};
use std::process::Command;

/// Command lines, split at `|` so that arguments may hold spaces.
const LINES: [&str; 22] = [
    "run|-d|--security-opt|seccomp=unconfined|--cgroupns|private|--volumes-from|other:ro|--cgroup-parent|/x|--mac-address|02:42:ac:11:00:09|debian",
    "run|-d|--network|name=back,alias=db|-e|HOME|-e|NOT_SET_ANYWHERE|-v|./rel:/rel|--restart|unless-stopped|debian",
    "create|-t|--pull|never|-h|box|--domainname|lan|--no-healthcheck|--ipc|shareable|--link|other:o|debian",
    "run|-d|debian",
    "run|-d|--network|back|--link|other:o|--link|third|debian",
    "run|-d|--rm|--name|web|debian|sh|-c|echo a b",
    "create|-it|debian|bash",
    "create|-i|-a|stdin|-a|stdout|debian|cat",
    "run|-d|-e|A=1|-e|B=two words|--env-file|ENV|debian|env",
    "run|-d|-v|data:/data|-v|/srv:/srv:ro|-v|/anonymous|debian",
    "run|-d|--mount|type=volume,source=data,target=/data,readonly|--mount|type=bind,source=/srv,target=/srv,bind-propagation=rslave|--mount|type=tmpfs,target=/t,tmpfs-size=1048576,tmpfs-mode=1770|debian",
    "run|-d|--tmpfs|/run|--tmpfs|/tmp:size=64m,mode=1777|--shm-size|128m|--read-only|debian",
    "run|-d|-p|8080:80|-p|127.0.0.1:53:53/udp|-p|9000-9002:9000-9002|--expose|7000|-P|debian",
    "run|-d|--network|back|--network-alias|db|--ip|10.5.0.7|--hostname|box|--add-host|other:10.0.0.9|--dns|10.0.0.53|--dns-search|lan|--dns-option|ndots:2|debian",
    "run|-d|--network|host|--pid|host|--ipc|private|--uts|host|debian",
    "run|-d|-u|1000:100|-w|/work|--entrypoint|/bin/sh|--group-add|audio|--init|debian|-c|true",
    "run|-d|--restart|on-failure:5|--stop-signal|SIGINT|--stop-timeout|20|-l|a=b|-l|empty|debian",
    "run|-d|--cap-add|NET_ADMIN|--cap-add|cap_sys_time|--cap-drop|ALL|--security-opt|no-new-privileges|debian",
    "run|-d|--privileged|--device|/dev/null:/dev/nil:rw|--device-cgroup-rule|c 1:3 rwm|--userns|host|debian",
    "run|-d|-m|256m|--memory-swap|512m|--memory-reservation|128m|--cpus|1.5|--cpu-shares|512|--cpuset-cpus|0|--pids-limit|100|--oom-score-adj|100|--blkio-weight|300|debian",
    "run|-d|--ulimit|nofile=1024:2048|--ulimit|core=0|--sysctl|net.core.somaxconn=512|--log-driver|json-file|--log-opt|max-size=1m|--log-opt|max-file=3|debian",
    "run|-d|--health-cmd|curl -f localhost|--health-interval|30s|--health-timeout|5s|--health-retries|4|--health-start-period|1m|debian",
];

/// What docker sends for flags that were not given, where that is no empty value: the engine's defaults.
fn is_default(key: &str, value: &Value) -> bool {
    match key {
        "MemorySwappiness" => *value == json!(-1),
        "NetworkMode" => *value == json!("default"),
        "RestartPolicy" => value["Name"] == json!("no"),
        "ConsoleSize" => *value == json!([0, 0]),
        _ => false,
    }
}

/// Maps whose keys are the user's: what is empty there was said.
const MAPS: [&str; 8] =
    ["Labels", "ExposedPorts", "Volumes", "Tmpfs", "Sysctls", "PortBindings", "Config", "DriverOpts"];

/// A request without what is not set.
fn said(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter_map(|(key, value)| {
                let value = match key.as_str() {
                    "Env" | "Binds" => in_order(value),
                    key if MAPS.contains(&key) => value.clone(),
                    _ => said(value),
                };
                (!is_empty(&value) && !is_default(key, &value)).then(|| (key.clone(), value))
            });
            Value::Object(kept.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(said).collect()),
        other => other.clone(),
    }
}

/// Variables and binds sorted: docker sends them in the order of a hash table.
fn in_order(texts: &Value) -> Value {
    let mut texts = texts.as_array().cloned().unwrap_or_default();
    texts.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    Value::Array(texts)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// What a program asks for: the path with its query, and the body.
fn asked(recorder: &Recorder, program: &str, words: &[String]) -> (String, Value) {
    let host = format!("unix://{}", recorder.socket().display());
    let mut command = Command::new(program);
    command.args(["-H", &host]).args(words).env("DOCKER_CONFIG", recorder.dir()).env_remove("DOCKER_HOST");
    Outcome::of(&mut command).ok();
    let requests = recorder.take();
    let create = requests.iter().find(|request| request.line.starts_with("POST /containers/create"));
    let create = create.unwrap_or_else(|| panic!("{program} {words:?} asks for no container: {requests:?}"));
    (create.line.clone(), said(&create.body))
}

fn docker_is_there() -> bool {
    let found = Command::new("docker").arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(
        found || std::env::var_os("CI").is_none(),
        "the docker command line is missing: scripts/install-packages test"
    );
    found
}

#[test]
fn the_same_flags_ask_for_the_same_container() {
    if !docker_is_there() {
        eprintln!(
            "SKIPPED: the docker command line is missing, so berth's requests were NOT compared with its"
        );
        return;
    }
    let recorder = Recorder::new();
    let env_file = recorder.dir().join("env");
    std::fs::write(&env_file, "# comment\nC=3\nD=x=y\n").unwrap();
    let mut wrong = Vec::new();
    for line in LINES {
        let words: Vec<String> =
            line.split('|').map(|word| word.replace("ENV", &env_file.display().to_string())).collect();
        let docker = asked(&recorder, "docker", &words);
        let berth = asked(&recorder, &berth_binary().display().to_string(), &words);
        if docker != berth {
            wrong.push(format!(
                "{line}\ndocker: {} {:#}\nberth:  {} {:#}",
                docker.0, docker.1, berth.0, berth.1
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
