//! Archives, trees and what is known of images, by the command line; Docker's engine and skopeo read and write the same.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Dockerd, Host, Outcome, images};
use std::{fs, path::Path};

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn run(host: &Host, line: &str) -> String {
    Outcome::of(host.command("sh").args(["-c", line])).ok()
}

#[test]
fn docker_reads_what_is_saved_and_is_read() {
    let host = Host::new();
    images::tiny(&host);
    images::imported(&host, "other:2");
    let docker = Dockerd::start();
    let (ours, theirs) = (host.dir("archives").join("ours.tar"), host.dir("archives").join("theirs.tar"));
    host.ok(&format!("save -o {} tiny other:2", text(&ours)));
    let loaded = docker.docker(["load", "-i", &text(&ours)]).ok();
    assert!(loaded.contains("tiny:latest") && loaded.contains("other:2"), "{loaded}");
    let id = |outcome: Outcome| outcome.ok().trim().to_owned();
    for name in ["tiny", "other:2"] {
        let inspect = ["image", "inspect", "-f", "{{.Id}}", name];
        assert_eq!(id(docker.docker(inspect)), id(host.berth(inspect)), "{name}");
    }
    docker.docker(["tag", "tiny", "again:3"]).ok();
    docker.docker(["save", "-o", &text(&theirs), "again:3", "other:2"]).ok();
    host.ok("rmi -f tiny other:2");
    let told = host.ok(&format!("load -i {}", text(&theirs)));
    assert!(told.contains("again:3") && told.contains("other:2"), "{told}");
    assert_eq!(host.ok("run --rm again:3 echo from docker"), "from docker");
    assert_eq!(host.ok("store verify"), "The image store is whole.");
    host.ok("rmi -f again:3 other:2");
}

#[test]
fn skopeo_reads_what_is_saved_and_is_read() {
    let host = Host::new();
    images::imported(&host, "app:1");
    let dir = host.dir("skopeo");
    let at = |name: &str| text(&dir.join(name));
    host.ok(&format!("save -o {} app:1", at("ours.tar")));
    let copy = "skopeo --insecure-policy copy -q";
    for (from, to) in [
        (
            format!("docker-archive:{}", at("ours.tar")),
            format!("docker-archive:{}:app:docker", at("docker.tar")),
        ),
        (format!("oci-archive:{}", at("ours.tar")), format!("oci:{}:app:oci", at("layout"))),
        (format!("oci-archive:{}", at("ours.tar")), format!("oci-archive:{}:app:zstd", at("oci.tar"))),
    ] {
        let compress = if to.ends_with("zstd") { "--dest-compress --dest-compress-format zstd" } else { "" };
        run(&host, &format!("{copy} {compress} {from} {to}"));
    }
    run(
        &host,
        &format!("tar -C {} -cf {} . && gzip -k {}", at("layout"), at("layout.tar"), at("docker.tar")),
    );
    let id = host.ok("image inspect -f {{.Id}} app:1");
    host.ok("rmi -f app:1");
    for archive in ["docker.tar", "docker.tar.gz", "layout.tar", "oci.tar"] {
        let told = host.ok(&format!("load -q -i {}", at(archive)));
        let name = told.rsplit(' ').next().unwrap();
        assert_eq!(host.ok(&format!("image inspect -f {{{{.Id}}}} {name}")), id, "{archive}: {told}");
        assert_eq!(host.ok(&format!("run --rm {name} echo {archive}")), archive);
        host.ok(&format!("rmi -f {name}"));
    }
    assert_eq!(host.ok("images -q"), "");
    let nonsense = host.file("nonsense.tar", "not an archive");
    let refused = host.fails(1, &format!("load -i {}", text(&nonsense)));
    assert!(refused.contains("archive"), "{refused}");
}

#[test]
fn trees_and_changes_become_images_and_are_told() {
    let host = Host::new();
    images::imported(&host, "app:1");
    let script = "echo new > /new; /bin/busybox rm /bin/cat";
    host.berth(["run", "--name", "made", "app:1", "sh", "-c", script]).ok();
    let diff = host.ok("diff made");
    for line in ["A /new", "C /bin", "D /bin/cat"] {
        assert!(diff.lines().any(|own| own == line), "{line}: {diff}");
    }
    host.berth(["commit", "-m", "why not", "-a", "me", "-c", "CMD [\"ls\", \"/\"]", "made", "changed:1"])
        .ok();
    assert_eq!(host.ok("run --rm changed:1 ls /new"), "/new");
    assert!(host.ok("run --rm changed:1").contains("new"), "the changed command is run");
    let history = host.ok("history changed:1");
    assert!(history.contains("why not") && history.lines().count() == 3, "{history}");
    assert_eq!(
        host.berth(["image", "inspect", "-f", "{{.Author}} {{len .RootFS.Layers}}", "changed:1"]).ok(),
        "me 2\n"
    );
    let (tree, direct) = (host.dir("trees").join("tree.tar"), host.dir("trees").join("piped.tar"));
    host.ok(&format!("export -o {} made", text(&tree)));
    run(&host, &format!("{} export made > {}", e2e::berth_binary().display(), text(&direct)));
    assert_eq!(fs::read(&tree).unwrap(), fs::read(&direct).unwrap());
    let listed = run(&host, &format!("tar -tf {}", text(&tree)));
    assert!(listed.contains("new\n") && !listed.contains("bin/cat"), "{listed}");
    host.berth(["import", "-c", "ENV A=b", "-m", "a tree", &text(&tree), "flat:1"]).ok();
    assert_eq!(
        host.berth(["run", "--rm", "flat:1", "/bin/sh", "-c", "echo $A; read x < /new; echo $x"]).ok(),
        "b\nnew\n"
    );
    host.ok("rm made");
    host.ok("rmi -f changed:1 flat:1 app:1");
}

#[test]
fn prune_obeys_its_filters_and_df_tells_what_there_is() {
    let host = Host::new();
    images::imported(&host, "app:1");
    let build = |name: &str, label: &str| {
        let context = host.dir(name);
        fs::write(context.join("Dockerfile"), format!("FROM app:1\nLABEL {label}\n")).unwrap();
        host.ok(&format!("build -q -t {name} {}", text(&context)));
    };
    build("keep", "kind=keep");
    build("drop", "kind=drop");
    host.ok("image prune -af --filter until=24h");
    let names = || host.ok("images --format {{.Repository}}");
    assert_eq!(names().lines().count(), 3, "nothing is that old");
    host.ok("image prune -af --filter label=kind=drop");
    let left = names();
    assert!(left.contains("keep") && !left.contains("drop"), "{left}");
    let wrong = host.berth(["image", "prune", "-f", "--filter", "colour=red"]);
    assert_ne!(wrong.code, Some(0), "{wrong}");
    assert!(wrong.stderr.contains("colour"), "{wrong}");
    let shown = host.ok("system df");
    assert!(shown.contains("Images") && shown.contains("Containers") && shown.contains("Volumes"), "{shown}");
    host.ok("image prune -af");
    assert_eq!(names(), "");
}
