//! `RUN --mount` with real containers: secrets, agents, caches, files of stages.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, images};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A context with a Dockerfile.
fn context(host: &Host, name: &str, dockerfile: &str) -> PathBuf {
    let file = host.file(&format!("{name}/Dockerfile"), dockerfile);
    file.parent().expect("a file has a parent").to_owned()
}

/// Whether any file beneath a directory holds `text`.
fn holds(directory: &Path, text: &str) -> bool {
    let found = Command::new("grep").args(["-rlaF", text]).arg(directory).output().unwrap();
    found.status.success()
}

#[test]
fn a_secret_is_seen_by_its_command_and_stays_nowhere() {
    let host = Host::new();
    images::tiny(&host);
    let dir = context(
        &host,
        "secret",
        "FROM tiny\nRUN --mount=type=secret,id=key,uid=33 --mount=type=secret,id=word,env=WORD \\\n\
         stat -c '%a %u' /run/secrets/key && sed s/./x/g /run/secrets/key > /length && \\\n\
         [ ${#WORD} = 11 ] && touch /seen\nRUN [ ! -e /run/secrets/key ] && [ -z \"$WORD\" ]\n",
    );
    let key = host.file("key", "hush-key-7");
    let mut build = host.berth_command(["build", "-t", "secret", "--progress", "plain"]);
    build.arg("--secret").arg(format!("id=key,src={}", key.display()));
    build.args(["--secret", "id=word,env=THE_WORD"]).env("THE_WORD", "hush-word-9").arg(&dir);
    let done = Outcome::of(&mut build);
    let told = done.stderr.clone();
    done.ok();
    assert!(told.contains("400 33"), "{told}");
    assert_eq!(host.ok("run --rm secret cat /length"), "xxxxxxxxxx");
    assert!(!told.contains("hush") && !holds(host.root(), "hush-") && !holds(host.run_dir(), "hush-"));
}

/// An agent without keys.
struct Agent(Child, PathBuf);

impl Agent {
    fn start(host: &Host) -> Self {
        let socket = host.dir("agent").join("socket");
        let child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .expect("ssh-agent is installed");
        e2e::eventually("the agent listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
        Self(child, socket)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_agent_is_there_for_whoever_runs_the_command() {
    let host = Host::new();
    images::tiny(&host);
    let agent = Agent::start(&host);
    let dir = context(
        &host,
        "agent",
        "FROM tiny\nUSER www\nWORKDIR /tmp\nRUN --mount=type=ssh,uid=33 \\\n\
         [ -S \"$SSH_AUTH_SOCK\" ] && stat -c '%a %u' $SSH_AUTH_SOCK\n",
    );
    let mut build = host.berth_command(["build", "-t", "agent", "--progress", "plain", "--ssh"]);
    let done = Outcome::of(build.arg(format!("default={}", agent.1.display())).arg(&dir));
    let told = done.stderr.clone();
    done.ok();
    assert!(told.contains("600 33"), "{told}");
    let error = host.fails(1, &format!("build --ssh default={}/none {}", dir.display(), dir.display()));
    assert!(error.contains("--ssh default: cannot use"), "{error}");
}

#[test]
fn a_cache_outlives_builds_and_is_in_no_image() {
    let host = Host::new();
    images::tiny(&host);
    let step = |number: u32| {
        format!("FROM tiny\nRUN --mount=type=cache,target=/c echo {number} >> /c/log && cp /c/log /seen\n")
    };
    for number in 1..=2 {
        let dir = context(&host, &format!("cache{number}"), &step(number));
        host.ok(&format!("build -q -t cache {}", dir.display()));
    }
    assert_eq!(host.ok("run --rm cache cat /seen"), "1\n2");
    assert_eq!(host.ok("run --rm cache ls /"), "bin\ndev\netc\nproc\nroot\nseen\nsys\ntmp");
}

#[test]
fn files_of_stages_and_of_the_context_are_mounted() {
    let host = Host::new();
    images::tiny(&host);
    let dir = context(
        &host,
        "bind",
        "FROM tiny AS made\nRUN echo stage > /file\nFROM tiny\n\
         RUN --mount=from=made,source=/file,target=/one --mount=target=/two,rw --mount=type=tmpfs,target=/three,size=1m \\\n\
         cat /one > /got && cat /two/own >> /got && echo x > /two/new && echo y > /three/x && ! echo z > /one\n",
    );
    host.file("bind/own", "context\n");
    host.ok(&format!("build -q -t bind {}", dir.display()));
    assert_eq!(host.ok("run --rm bind cat /got"), "stage\ncontext");
    assert!(!dir.join("new").exists());
}
