//! `build` as the Dockerfile reference has it, where real commands, files and hosts are needed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, eventually, images};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A context with a Dockerfile.
fn context(host: &Host, name: &str, dockerfile: &str) -> PathBuf {
    let file = host.file(&format!("{name}/Dockerfile"), dockerfile);
    file.parent().expect("a file has a parent").to_owned()
}

/// A web server for the files of a directory, in the host's network.
struct Server(Child);

impl Server {
    fn start(host: &Host, directory: &Path) -> Self {
        let mut command = host.command("python3");
        command.args(["-m", "http.server", "--bind", "127.0.0.1", "8123", "--directory"]).arg(directory);
        let child =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("python3 is installed");
        eventually("the server answers", || {
            let mut probe = host.command("python3");
            probe.args(["-c", "import socket; socket.create_connection(('127.0.0.1', 8123))"]);
            probe.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        });
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn files_come_from_a_web_server() {
    let host = Host::new();
    images::tiny(&host);
    let served = host.file("served/note.txt", "served\n");
    let _server = Server::start(&host, served.parent().unwrap());
    let text = "FROM tiny\nADD http://127.0.0.1:8123/note.txt /to/\nRUN cat /to/note.txt > /read\n";
    let dir = context(&host, "add", text);
    host.ok(&format!("build -q -t add {}", dir.display()));
    assert_eq!(host.ok("run --rm add cat /read"), "served");
    assert_eq!(host.ok("run --rm add stat -c %a:%u /to/note.txt"), "600:0");
    let missing = context(&host, "missing", "FROM tiny\nADD http://127.0.0.1:8123/none /\n");
    let error = host.fails(1, &format!("build {}", missing.display()));
    assert!(error.contains("2 | ADD http") && error.contains("404"), "{error}");
}

#[test]
fn the_same_input_gives_the_same_image_twice_and_on_two_stores() {
    let build = |host: &Host, extra: &str| {
        let text = "FROM tiny AS a\nRUN mkdir /made && date > /made/now && rm /made/now && echo x > /made/x\n\
                    FROM tiny\nCOPY --from=a /made /made\nCOPY own /own\nWORKDIR /w\n\
                    RUN touch /t && ln /t /u && rm -r /made/x\n";
        let dir = context(host, "same", text);
        host.file("same/own", "own\n");
        let mut command = host.berth_command(["build", "-q"]);
        command.args(extra.split_whitespace()).arg(&dir).env("SOURCE_DATE_EPOCH", "1000000000");
        Outcome::of(&mut command).ok()
    };
    let tiny = |host: &Host| {
        let mut command = host.berth_command(["build", "-q", "-t", "tiny"]);
        images::tiny(host);
        command.arg(host.dir("tiny-image")).env("SOURCE_DATE_EPOCH", "1000000000");
        Outcome::of(&mut command).ok();
    };
    let (one, two) = (Host::new(), Host::new());
    tiny(&one);
    let first = build(&one, "");
    assert_eq!(build(&one, "--no-cache"), first);
    tiny(&two);
    assert_eq!(build(&two, ""), first);
}

#[test]
fn findings_are_told_without_building() {
    let host = Host::new();
    let dir = context(&host, "check", "FROM not:here AS Base\nARG MY_TOKEN\nCMD run it\n");
    let done = host.berth(["build", "--check", &dir.display().to_string()]);
    assert_eq!(done.code, Some(1), "{done}");
    for told in [
        "Dockerfile:1: StageNameCasing",
        "Dockerfile:2: SecretsUsedInArgOrEnv",
        "Dockerfile:3: JSONArgsRecommended",
        "   3 | CMD run it",
        "3 warnings have been found",
    ] {
        assert!(done.stdout.contains(told), "{told}: {done}");
    }
    let clean = context(&host, "clean", "FROM not:here\nCMD [\"x\"]\n");
    assert!(host.ok(&format!("build --check {}", clean.display())).contains("no warnings found"));
}

#[test]
fn results_are_written_as_files_and_archives() {
    let host = Host::new();
    images::tiny(&host);
    let dir =
        context(&host, "out", "FROM tiny AS made\nRUN echo x > /x\nFROM scratch\nCOPY --from=made /x /d/x\n");
    let (path, to) = (dir.display(), host.dir("result"));
    host.ok(&format!("build -o {} {path}", to.display()));
    assert_eq!(std::fs::read_to_string(to.join("d/x")).unwrap(), "x\n");
    let stream = host.dir("stream").join("out.tar");
    let mut build = host.berth_command(["build", "-o", "-", &path.to_string()]);
    let status = build.stdout(std::fs::File::create(&stream).unwrap()).stderr(Stdio::null()).status();
    assert!(status.unwrap().success());
    let listed = Command::new("tar").arg("-tf").arg(&stream).output().unwrap();
    assert_eq!(String::from_utf8(listed.stdout).unwrap(), "d/\nd/x\n");
    let archive = host.dir("archive").join("app.tar");
    host.ok(&format!("build -t app:1 -o type=oci,dest={} {path}", archive.display()));
    host.ok("rmi app:1");
    host.ok(&format!("load -i {}", archive.display()));
    assert!(host.ok("images").contains("app"));
}

#[test]
fn a_cache_in_a_directory_serves_another_host() {
    let (one, two) = (Host::new(), Host::new());
    let cache = one.dir("cache");
    let build = |host: &Host| {
        let text = "FROM tiny AS a\nRUN echo made > /made\nFROM tiny\nCOPY --from=a /made /copied\n";
        let dir = context(host, "cached", text);
        let cache = cache.display();
        host.berth(
            format!(
                "build --progress plain --cache-from type=local,src={cache} --cache-to type=local,dest={cache},mode=max -t c {}",
                dir.display()
            )
            .split_whitespace(),
        )
    };
    images::tiny(&one);
    let base = one.dir("base").join("tiny.tar");
    one.ok(&format!("save -o {} tiny", base.display()));
    two.ok(&format!("load -i {}", base.display()));
    let first = build(&one).stderr;
    assert!(first.contains("CacheNotUsed") && first.contains("(0 of 4 steps cached)"), "{first}");
    let second = build(&two).stderr;
    assert!(second.contains("(2 of 4 steps cached)"), "{second}");
    assert_eq!(two.ok("run --rm c cat /copied"), "made");
}

/// A small file system in memory, gone at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn new(path: PathBuf, size: &str) -> Self {
        std::fs::create_dir_all(&path).unwrap();
        let size = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "small"]).arg(&path).status();
        assert!(mounted.unwrap().success());
        Self(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_fails_the_build_and_leaves_the_cache_valid() {
    let scratch = tempfile::tempdir_in("/var/tmp").unwrap();
    let disk = SmallDisk::new(scratch.path().join("disk"), "24m");
    let host = Host::on_root(&disk.0.join("root"));
    images::tiny(&host);
    let begin = "FROM tiny\nRUN echo done > /done\n";
    let fill = context(&host, "fill", &format!("{begin}RUN dd if=/dev/zero of=/big bs=1M count=64\n"));
    let error = host.fails(1, &format!("build {}", fill.display()));
    assert!(error.contains("3 | RUN dd") && error.contains("No space left on device"), "{error}");
    let copy = context(&host, "copy", &format!("{begin}COPY big /big\n"));
    std::fs::File::create(copy.join("big")).unwrap().set_len(64 << 20).unwrap();
    let error = host.fails(1, &format!("build {}", copy.display()));
    assert!(error.contains("3 | COPY big") && error.contains("No space left on device"), "{error}");
    let good = context(&host, "good", begin);
    let done = host.berth(["build", "--progress", "plain", "-t", "good", &good.display().to_string()]);
    assert!(done.stderr.contains("(1 of 2 steps cached)"), "{done}");
    assert_eq!(host.ok("run --rm good cat /done"), "done");
    drop(host);
    drop(disk);
}

#[test]
fn stages_that_do_not_need_each_other_run_at_once() {
    let host = Host::new();
    images::tiny(&host);
    // Each waits for the other on a pipe in a shared cache.
    let mount = "--mount=type=cache,target=/c";
    let dir = context(
        &host,
        "parallel",
        &format!(
            "FROM tiny AS pipe\nRUN {mount} rm -f /c/p && mkfifo /c/p\nFROM pipe AS a\nRUN {mount} echo met > /c/p\n\
             FROM pipe AS b\nRUN {mount} cat /c/p > /got\nFROM tiny\n\
             COPY --from=a /etc/passwd /\nCOPY --from=b /got /\n"
        ),
    );
    host.ok(&format!("build -q -t parallel {}", dir.display()));
    assert_eq!(host.ok("run --rm parallel cat /got"), "met");
}
