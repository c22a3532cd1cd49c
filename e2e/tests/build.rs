//! `build` with real containers: what it runs, what it says when it fails, what it leaves when it is killed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, eventually, images};
use std::path::PathBuf;

/// A context with a Dockerfile.
fn context(host: &Host, name: &str, dockerfile: &str) -> PathBuf {
    let file = host.file(&format!("{name}/Dockerfile"), dockerfile);
    file.parent().expect("a file has a parent").to_owned()
}

/// Commands of builds that run now.
fn steps(host: &Host) -> usize {
    let dir = host.run_dir().join("containers");
    std::fs::read_dir(dir).map_or(0, |entries| entries.flatten().count())
}

/// Half-made things of builds.
fn half_made(host: &Host) -> Vec<PathBuf> {
    let sessions = std::fs::read_dir(host.root().join("tmp")).into_iter().flatten().flatten();
    let files =
        sessions.flat_map(|session| std::fs::read_dir(session.path()).into_iter().flatten().flatten());
    files.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

#[test]
fn an_image_does_what_its_dockerfile_says() {
    let host = Host::new();
    images::tiny(&host);
    let dir = context(
        &host,
        "app",
        "FROM tiny AS made\nARG WHO=nobody\nRUN mkdir /out && echo \"for $WHO\" > /out/file && chown -R www /out\n\
         FROM tiny\nCOPY --from=made /out /app\nUSER www\nWORKDIR /app\nENV A=b\nCMD [\"sh\", \"-c\", \"cat file; id -un; echo $A\"]\n",
    );
    let path = dir.display();
    host.ok(&format!("build -q -t app --build-arg WHO=me {path}"));
    assert_eq!(host.ok("run --rm app"), "for me\nwww\nb");
    let first = host.ok(&format!("build -q -t app --build-arg WHO=me {path}"));
    let second = host.ok(&format!("build -q -t app --build-arg WHO=me {path}"));
    assert_eq!(first, second);
    assert_eq!(host.ok("run --rm app ls -A /etc"), "group\nhostname\nhosts\npasswd\nresolv.conf");
}

#[test]
fn a_mistake_shows_its_line_and_changes_nothing() {
    let host = Host::new();
    images::tiny(&host);
    let before = host.ok("images -q --no-trunc");
    let wrong = context(&host, "wrong", "FROM tiny\nRUN true\nCOPYY a b\n");
    let error = host.fails(1, &format!("build {}", wrong.display()));
    assert!(error.contains("Dockerfile:3") && error.contains("3 | COPYY a b"), "{error}");
    let failing = context(&host, "failing", "FROM tiny\nRUN echo about; echo why >&2; exit 9\n");
    let error = host.fails(1, &format!("build {}", failing.display()));
    assert!(error.contains("exited with code 9") && error.contains("why"), "{error}");
    let missing = context(&host, "missing", "FROM tiny\nCOPY nothing /\n");
    let error = host.fails(1, &format!("build {}", missing.display()));
    assert!(error.contains("\"nothing\" is not in the build context"), "{error}");
    assert_eq!(host.ok("images -q --no-trunc"), before);
}

#[test]
fn a_build_nobody_waits_for_is_ended() {
    let host = Host::new();
    images::tiny(&host);
    let dir = context(&host, "long", "FROM tiny\nRUN sleep 1000\n");
    let mut client = host.spawn(["build", &dir.display().to_string()]);
    eventually("the step runs", || steps(&host) == 1);
    client.kill().expect("the client can be killed");
    client.wait().expect("the client ends");
    eventually("the step is ended", || steps(&host) == 0);
    eventually("nothing half-made is left", || half_made(&host).is_empty());
}

#[test]
fn a_killed_engine_leaves_nothing_of_its_build() {
    let host = Host::new();
    images::tiny(&host);
    let dir = context(&host, "long", "FROM tiny\nRUN echo done > /done\nRUN sleep 1000\n");
    let mut client = host.spawn(["build", "-t", "long", &dir.display().to_string()]);
    eventually("the second step runs", || {
        half_made(&host).len() == 1 && steps(&host) == 1 && {
            let layers = std::fs::read_dir(host.root().join("layers")).into_iter().flatten().flatten();
            layers.into_iter().any(|layer| layer.path().join("done").exists())
        }
    });
    host.kill_engine();
    client.wait().expect("the client ends");
    let images = host.ok("images");
    assert!(!images.contains("long"), "{images}");
    assert_eq!((steps(&host), half_made(&host)), (0, Vec::new()));
    let again = context(&host, "again", "FROM tiny\nRUN echo done > /done\n");
    host.ok(&format!("build -q -t again {}", again.display()));
    assert_eq!(host.ok("run --rm again cat /done"), "done");
}
