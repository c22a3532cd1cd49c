use clap::{Command, FromArgMatches};
use serde_json::{Value, json};

use super::*;

/// The flags of a command line, split at spaces.
pub(crate) fn flags(line: &str) -> CreateFlags {
    let command = CreateFlags::augment_args(Command::new("run").disable_help_flag(true));
    let matches = command.try_get_matches_from(std::iter::once("run").chain(line.split(' '))).unwrap();
    CreateFlags::from_arg_matches(&matches).unwrap()
}

fn body(line: &str) -> Value {
    let flags = flags(line);
    flags.body(flags.streams(true).unwrap()).unwrap()
}

fn failure(line: &str) -> String {
    flags(line).body(Streams::default()).unwrap_err().message().to_owned()
}

#[test]
fn a_plain_run_sends_little() {
    assert_eq!(body("debian"), json!({"Image": "debian"}));
    assert_eq!(body("debian ls -l"), json!({"Image": "debian", "Cmd": ["ls", "-l"]}));
}

#[test]
fn flags_behind_the_image_are_the_commands() {
    assert_eq!(body("--rm x sh -c --rm")["Cmd"], json!(["sh", "-c", "--rm"]));
}

#[test]
fn the_process() {
    let sent = body(
        "-it -e A=1 -u 1:2 -w /w --entrypoint sh -l a=b -l c --restart on-failure:3 --stop-timeout -1 x",
    );
    assert_eq!(
        sent,
        json!({
            "Image": "x", "Tty": true, "OpenStdin": true, "Env": ["A=1"], "User": "1:2", "WorkingDir": "/w",
            "Entrypoint": ["sh"], "Labels": {"a": "b", "c": ""}, "StopTimeout": -1,
            "HostConfig": {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}},
        })
    );
    assert!(failure("--restart sometimes x").contains("invalid restart policy \"sometimes\""));
}

#[test]
fn streams_are_output_and_with_i_input() {
    let streams = |line: &str| flags(line).streams(false).unwrap();
    assert_eq!(streams("x"), Streams { stdin: false, stdout: true, stderr: true });
    assert!(streams("-i x").stdin);
    assert_eq!(streams("-a stderr x"), Streams { stdin: false, stdout: false, stderr: true });
    assert!(flags("-a nope x").streams(false).is_err());
    assert!(flags("-a stdin x").streams(true).is_err());
}

#[test]
fn ports() {
    let sent =
        body("-p 80 -p 8080:81/udp -p 127.0.0.1:9000-9001:90-91 -p [::1]:1:2 -p 3000-3002:82 --expose 5-6 x");
    let bind = |ip: &str, port: &str| json!([{"HostIp": ip, "HostPort": port}]);
    assert_eq!(
        sent["HostConfig"]["PortBindings"],
        json!({
            "80/tcp": bind("", ""), "81/udp": bind("", "8080"), "90/tcp": bind("127.0.0.1", "9000"),
            "91/tcp": bind("127.0.0.1", "9001"), "2/tcp": bind("::1", "1"), "82/tcp": bind("", "3000-3002"),
        })
    );
    assert_eq!(sent["ExposedPorts"].as_object().unwrap().len(), 8);
    assert!(failure("-p 80-81:1-3 x").contains("different lengths"));
    assert!(failure("-p nope:1 x").contains("invalid port specification"));
    assert!(failure("-p 1.2.3:1:1 x").contains("invalid IP address"));
    assert!(failure("-p 1/icmp x").contains("invalid protocol"));
}

#[test]
fn networks() {
    let sent =
        body("--network front --network-alias www --ip 10.0.0.9 --network name=back,alias=db,ip=10.1.0.9 x");
    assert_eq!(sent["HostConfig"]["NetworkMode"], "front");
    assert_eq!(
        sent["NetworkingConfig"]["EndpointsConfig"],
        json!({
            "front": {"Aliases": ["www"], "IPAMConfig": {"IPv4Address": "10.0.0.9"}},
            "back": {"Aliases": ["db"], "IPAMConfig": {"IPv4Address": "10.1.0.9"}},
        })
    );
    assert_eq!(
        body("--add-host a:1.2.3.4 --add-host b=::1 x")["HostConfig"]["ExtraHosts"],
        json!(["a:1.2.3.4", "b:::1"])
    );
    assert!(failure("--add-host a x").contains("bad format"));
    assert!(failure("--network ip=1.2.3.4 x").contains("names no network"));
}

#[test]
fn storage() {
    let here = std::env::current_dir().unwrap().display().to_string();
    let sent = body(
        "-v /a:/b:ro -v name:/c -v ./d:/d -v /anon --tmpfs /t:size=1m --shm-size 1g --read-only \
         --mount type=bind,src=/x,dst=/y,readonly,bind-propagation=rslave \
         --mount source=vol,target=/z,volume-opt=o=1 --mount type=tmpfs,target=/q,tmpfs-mode=1777 x",
    );
    assert_eq!(sent["HostConfig"]["Binds"], json!(["/a:/b:ro", "name:/c", format!("{here}/d:/d")]));
    assert_eq!(sent["Volumes"], json!({"/anon": {}}));
    assert_eq!(
        sent["HostConfig"]["Mounts"],
        json!([
            {"Type": "bind", "Source": "/x", "Target": "/y", "ReadOnly": true, "BindOptions": {"Propagation": "rslave"}},
            {"Type": "volume", "Source": "vol", "Target": "/z",
             "VolumeOptions": {"DriverConfig": {"Options": {"o": "1"}}}},
            {"Type": "tmpfs", "Target": "/q", "TmpfsOptions": {"Mode": 0o1777}},
        ])
    );
    assert_eq!(sent["HostConfig"]["Tmpfs"], json!({"/t": "size=1m"}));
    assert_eq!(sent["HostConfig"]["ShmSize"], 1 << 30);
    assert!(failure("--mount type=bind,target=/x x").contains("needs a source"));
    assert!(failure("--mount target=/x,tmpfs-size=1m x").contains("does not fit"));
    assert!(failure("--mount nope=1 x").contains("invalid field \"nope\""));
}

#[test]
fn limits_and_security() {
    let sent = body(
        "-m 64m --memory-swap -1 --cpus 1.5 --pids-limit -1 --ulimit nofile=10:20 --device /dev/fuse:rw \
         --privileged --cap-add NET_ADMIN --security-opt no-new-privileges --pid host --sysctl a.b=1 x",
    );
    assert_eq!(
        sent["HostConfig"],
        json!({
            "Memory": 64 << 20, "MemorySwap": -1, "NanoCpus": 1_500_000_000, "PidsLimit": -1,
            "Ulimits": [{"Name": "nofile", "Soft": 10, "Hard": 20}],
            "Devices": [{"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rw"}],
            "Privileged": true, "CapAdd": ["CAP_NET_ADMIN"], "SecurityOpt": ["no-new-privileges"], "PidMode": "host",
            "Sysctls": {"a.b": "1"},
        })
    );
    assert!(failure("-m lots x").contains("invalid size"));
    assert!(failure("--ulimit nofile=20:10 x").contains("above the hard limit"));
}

#[test]
fn health() {
    let sent = body("--health-cmd true --health-interval 5s --health-retries 2 x");
    assert_eq!(
        sent["Healthcheck"],
        json!({"Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000_i64, "Retries": 2})
    );
    assert_eq!(body("--no-healthcheck x")["Healthcheck"], json!({"Test": ["NONE"]}));
    assert!(failure("--no-healthcheck --health-cmd x y").contains("conflicts"));
}
