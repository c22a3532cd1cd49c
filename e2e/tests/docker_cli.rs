//! Every docker command of text 003 (its cheat sheet), through two docker command lines and through `berth`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, Registry, berth_binary, eventually, images};
use std::process::{Command, Stdio};

const START: &str = "#!/bin/sh\necho started\ntrap 'exit 0' TERM\nwhile :; do sleep 0.1; done\n";
const DOCKERFILE: &str = "\
FROM tiny
ARG FOR=nobody
RUN echo made for $FOR > /made && printf '#!/bin/sh\\nexec /bin/sh \"$@\"\\n' > /bin/bash && chmod 755 /bin/bash
COPY start.sh /start.sh
CMD [\"/start.sh\"]
";

/// What a line of the sheet shows.
#[derive(Clone, Copy)]
enum Shows {
    /// Whatever it likes, if it succeeds.
    Success,
    /// Exactly this.
    Is(&'static str),
    /// This among other things.
    Has(&'static str),
    /// So many lines.
    Lines(usize),
    /// On a terminal, after this was typed: this.
    Typed(&'static str, &'static str),
    /// As [`Shows::Typed`], but one line is a number up to 9.
    TypedSmall(&'static str),
    /// As [`Shows::Typed`], but one line is a number from 10 on.
    TypedLarge(&'static str),
    /// This within a while: it comes from a container that works meanwhile.
    Becomes(&'static str),
    /// It goes on until the line ends it, and has then shown this.
    UntilEndedBy(&'static str, &'static str),
}

use Shows::{Becomes, Has, Is, Lines, Success, Typed, TypedLarge, TypedSmall, UntilEndedBy};

const IMAGE: &str = "localhost:5001/loktionovam/otus-reddit:1.0";
const COUNT: &str = "ls -d /proc/[0-9]* | wc -l; exit";

/// The sheet, in the text's order of homeworks 12 to 15. `IMAGE` is its image at a local registry, `CONTEXT` the directory
/// it is built from, `~` a space inside a word; busybox stands in for its applications, counting processes for htop.
const SHEET: &[(&str, Shows)] = &[
    // Homework 12 and 13: images and containers.
    ("run --rm -ti tiny sh", TypedSmall(COUNT)),
    ("run --rm --pid host -ti tiny sh", TypedLarge(COUNT)),
    ("run --help", Has("--pid ")),
    ("build -t reddit:latest CONTEXT", Success),
    ("build -t reddit:latest --build-arg FOR=you CONTEXT", Success),
    ("run --name reddit -d --network=host reddit:latest", Success),
    ("tag reddit:latest IMAGE", Success),
    ("login -u me -p secret localhost:5001", Has("Login Succeeded")),
    ("push IMAGE", Has("1.0: digest: sha256:")),
    ("stop reddit", Is("reddit")),
    ("start reddit", Is("reddit")),
    ("logs reddit", Becomes("started\nstarted")),
    ("logs reddit -f", UntilEndedBy("stop reddit", "started\nstarted\n")),
    ("start reddit", Is("reddit")),
    ("exec -it reddit bash", Typed("cat /made; tty; exit", "made for you\n/dev/pts/0\n")),
    ("exec reddit touch /new", Success),
    ("diff reddit", Is("A /new")),
    ("rm -f reddit", Is("reddit")),
    ("run --name reddit -d reddit:latest", Success),
    ("stop reddit", Is("reddit")),
    ("rm reddit", Is("reddit")),
    ("rmi -f IMAGE", Success),
    ("pull IMAGE", Has("Digest: sha256:")),
    ("run --name reddit --rm -it IMAGE bash", Typed("ps | grep -c star[t]; exit 0", "\n0\n")),
    ("inspect IMAGE", Has("\"/start.sh\"")),
    ("inspect IMAGE -f {{.ContainerConfig.Cmd}}", Has("[/bin/sh -c #(nop)  CMD [\"/start.sh\"]")),
    ("images --format {{.Repository}}:{{.Tag}}", Has("localhost:5001/loktionovam/otus-reddit:1.0")),
    // Homework 14: networks with aliases, and a volume.
    ("network create reddit", Lines(1)),
    ("volume create reddit_db", Is("reddit_db")),
    (
        "run -d --name db --network=reddit --network-alias=post_db --network-alias=comment_db -v reddit_db:/data/db tiny sleep 1000",
        Lines(1),
    ),
    (
        "run -d --name post --network=reddit --network-alias=post_alias -e POST_DATABASE_HOST=post_db tiny sleep 1000",
        Lines(1),
    ),
    ("exec post sh -c ping~-c1~-W5~$POST_DATABASE_HOST", Has("1 packets received")),
    ("run --rm --network=reddit tiny ping -c 1 -W 5 comment_db", Has("1 packets received")),
    ("run --rm --network=reddit tiny ping -c 1 -W 5 post_alias", Has("1 packets received")),
    ("exec db touch /data/db/kept", Success),
    ("run --rm -v reddit_db:/d tiny ls /d", Is("kept")),
    ("run -d --name ui --network=reddit -p 9292:9292 tiny httpd -f -p 9292", Lines(1)),
    ("port ui", Has("9292/tcp -> 0.0.0.0:9292")),
    // Homework 15: the drivers none, host and bridge, and containers in two networks.
    ("run --rm --network none tiny ip -o link", Lines(1)),
    ("run --rm --network host tiny ip -o link", Has("uplink0")),
    ("run --rm --network bridge tiny ip -o addr show dev eth0", Has("inet 172.")),
    ("network create back_net --subnet=10.0.2.0/24", Lines(1)),
    ("network create front_net --driver bridge", Lines(1)),
    ("network connect front_net ui", Success),
    ("network connect back_net post", Success),
    ("inspect -f {{range~$name,$_:=.NetworkSettings.Networks}}{{$name}},{{end}} ui", Is("front_net,reddit,")),
    ("network inspect front_net -f {{range.Containers}}{{.Name}}{{end}}", Is("ui")),
    ("network disconnect back_net post", Success),
    ("rm -f ui post db", Lines(3)),
    ("network rm reddit front_net back_net", Lines(3)),
    ("volume rm reddit_db", Is("reddit_db")),
    ("logout localhost:5001", Success),
];

/// One command line on a host.
struct Cli<'a> {
    host: &'a Host,
    program: String,
    context: String,
}

impl Cli<'_> {
    fn words(&self, line: &str) -> Vec<String> {
        let line = line.replace("CONTEXT", &self.context).replace("IMAGE", IMAGE);
        line.split(' ').map(|word| word.replace('~', " ")).collect()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = self.host.foreign(&self.program);
        command.args(self.words(line));
        command
    }

    #[track_caller]
    fn run(&self, line: &str) -> String {
        Outcome::of(&mut self.command(line)).ok().trim_end().to_owned()
    }

    /// Runs a line on a terminal of its own, with something typed.
    #[track_caller]
    fn on_terminal(&self, line: &str, typed: &str) -> String {
        let mut command = self.host.foreign("sh");
        let line = self.words(line).join(" ");
        let script = format!("printf '%s\\n' \"$1\" | script -qec '{} {line}' /dev/null", self.program);
        Outcome::of(command.args(["-c", &script, "sh", typed])).ok().replace('\r', "")
    }

    /// Runs a line that goes on until another one ends it.
    fn until_ended(&self, line: &str, end: &str) -> String {
        let following = self.command(line).stdout(Stdio::piped()).spawn().unwrap();
        self.run(end);
        let output = following.wait_with_output().unwrap();
        assert!(output.status.success(), "{line}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[track_caller]
    fn check(&self, line: &str, shows: Shows) {
        let numbers =
            |text: &str| -> Vec<u32> { text.lines().filter_map(|line| line.trim().parse().ok()).collect() };
        let (shown, right) = match shows {
            Success => (self.run(line), true),
            Is(wanted) => {
                let shown = self.run(line);
                let right = shown == wanted;
                (shown, right)
            }
            Has(wanted) => {
                let shown = self.run(line);
                let right = shown.contains(wanted);
                (shown, right)
            }
            Lines(count) => {
                let shown = self.run(line);
                let right = shown.lines().count() == count;
                (shown, right)
            }
            Typed(typed, wanted) => {
                let shown = self.on_terminal(line, typed);
                let right = shown.contains(wanted);
                (shown, right)
            }
            TypedSmall(typed) => {
                let shown = self.on_terminal(line, typed);
                let right = numbers(&shown).iter().any(|number| *number < 10);
                (shown, right)
            }
            TypedLarge(typed) => {
                let shown = self.on_terminal(line, typed);
                let right = numbers(&shown).iter().any(|number| *number >= 10);
                (shown, right)
            }
            Becomes(wanted) => {
                eventually(line, || self.run(line) == wanted);
                return;
            }
            UntilEndedBy(end, wanted) => {
                let shown = self.until_ended(line, end);
                let right = shown == wanted;
                (shown, right)
            }
        };
        assert!(right, "$ {} {line}\n{shown}", self.program);
    }
}

fn context(host: &Host) -> String {
    let start = host.file("reddit/start.sh", START);
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&start, permissions).unwrap();
    let path = host.file("reddit/Dockerfile", DOCKERFILE);
    path.parent().unwrap().display().to_string()
}

fn whole_sheet(program: String) {
    let host = Host::new();
    images::tiny(&host);
    let _registry = Registry::with_password(&host);
    let cli = Cli { host: &host, program, context: context(&host) };
    for (line, shows) in SHEET {
        cli.check(line, *shows);
    }
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

#[test]
fn a_client_gets_the_version_it_asks_for() {
    let host = Host::new();
    images::tiny(&host);
    let docker = |program: &str, version: Option<&str>, line: &str| {
        let mut command = host.foreign(program);
        command.envs(version.map(|version| ("DOCKER_API_VERSION", version)));
        Outcome::of(command.args(line.split(' ')))
    };
    let spoken = "version --format {{.Client.APIVersion}}/{{.Server.MinAPIVersion}}/{{.Server.APIVersion}}";
    // Each takes its own newest one, which Berth knows.
    assert_eq!(docker("docker", None, spoken).ok(), "1.50/1.24/1.51\n");
    assert_eq!(docker("/usr/bin/docker", None, spoken).ok(), "1.41/1.24/1.51\n");
    for version in ["1.24", "1.30", "1.37", "1.41", "1.44", "1.47", "1.51"] {
        let run = |line: &str| docker("docker", Some(version), line).ok();
        assert_eq!(run("run --rm tiny echo here"), "here\n", "{version}");
        assert_eq!(run("run -d --name here tiny sleep 1000").trim_end().len(), 64, "{version}");
        assert_eq!(run("exec here echo inside"), "inside\n", "{version}");
        assert_eq!(
            run("inspect -f {{.NetworkSettings.Networks.bridge.IPPrefixLen}} here"),
            "16\n",
            "{version}"
        );
        assert_eq!(run("ps --format {{.Names}}"), "here\n", "{version}");
        run("rm -f here");
        assert!(run("network ls").contains("bridge"), "{version}");
    }
    for (version, says) in [("1.23", "too old"), ("1.99", "too new")] {
        let refused = docker("docker", Some(version), "ps");
        assert!(refused.code != Some(0) && refused.stderr.contains(says), "{refused}");
    }
}
