//! The cheat sheet of text 003, through the docker command line and through `berth`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, berth_binary, eventually, images};
use std::process::Command;

const START: &str = "#!/bin/sh\necho started\ntrap 'exit 0' TERM\nwhile :; do sleep 0.1; done\n";

/// One command line on a host.
struct Cli<'a> {
    host: &'a Host,
    program: String,
}

impl Cli<'_> {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.host.foreign(&self.program);
        command.args(words);
        command
    }

    fn run(&self, line: &str) -> Outcome {
        Outcome::of(&mut self.command(&line.split(' ').collect::<Vec<_>>()))
    }

    #[track_caller]
    fn ok(&self, line: &str) -> String {
        self.run(line).ok().trim_end().to_owned()
    }

    #[track_caller]
    fn words(&self, words: &[&str]) -> String {
        Outcome::of(&mut self.command(words)).ok().trim_end().to_owned()
    }

    /// Runs a line on a terminal of its own, with something typed.
    #[track_caller]
    fn on_terminal(&self, line: &str, typed: &str) -> String {
        let mut command = self.host.foreign("sh");
        let script = format!("printf '%s\\n' \"$1\" | script -qec '{} {line}' /dev/null", self.program);
        Outcome::of(command.args(["-c", &script, "sh", typed])).ok().replace('\r', "")
    }
}

fn reddit(host: &Host) -> String {
    let start = host.file("reddit/start.sh", START);
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&start, permissions).unwrap();
    let dockerfile = "FROM tiny\nARG FOR=nobody\nRUN echo made for $FOR > /made\nCOPY start.sh /start.sh\nCMD [\"/start.sh\"]\n";
    let path = host.file("reddit/Dockerfile", dockerfile);
    path.parent().unwrap().display().to_string()
}

fn images_and_containers(cli: &Cli) {
    let context = reddit(cli.host);
    cli.words(&["build", "-t", "reddit:latest", "--build-arg", "FOR=you", &context]);
    cli.ok("run --name reddit -d --network=host reddit:latest");
    cli.ok("tag reddit:latest loktionovam/otus-reddit:1.0");
    cli.ok("stop reddit");
    cli.ok("start reddit");
    eventually("both starts are logged", || cli.ok("logs reddit") == "started\nstarted");
    follow_to_the_end(cli);
    cli.ok("start reddit");
    let shell = cli.on_terminal("exec -it reddit sh", "cat /made; tty; exit");
    assert!(shell.contains("made for you") && shell.contains("/dev/pts/"), "{shell}");
    cli.ok("exec reddit touch /new");
    assert_eq!(cli.ok("diff reddit"), "A /new");
    cli.ok("rm -f reddit");
    let listed =
        cli.on_terminal("run --name reddit --rm -it loktionovam/otus-reddit:1.0 sh", "ls /start.sh; exit");
    assert!(listed.lines().any(|line| line == "/start.sh"), "{listed}");
    let everything = cli.ok("inspect loktionovam/otus-reddit:1.0");
    assert!(everything.contains("\"/start.sh\""), "{everything}");
    let command = cli.words(&["inspect", "loktionovam/otus-reddit:1.0", "-f", "{{.ContainerConfig.Cmd}}"]);
    assert!(command.starts_with("[/bin/sh -c #(nop)  CMD [\"/start.sh\"]"), "{command}");
    cli.ok("rmi -f reddit:latest loktionovam/otus-reddit:1.0");
}

/// `logs -f` ends with the container.
fn follow_to_the_end(cli: &Cli) {
    let mut following = cli.command(&["logs", "-f", "reddit"]);
    let following = following.stdout(std::process::Stdio::piped()).spawn().unwrap();
    cli.ok("stop reddit");
    let output = following.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "started\nstarted\n");
}

fn process_namespaces(cli: &Cli) {
    let own = cli.on_terminal("run --rm -ti tiny sh", "ls -d /proc/[0-9]* | wc -l; exit");
    let hosts = cli.on_terminal("run --rm --pid host -ti tiny sh", "ls -d /proc/[0-9]* | wc -l; exit");
    let count =
        |text: &str| -> Vec<u32> { text.lines().filter_map(|line| line.trim().parse().ok()).collect() };
    assert!(count(&own).iter().all(|number| *number < 10), "{own}");
    assert!(count(&hosts).iter().any(|number| *number > 10), "{hosts}");
}

fn networks_and_volumes(cli: &Cli) {
    cli.ok("network create reddit");
    cli.ok("volume create reddit_db");
    cli.ok("run -d --name db --network=reddit --network-alias=post_db --network-alias=comment_db \
         -v reddit_db:/data/db tiny sleep 1000"
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .as_str());
    for alias in ["post_db", "comment_db"] {
        let answer = cli.ok(&format!("run --rm --network=reddit tiny ping -c 1 -W 5 {alias}"));
        assert!(answer.contains("1 packets received"), "{answer}");
    }
    cli.words(&["exec", "-e", "POST_DATABASE_HOST=post_db", "db", "sh", "-c", "echo kept > /data/db/file"]);
    assert_eq!(cli.ok("run --rm -v reddit_db:/d tiny cat /d/file"), "kept");
    let alone = cli.ok("run --rm --network none tiny ip -o link");
    assert_eq!(alone.lines().count(), 1, "{alone}");
    let hosts = cli.ok("run --rm --network host tiny ip -o link");
    assert!(hosts.contains("uplink0"), "{hosts}");
    let bridge = cli.ok("run --rm --network bridge tiny ip -o addr show dev eth0");
    assert!(bridge.contains("inet 172."), "{bridge}");
    let port = cli.ok("run -d --name ui --network=reddit -p 9292:9292 tiny httpd -f -p 9292");
    assert_eq!(port.len(), 64, "{port}");
    cli.ok("network create front_net");
    cli.ok("network connect front_net ui");
    let both = cli.words(&[
        "inspect",
        "-f",
        "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}",
        "ui",
    ]);
    assert_eq!(both.trim(), "front_net reddit");
    cli.ok("rm -f ui db");
    cli.ok("network rm reddit front_net");
    cli.ok("volume rm reddit_db");
}

fn whole_sheet(program: String) {
    let host = Host::new();
    images::tiny(&host);
    let cli = Cli { host: &host, program };
    images_and_containers(&cli);
    process_namespaces(&cli);
    networks_and_volumes(&cli);
}

#[test]
fn the_cheat_sheet_works_with_docker() {
    whole_sheet("docker".to_owned());
}

#[test]
fn the_cheat_sheet_works_with_debians_docker() {
    whole_sheet("/usr/bin/docker".to_owned());
}

#[test]
fn the_cheat_sheet_works_with_berth() {
    whole_sheet(berth_binary().display().to_string());
}

#[test]
fn what_is_refused_says_what_to_use() {
    let host = Host::new();
    images::tiny(&host);
    let refused = |line: &str, hint: &str| {
        let outcome = host.docker(line.split(' '));
        assert_ne!(outcome.code, Some(0), "{outcome}");
        assert!(outcome.stderr.contains(hint), "{outcome}");
    };
    refused("swarm init", "compose file");
    refused("service ls", "berth up");
    refused("node ls", "no swarm mode");
    refused("secret ls", "secrets:");
    refused("config ls", "configs:");
    refused("plugin ls", "no plug-ins");
    refused("search debian", "pull it by name");
}
