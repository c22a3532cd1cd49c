//! `build` from everywhere: standard input, URLs, registries, services; and the caches it leaves.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, client, eventually, images};
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A context with a Dockerfile.
fn context(host: &Host, name: &str, dockerfile: &str) -> PathBuf {
    let file = host.file(&format!("{name}/Dockerfile"), dockerfile);
    file.parent().expect("a file has a parent").to_owned()
}

/// Runs `berth` with something on standard input.
fn fed(host: &Host, line: &str, input: &[u8]) -> Outcome {
    let mut child = host.spawn(line.split_whitespace());
    // One that refuses may be gone before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    Outcome::from_output(line.to_owned(), child.wait_with_output().unwrap())
}

/// A tar archive of a directory.
fn archive(directory: &Path, options: &str) -> Vec<u8> {
    let packed = Command::new("tar").args(["-c", options, "-C"]).arg(directory).arg(".").output().unwrap();
    assert!(packed.status.success());
    packed.stdout
}

/// A server in the host's network, ended with the test.
struct Server(Child);

impl Server {
    fn start(host: &Host, command: &mut Command, port: u16) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self(child);
        eventually("the server answers", || {
            let mut probe = host.command("python3");
            probe.args(["-c", &format!("import socket; socket.create_connection(('127.0.0.1', {port}))")]);
            probe.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        });
        server
    }

    fn files(host: &Host, directory: &Path) -> Self {
        let mut command = host.command("python3");
        command.args(["-m", "http.server", "--bind", "127.0.0.1", "8123", "--directory"]).arg(directory);
        Self::start(host, &mut command, 8123)
    }

    /// Debian's registry on port 5000.
    fn registry(host: &Host) -> Self {
        let config = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: 127.0.0.1:5000}}\nlog: {{level: error}}\n",
            host.dir("registry").display()
        );
        let config = host.file("registry.yml", &config);
        let mut command = host.command(client("docker-registry"));
        Self::start(host, command.arg("serve").arg(config), 5000)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn standard_input_is_a_dockerfile_or_an_archive() {
    let host = Host::new();
    images::tiny(&host);
    fed(&host, "build -q -t text -", b"FROM tiny\nCOPY <<x /x\nwritten\nx\n").ok();
    assert_eq!(host.ok("run --rm text cat /x"), "written");
    let error = fed(&host, "build -", b"FROM tiny\nCOPY file /\n").fails(1);
    assert!(error.contains("\"file\" is not in the build context"), "{error}");
    let dir = context(&host, "sent", "FROM tiny\nCOPY . /sent\n");
    host.file("sent/.dockerignore", "left-out\n");
    host.file("sent/own", "own\n");
    host.file("sent/left-out", "");
    host.file("sent/sub/Other", "FROM tiny\nCOPY own /other\n");
    for how in ["--no-auto-compress", "--gzip", "--bzip2", "--xz", "--zstd"] {
        fed(&host, "build -q -t sent -", &archive(&dir, how)).ok();
    }
    assert_eq!(host.ok("run --rm sent ls -A /sent"), ".dockerignore\nDockerfile\nown\nsub");
    fed(&host, "build -q -t other -f sub/Other -", &archive(&dir, "--gzip")).ok();
    assert_eq!(host.ok("run --rm other cat /other"), "own");
    let error = fed(&host, "build -f - -", b"").fails(1);
    assert!(error.contains("cannot be both"), "{error}");
}

#[test]
fn a_hostile_context_is_refused_with_its_entry_named() {
    let host = Host::new();
    let dir = context(&host, "evil", "FROM scratch\nCOPY . /\n");
    let sent = |member: &str, link: &str, kind: u8| {
        let mut block = [0_u8; 512];
        block[..member.len()].copy_from_slice(member.as_bytes());
        block[100..107].copy_from_slice(b"0000644");
        block[124..135].copy_from_slice(b"00000000000");
        block[136..147].copy_from_slice(b"00000000000");
        block[156] = kind;
        block[157..157 + link.len()].copy_from_slice(link.as_bytes());
        block[257..263].copy_from_slice(b"ustar\0");
        block[263..265].copy_from_slice(b"00");
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        [&block[..], &archive(&dir, "--no-auto-compress")].concat()
    };
    for (member, link, kind, told) in [
        ("../../evil", "", b'0', "\"../../evil\": its name contains '..'"),
        ("out", "/etc/passwd", b'1', "\"out\": its hard link names a file that is not there"),
        ("gone", "", b'3', "\"gone\": a device 0:0"),
    ] {
        let error = fed(&host, "build -", &sent(member, link, kind)).fails(1);
        assert!(error.contains(told), "{error}");
    }
    // What lies in a context by an absolute name, or behind a link, is inside of it.
    let done = fed(&host, "build -q -t evil -", &sent("/abs", "", b'0')).ok();
    assert!(done.starts_with("sha256:"), "{done}");
    let error = fed(&host, "build -", &sent("Dockerfile.dockerignore", "/etc/shadow", b'2')).fails(1);
    assert!(error.contains("not a regular file in the build context"), "{error}");
}

#[test]
fn a_url_is_a_context() {
    let host = Host::new();
    images::tiny(&host);
    let dir = context(&host, "from", "FROM tiny\nCOPY own /own\n");
    host.file("from/own", "by url\n");
    let served = host.dir("served");
    std::fs::write(served.join("context.tar.gz"), archive(&dir, "--gzip")).unwrap();
    std::fs::write(served.join("Dockerfile"), "FROM tiny\nRUN echo here > /here\n").unwrap();
    let _server = Server::files(&host, &served);
    host.ok("build -q -t one http://127.0.0.1:8123/context.tar.gz");
    assert_eq!(host.ok("run --rm one cat /own"), "by url");
    host.ok("build -q -t two http://127.0.0.1:8123/Dockerfile");
    assert_eq!(host.ok("run --rm two cat /here"), "here");
    let named = context(&host, "named", "FROM tiny\nCOPY --from=further own /named\n");
    let further = "--build-context further=http://127.0.0.1:8123/context.tar.gz";
    host.ok(&format!("build -q -t three {further} {}", named.display()));
    assert_eq!(host.ok("run --rm three cat /named"), "by url");
    let error = host.fails(1, "build http://127.0.0.1:8123/none");
    assert!(error.contains("cannot use the build context http://127.0.0.1:8123/none"), "{error}");
}

#[test]
fn a_base_that_is_missing_comes_from_its_registry_and_caches_go_there() {
    let host = Host::new();
    images::tiny(&host);
    let _registry = Server::registry(&host);
    host.ok("tag tiny localhost:5000/team/base:1");
    host.ok("push localhost:5000/team/base:1");
    host.ok("rmi localhost:5000/team/base:1");
    let text = "FROM localhost:5000/team/base:1 AS made\nRUN echo made > /made\n\
                FROM localhost:5000/team/base:1\nCOPY --from=made /made /copied\n";
    let dir = context(&host, "app", text);
    let path = dir.display();
    let done = host.berth(["build", "--progress", "plain", "-t", "app", &path.to_string()]);
    assert!(done.stderr.contains("pulling localhost:5000/team/base:1"), "{done}");
    assert_eq!(host.ok("run --rm app cat /copied"), "made");
    let missing = context(&host, "missing", "FROM localhost:5000/team/none:1\n");
    let error = host.fails(1, &format!("build {}", missing.display()));
    assert!(
        error.contains("1 | FROM localhost:5000/team/none:1") && error.contains("cannot fetch"),
        "{error}"
    );
    // The cache of all stages, and the one that an image has in itself.
    let name = "localhost:5000/team/app";
    host.ok(&format!("build -q --cache-to type=registry,ref={name}:cache,mode=max {path}"));
    host.ok(&format!("build -q --cache-to type=inline -t {name}:1 {path}"));
    host.ok(&format!("push {name}:1"));
    host.ok("rmi app");
    for (cache, steps) in [("cache", "2 of 4"), ("1", "1 of 4")] {
        host.ok("rmi -f localhost:5000/team/app:1");
        host.ok("builder prune -af");
        let from = format!("--cache-from type=registry,ref={name}:{cache}");
        let line = format!("build --progress plain {from} -t again {path}");
        let done = host.berth(line.split_whitespace());
        assert!(done.stderr.contains(&format!("({steps} steps cached)")), "{cache}: {done}");
        host.ok("rmi again");
        host.ok(&format!("pull {name}:1"));
    }
}

#[test]
fn keys_in_files_are_given_by_an_agent() {
    let host = Host::new();
    images::tiny(&host);
    let key = host.dir("keys").join("id");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
    assert!(made.unwrap().success());
    let text = "FROM tiny\nRUN --mount=type=ssh,required=true [ -S $SSH_AUTH_SOCK ]\n";
    let dir = context(&host, "ssh", text);
    host.ok(&format!("build -q --ssh default={} {}", key.display(), dir.display()));
    eventually("the agent has ended", || !host.has_process("ssh-agent -D -a agent"));
    let wrong = host.file("keys/wrong", "no key\n");
    let error = host.fails(1, &format!("build --ssh default={} {}", wrong.display(), dir.display()));
    assert!(error.contains("--ssh default") && error.contains("cannot use the key"), "{error}");
}

#[test]
fn services_are_built_after_those_they_take_files_from() {
    let host = Host::new();
    images::tiny(&host);
    let project = host.project(
        "shop",
        "services:\n  app:\n    build:\n      context: app\n      additional_contexts: {base: 'service:zero'}\n    command: cat /got\n  \
         zero: {build: ./zero}\n",
    );
    context(&host, "shop/app", "FROM tiny\nCOPY --from=base /made /got\n");
    context(&host, "shop/zero", "FROM tiny\nRUN echo by zero > /made\nCMD [\"true\"]\n");
    host.compose(&project, "build -q app").ok();
    assert_eq!(host.ok("run --rm shop-app cat /got"), "by zero");
    host.ok("rmi shop-app shop-zero");
    host.compose(&project, "up -d app").ok();
    eventually("the service has said it", || host.compose(&project, "logs app").ok().contains("by zero"));
    host.compose(&project, "down").ok();
}

#[test]
fn what_builds_keep_is_given_back() {
    let host = Host::new();
    images::tiny(&host);
    let mount = "--mount=type=cache,target=/c";
    let dir = context(
        &host,
        "kept",
        &format!("FROM tiny\nRUN {mount} dd if=/dev/zero of=/c/big bs=1M count=2\nRUN echo x > /x\n"),
    );
    let build =
        || host.berth(["build", "--progress", "plain", "-t", "kept", &dir.display().to_string()]).stderr;
    build();
    assert!(host.ok("builder prune -f").contains("reclaimed space: 0B"));
    let cached =
        |told: String, steps: &str| assert!(told.contains(&format!("({steps} steps cached)")), "{told}");
    cached(build(), "2 of 3");
    host.ok("rmi kept");
    cached(build(), "2 of 3");
    host.ok("rmi kept");
    // What changed nothing takes no space.
    host.ok("builder prune -f");
    cached(build(), "1 of 3");
    let told = host.ok("builder prune -af");
    assert!(told.contains("Total reclaimed space: 2."), "{told}");
    assert_eq!(host.ok("run --rm kept cat /x"), "x");
    cached(build(), "0 of 3");
}
