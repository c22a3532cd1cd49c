//! The image store by the command line: damage, a full disk, collection beside a pull, a kill amid one, two roots.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Netns, Outcome, Registry, Script, eventually, images};
use std::{fs, net::TcpListener, path::Path, process::Command, sync::mpsc};

const NAME: &str = "127.0.0.1:5000/app:1";

/// Pushes an image of one layer and forgets it.
fn publish(host: &Host) {
    images::imported(host, NAME);
    host.ok(&format!("push -q {NAME}"));
    host.ok(&format!("rmi -f {NAME}"));
}

fn whole(host: &Host) {
    assert_eq!(host.ok("store verify"), "The image store is whole.");
}

fn entries(dir: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The directory of the only layer.
fn layer(host: &Host) -> std::path::PathBuf {
    entries(&host.root().join("layers")).into_iter().find(|path| path.is_dir()).unwrap()
}

#[test]
fn damage_is_found_and_repaired_or_dropped() {
    let host = Host::new();
    let registry = Registry::start(&host);
    publish(&host);
    host.ok(&format!("pull -q {NAME}"));
    whole(&host);
    let program = layer(&host).join("bin/busybox");
    let original = fs::read(&program).unwrap();

    // The layer's directory is unpacked again from its blob, without the registry.
    fs::write(&program, "spoilt").unwrap();
    let before = registry.requests();
    let found = host.berth(["store", "verify"]);
    assert_eq!(found.code, Some(1), "{found}");
    assert!(found.stdout.contains(NAME) && found.stdout.contains("damaged"), "{found}");
    host.ok("store verify --repair");
    assert_eq!(fs::read(&program).unwrap(), original);
    assert_eq!(registry.requests(), before);
    whole(&host);

    // Directory and blob: fetched again.
    fs::write(&program, "spoilt").unwrap();
    let blobs = entries(&host.root().join("blobs/sha256"));
    let largest = blobs.iter().max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    fs::write(largest, "spoilt").unwrap();
    host.ok("store verify --repair");
    whole(&host);
    assert_eq!(host.ok(&format!("run --rm {NAME} echo mended")), "mended");

    // And when nobody has it any more, it is taken away, and said so.
    drop(registry);
    fs::write(largest, "spoilt").unwrap();
    fs::write(layer(&host).join("bin/busybox"), "spoilt").unwrap();
    let told = host.berth(["store", "verify", "--repair"]);
    assert!(told.stdout.contains(NAME), "{told}");
    let refused = host.berth(["run", "--rm", NAME, "echo"]);
    assert_ne!(refused.code, Some(0), "{refused}");
    assert_eq!(host.ok("images -q"), "");
    whole(&host);
}

#[test]
fn a_full_disk_is_named_and_leaves_the_store_as_it_was() {
    let host = Host::new();
    let _registry = Registry::start(&host);
    publish(&host);
    host.ok("engine stop");
    // Room for the store and its records, not for the image.
    let small = host.dir("small");
    Outcome::of(host.command("mount").args(["-t", "tmpfs", "-o", "size=1m", "small"]).arg(&small)).ok();
    let berth = |line: &str| {
        let mut command = host.berth_command(line.split(' '));
        Outcome::of(command.env("BERTH_ROOT", &small).env("BERTH_RUN", host.dir("small-run")))
    };
    let refused = berth(&format!("pull {NAME}")).fails(1);
    assert!(refused.contains("full") || refused.contains("No space left"), "{refused}");
    assert!(refused.contains(small.to_str().unwrap()), "the place is named: {refused}");
    assert_eq!(berth("store verify").ok(), "The image store is whole.\n");
    assert_eq!(berth("images -q").ok(), "");
    assert_eq!(entries(&small.join("layers")).len(), 0);
    berth("engine stop").ok();
    Outcome::of(host.command("umount").arg(&small)).ok();
}

#[test]
fn a_kill_amid_a_pull_leaves_nothing_and_the_next_pull_goes_through() {
    let host = Host::new();
    let _registry = Registry::start(&host);
    publish(&host);
    // The proxy never finishes, so the pull is under way when the engine dies.
    let proxy = Script::start(&host, "registry_proxy.py", 5003, &["stall"]);
    let mut pull = host.spawn(["pull", "127.0.0.1:5003/app:1"]);
    let half_made = || {
        let sessions = entries(&host.root().join("tmp"));
        sessions.iter().flat_map(|session| entries(session)).any(|path| path.is_dir())
    };
    eventually("a layer is being unpacked", half_made);
    // What goes on meanwhile does not take it away, and does not wait for it.
    host.ok("image prune -af");
    assert!(half_made());
    host.kill_engine();
    pull.wait().unwrap();
    drop(proxy);
    whole(&host);
    assert_eq!(host.ok("images -q"), "");
    assert!(!half_made(), "what the dead engine left is removed by the next one");
    host.ok(&format!("pull -q {NAME}"));
    whole(&host);
    host.ok(&format!("rmi {NAME}"));
}

#[test]
fn collecting_beside_pulls_takes_nothing_away_from_them() {
    let host = Host::new();
    let _registry = Registry::start(&host);
    publish(&host);
    for _ in 0..5 {
        let mut pull = host.spawn(["pull", "-q", NAME]);
        while pull.try_wait().unwrap().is_none() {
            host.ok("image prune -f");
        }
        let done = pull.wait_with_output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(host.ok(&format!("run --rm {NAME} echo here")), "here");
        host.ok(&format!("rmi {NAME}"));
    }
    whole(&host);
}

#[test]
fn collecting_beside_a_build_takes_nothing_away_from_it() {
    let host = Host::new();
    images::tiny(&host);
    host.ok("tag tiny base");
    host.ok("rmi tiny");
    let waits = "FROM base
RUN echo first > /first
RUN nc 127.0.0.1 7001
RUN echo last > /last
";
    let file = host.file("waits/Dockerfile", waits);
    let namespace = host.netns().path();
    let (ready, is_ready) = mpsc::channel();
    let listening = std::thread::spawn(move || {
        Netns::enter_path(&namespace);
        let listener = TcpListener::bind("127.0.0.1:7001").unwrap();
        ready.send(()).unwrap();
        listener.accept().unwrap().0
    });
    is_ready.recv().unwrap();
    let context = file.parent().unwrap().display().to_string();
    let build = host.spawn(["build", "--network", "host", "-t", "made", &context]);
    let step = listening.join().unwrap();
    host.ok("image prune -a -f");
    host.ok("builder prune -a -f");
    drop(step);
    let build = build.wait_with_output().unwrap();
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    assert_eq!(host.ok("run --rm made cat /first /last"), "first\nlast");
    whole(&host);
}

#[test]
fn two_engines_on_two_roots_do_not_disturb_each_other() {
    let (one, two) = (Host::new(), Host::new());
    images::imported(&one, "same:1");
    images::imported(&two, "same:1");
    let mut pruning = one.spawn(["image", "prune", "-af"]);
    assert_eq!(two.ok("run --rm same:1 echo second"), "second");
    pruning.wait().unwrap();
    one.kill_engine();
    assert_eq!(two.ok("run --rm same:1 echo second"), "second");
    assert_eq!(one.ok("images -q"), "");
    whole(&one);
    whole(&two);
    two.ok("rmi same:1");
}

#[test]
fn podman_and_containerd_pull_from_the_store_that_is_served() {
    let host = Host::new();
    images::imported(&host, "team/app:1");
    let token = host.file("token", "a-long-token\n");
    let mut serve = host.berth_command(["registry", "serve", "--listen", "127.0.0.1:5006", "--token-file"]);
    let mut server = serve.arg(&token).spawn().unwrap();
    eventually("the registry answers", || {
        let asked = Outcome::of(host.command("curl").args(["-s", "http://127.0.0.1:5006/v2/_catalog"]));
        asked.stdout.contains("team/app")
    });
    podman_pulls_and_pushes(&host);
    containerd_pulls(&host);
    let described = host.ok("run --rm team/pushed:1 echo from podman");
    assert_eq!(described, "from podman");
    rustix::process::kill_process(rustix::process::Pid::from_child(&server), rustix::process::Signal::TERM)
        .unwrap();
    assert!(server.wait().unwrap().success());
    host.ok("rmi team/pushed:1 team/app:1");
    whole(&host);
}

fn installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

fn podman_pulls_and_pushes(host: &Host) {
    if !installed("podman") {
        assert!(std::env::var_os("CI").is_none(), "podman is not installed: scripts/install-packages test");
        host.ok("tag team/app:1 team/pushed:1");
        return;
    }
    let podman = |line: &str| {
        let mut podman = host.command("timeout");
        podman.args(["--kill-after=5", "120", "podman"]);
        for (option, name) in [("--root", "root"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            podman.arg(option).arg(host.dir("podman").join(name));
        }
        podman.args(["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none"]);
        Outcome::of(podman.args(line.split(' ')))
    };
    podman("pull -q --tls-verify=false 127.0.0.1:5006/team/app:1").ok();
    let push = "push -q --tls-verify=false 127.0.0.1:5006/team/app:1 docker://127.0.0.1:5006/team/pushed:1";
    let refused = podman(push);
    assert_ne!(refused.code, Some(0), "without the token nobody writes: {refused}");
    podman(&push.replace("push -q", "push -q --creds any:a-long-token")).ok();
    podman("rmi -fa").ok();
}

fn containerd_pulls(host: &Host) {
    if !installed("containerd") || !installed("ctr") {
        return;
    }
    let dir = host.dir("containerd");
    let socket = dir.join("sock");
    let config = format!(
        "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\nroot = \"{0}/root\"\nstate = \"{0}/state\"\n[grpc]\naddress = \"{0}/sock\"\n[plugins.\"io.containerd.internal.v1.opt\"]\npath = \"{0}/opt\"\n",
        dir.display()
    );
    let config = host.file("containerd/config.toml", &config);
    let mut daemon = host.command("containerd");
    daemon.arg("--config").arg(config).arg("--log-level=error");
    let mut daemon =
        daemon.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    eventually("containerd listens", || socket.exists());
    let mut pull = host.command("timeout");
    pull.args(["--kill-after=5", "120", "ctr", "-a"]).arg(&socket);
    pull.args(["images", "pull", "--plain-http", "--snapshotter", "native", "127.0.0.1:5006/team/app:1"]);
    let pulled = Outcome::of(&mut pull);
    rustix::process::kill_process(rustix::process::Pid::from_child(&daemon), rustix::process::Signal::TERM)
        .unwrap();
    daemon.wait().unwrap();
    assert!(pulled.ok().contains("done"));
}
