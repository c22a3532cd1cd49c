//! What the compose format offers, seen from inside of the containers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, images};

#[test]
fn profiles_choose_services() {
    let host = Host::new();
    images::tiny(&host);
    let dir = host.project(
        "profiles",
        "x-sleeper: &sleeper {image: tiny, command: [sleep, '1000']}\n\
         services:\n  web: *sleeper\n  debug: {<<: *sleeper, profiles: [tools]}\n  other: {<<: *sleeper, profiles: [more]}\n",
    );
    let names = || host.ok("ps --format {{.Names}}");
    host.compose(&dir, "up -d").ok();
    assert_eq!(names(), "profiles-web-1");
    host.compose(&dir, "--profile tools up -d").ok();
    assert!(names().contains("profiles-debug-1") && !names().contains("other"), "{}", names());
    let mut command = host.berth_command(["compose", "config", "--services"]);
    let by_environment = Outcome::of(command.current_dir(&dir).env("COMPOSE_PROFILES", "more,tools")).ok();
    let mut services: Vec<&str> = by_environment.lines().collect();
    services.sort_unstable();
    assert_eq!(services, ["debug", "other", "web"]);
    host.compose(&dir, "--profile * down -t 0").ok();
    assert_eq!(names(), "");
}

#[test]
fn extends_and_include_bring_in_other_files() {
    let host = Host::new();
    images::tiny(&host);
    host.file("parts/base.yaml", "services: {base: {image: tiny, environment: {FROM: base, KEPT: 'yes'}}}\n");
    host.file(
        "parts/db/compose.yaml",
        "services: {db: {image: tiny, command: [sh, -c, 'cat /here/file'], volumes: ['.:/here']}}\n",
    );
    host.file("parts/db/file", "beside the included file\n");
    let dir = host.project(
        "parts",
        "include: [db/compose.yaml]\nservices:\n  web:\n    extends: {file: base.yaml, service: base}\n    \
         environment: {FROM: web}\n    command: [sh, -c, 'echo $$FROM $$KEPT']\n",
    );
    assert_eq!(host.compose(&dir, "run --rm -T web").ok(), "web yes\n");
    assert_eq!(host.compose(&dir, "run --rm -T db").ok(), "beside the included file\n");
    host.compose(&dir, "down").ok();
}

#[test]
fn later_files_add_reset_and_override() {
    let host = Host::new();
    images::tiny(&host);
    let dir = host.project(
        "merged",
        "services:\n  web:\n    image: tiny\n    command: [sh, -c, 'echo ${WORD:-none} $$A $$B; ls /mnt']\n    \
         environment: {A: first, B: first}\n    ports: ['8080:80']\n    volumes: ['./one:/mnt/one', './two:/mnt/two']\n",
    );
    host.file("merged/one/x", "");
    host.file("merged/two/x", "");
    host.file("merged/.env", "WORD=${OTHER}-word\nOTHER=late\n");
    host.file(
        "merged/second.yaml",
        "services:\n  web:\n    environment: {B: second}\n    ports: !reset []\n    volumes: !override ['./one:/mnt/three']\n",
    );
    let shown = host.compose(&dir, "-f compose.yaml -f second.yaml config").ok();
    assert!(!shown.contains("8080"), "{shown}");
    let ran = host.compose(&dir, "-f compose.yaml -f second.yaml run --rm -T web").ok();
    assert_eq!(ran, "-word first second\nthree\n");
    host.compose(&dir, "down").ok();
}

#[test]
fn secrets_configs_and_environments_come_from_files() {
    let host = Host::new();
    images::tiny(&host);
    host.file("files/password", "hidden\n");
    host.file("files/settings", "open\n");
    host.file("files/web.env", "# a comment\nPLAIN=1\nQUOTED=\"a b\"\nexport EXPORTED=yes\nOVER=file\n");
    let dir = host.project(
        "files",
        "services:\n  web:\n    image: tiny\n    env_file: [web.env, {path: gone.env, required: false}]\n    \
         environment: {OVER: service}\n    secrets: [password]\n    \
         configs: [{source: settings, target: /etc/settings}]\n    \
         command: [sh, -c, 'cat /run/secrets/password /etc/settings; echo $$PLAIN $$QUOTED $$EXPORTED $$OVER; touch /run/secrets/password']\n\
         secrets: {password: {file: ./password}}\nconfigs: {settings: {file: ./settings}}\n",
    );
    host.compose(&dir, "up -d").ok();
    assert_eq!(host.ok("wait files-web-1"), "1", "a secret cannot be written");
    let log = host.berth(["logs", "files-web-1"]).ok();
    assert_eq!(log, "hidden\nopen\n1 a b yes service\n");
    let inspected = host.ok("inspect files-web-1");
    assert!(!inspected.contains("hidden"), "{inspected}");
    host.compose(&dir, "down").ok();
}

#[test]
fn limits_and_settings_of_services_reach_the_container() {
    let host = Host::new();
    images::tiny(&host);
    let dir = host.project(
        "limits",
        "services:\n  web:\n    image: tiny\n    command: [sleep, '1000']\n    hostname: named\n    \
         deploy: {resources: {limits: {memory: 64M, cpus: '0.5', pids: 50}}}\n    \
         tmpfs: ['/scratch:size=1m']\n    sysctls: {net.core.somaxconn: 77}\n    \
         ulimits: {nofile: {soft: 100, hard: 200}}\n    extra_hosts: ['there:192.0.2.9']\n    user: www\n    \
         labels: {a.label: value}\n",
    );
    host.compose(&dir, "up -d").ok();
    let inside = |line: &str| host.berth(["exec", "limits-web-1", "sh", "-c", line]).ok();
    assert_eq!(
        inside("hostname; id -un; cat /proc/sys/net/core/somaxconn; ulimit -n"),
        "named\nwww\n77\n100\n"
    );
    assert!(inside("cat /etc/hosts").contains("192.0.2.9\tthere"), "{}", inside("cat /etc/hosts"));
    assert!(inside("df -k /scratch").contains("1024"), "{}", inside("df -k /scratch"));
    let template = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}";
    assert_eq!(host.inspect("limits-web-1", template), "67108864 500000000 50");
    assert_eq!(host.ok("ps -q --filter label=a.label=value").lines().count(), 1);
    host.compose(&dir, "down -t 0").ok();
}

#[test]
fn what_is_read_but_not_supported_is_a_warning_with_its_place() {
    let host = Host::new();
    images::tiny(&host);
    let dir = host.project(
        "warned",
        "services:\n  web:\n    image: tiny\n    command: [sleep, '1000']\n    credential_spec: {file: x.json}\n",
    );
    let outcome = host.compose(&dir, "up -d");
    assert!(
        outcome.stderr.contains("credential_spec") && outcome.stderr.contains("compose.yaml:5"),
        "{outcome}"
    );
    outcome.ok();
    host.compose(&dir, "down -t 0").ok();
}
