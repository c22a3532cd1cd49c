//! Images to and from a registry, through foreign clients.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, Registry, images};
use std::path::Path;

#[test]
fn docker_pushes_pulls_and_runs_what_is_not_there() {
    let host = Host::new();
    images::tiny(&host);
    let _registry = Registry::start(&host);
    let docker = |line: &str| host.docker(line.split(' ')).ok();
    docker("tag tiny localhost:5000/team/tiny:1");
    let pushed = docker("push localhost:5000/team/tiny:1");
    assert!(pushed.contains("1: digest: sha256:"), "{pushed}");
    docker("rmi localhost:5000/team/tiny:1");
    assert!(docker("pull localhost:5000/team/tiny:1").contains("Status: Downloaded newer image"));
    docker("rmi localhost:5000/team/tiny:1");
    assert_eq!(docker("run --rm localhost:5000/team/tiny:1 echo here"), "here\n");
    let missing = host.docker(["pull", "localhost:5000/team/none:1"]);
    assert_ne!(missing.code, Some(0), "{missing}");
}

#[test]
fn a_project_pushes_what_it_builds_and_pulls_what_it_needs() {
    const IMAGE: &str = "localhost:5000/team/app:1";
    let host = Host::new();
    images::tiny(&host);
    let _registry = Registry::start(&host);
    host.file("maker/Dockerfile", "FROM tiny\nRUN echo made > /made\nCMD [\"sleep\", \"1000\"]\n");
    let maker = host.project(
        "maker",
        &format!("services:\n  app: {{build: ., image: '{IMAGE}'}}\n  local: {{image: tiny}}\n"),
    );
    host.compose(&maker, "build -q").ok();
    let pushed = host.compose(&maker, "push").ok();
    assert!(pushed.contains("1: digest: sha256:") && !pushed.contains("tiny"), "{pushed}");
    host.ok(&format!("rmi {IMAGE}"));

    let user = host.project("user", &format!("services:\n  app: {{image: '{IMAGE}', stop_signal: KILL}}\n"));
    let error = host.compose(&user, "up -d --pull never").fails(1);
    assert!(error.contains(IMAGE) && error.contains("is not there"), "{error}");
    let up = host.compose(&user, "up -d");
    assert!(up.stderr.contains(&format!("Image {IMAGE}  Pulled")), "{up}");
    up.ok();
    host.compose(&user, "down --rmi all").ok();
    // Without a name the images of the project here are meant.
    let mut pull = host.berth_command(["pull"]);
    let pulled = Outcome::of(pull.current_dir(&user)).ok();
    assert!(pulled.contains("Status: Downloaded newer image"), "{pulled}");
    assert_eq!(host.compose(&user, "pull --policy missing").ok(), "");
    host.project(
        "user",
        "services:\n  app: {image: 'localhost:5000/team/none:1'}\n  web: {image: tiny, pull_policy: never}\n",
    );
    let error = host.compose(&user, "pull").fails(1);
    assert!(error.contains("localhost:5000/team/none:1") && !error.contains("tiny"), "{error}");
    host.compose(&user, "pull --ignore-pull-failures").ok();
    assert!(host.fails(1, "pull").contains("name an image"));

    host.ok(&format!("rmi {IMAGE}"));
    let run = host.berth(["run", "--rm", IMAGE, "cat", "/made"]);
    assert!(run.stderr.contains("Status: Downloaded newer image"), "{run}");
    assert_eq!(run.ok(), "made\n");
}

#[test]
fn docker_saves_loads_exports_imports_and_commits() {
    let host = Host::new();
    images::tiny(&host);
    let docker = |line: &str| host.docker(line.split(' ')).ok();
    let archive = host.dir("archive").join("tiny.tar");
    let path = |file: &Path| file.display().to_string();
    docker(&format!("save -o {} tiny", path(&archive)));
    docker("rmi tiny");
    assert!(docker(&format!("load -i {}", path(&archive))).contains("Loaded image: tiny:latest"));
    docker("run --name made tiny touch /made");
    host.docker(["commit", "-m", "why", "-c", "ENV ADDED=yes", "made", "committed:1"]).ok();
    assert_eq!(
        host.docker(["run", "--rm", "committed:1", "sh", "-c", "ls /made; echo $ADDED"]).ok(),
        "/made\nyes\n"
    );
    docker(&format!("export -o {} made", path(&archive)));
    docker(&format!("import {} imported:1", path(&archive)));
    assert_eq!(docker("run --rm imported:1 /bin/ls /made"), "/made\n");
    docker("rm made");
}

/// Status and body of a request through `curl`, with a document or a header beside it.
fn asked(host: &Host, method: &str, path: &str, more: &[&str]) -> (u16, String) {
    let socket = host.socket().display().to_string();
    let url = format!("http://x{path}");
    let arguments = ["-s", "-X", method, "--unix-socket", &socket, "-w", "%{http_code}", &url];
    let answer = Outcome::of(host.command("curl").args(arguments).args(more)).ok();
    let (body, status) = answer.split_at(answer.len() - 3);
    (status.parse().unwrap(), body.to_owned())
}

#[test]
fn what_fails_before_the_stream_has_dockers_status() {
    let host = Host::new();
    images::tiny(&host);
    let (_open, locked) = (Registry::start(&host), Registry::with_password(&host));
    let expected = [
        ("POST", "/images/create?fromImage=localhost:5000/none&tag=1", 404, "does not exist"),
        ("POST", "/images/create?fromImage=localhost:5001/none&tag=1", 404, "refuses access"),
        ("POST", "/images/create?fromImage=localhost:5999/none&tag=1", 500, "cannot reach"),
        ("POST", "/images/create?fromImage=localhost:5000/UPPER&tag=1", 400, "lower case"),
        ("POST", "/images/localhost:5000/none/push?tag=1", 404, "No such image"),
        ("GET", "/distribution/localhost:5000/none:1/json", 404, "does not exist"),
        ("GET", "/distribution/localhost:5001/none:1/json", 401, "refuses access"),
        ("POST", "/build?remote=nonsense", 400, "not an address"),
        ("POST", "/images/create?fromSrc=ftp%3A%2F%2Fh%2Fx", 400, "not fetched"),
    ];
    for (method, path, status, words) in expected {
        let (found, body) = asked(&host, method, path, &[]);
        assert!(
            found == status && body.starts_with("{\"message\":") && body.contains(words),
            "{path}: {found} {body}"
        );
    }
    let login = |password: &str| {
        let document = format!(
            "{{\"username\":\"me\",\"password\":\"{password}\",\"serveraddress\":\"{}\"}}",
            locked.name
        );
        asked(&host, "POST", "/auth", &["-d", &document]).0
    };
    assert_eq!((login("secret"), login("wrong")), (200, 401));
    let garbage = asked(&host, "POST", "/images/load", &["--data-binary", "no archive"]);
    assert!(garbage.0 == 200 && garbage.1.contains("\"errorDetail\""), "{garbage:?}");
}

#[test]
fn a_layer_that_is_missing_fails_in_the_stream() {
    let host = Host::new();
    images::tiny(&host);
    let registry = Registry::start(&host);
    host.ok("tag tiny localhost:5000/tiny:1");
    host.ok("push -q localhost:5000/tiny:1");
    let shown: serde_json::Value = serde_json::from_str(
        &Outcome::of(host.command("curl").args([
            "-s",
            "-H",
            "Accept: application/vnd.oci.image.manifest.v1+json",
            &format!("http://{}/v2/tiny/manifests/1", registry.name),
        ]))
        .ok(),
    )
    .unwrap();
    let digest = shown["layers"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    let blobs = host.dir("registry-5000/docker/registry/v2/blobs/sha256").join(&digest[..2]).join(&digest);
    std::fs::remove_dir_all(blobs).unwrap();
    host.ok("rmi -f tiny localhost:5000/tiny:1");
    // The cache would have the layer.
    assert_eq!(asked(&host, "POST", "/build/prune?all=1", &[]).0, 200);
    let (status, body) = asked(&host, "POST", "/images/create?fromImage=localhost:5000/tiny&tag=1", &[]);
    let last = body.lines().last().unwrap();
    assert!(
        status == 200 && body.contains("Pulling from tiny") && last.contains("\"errorDetail\""),
        "{body}"
    );
}

#[test]
fn a_repository_without_a_tag_means_all_of_it() {
    let host = Host::new();
    images::tiny(&host);
    let _registry = Registry::start(&host);
    let docker = |line: &str| host.docker(line.split(' ')).ok();
    docker("tag tiny localhost:5000/tiny:1");
    docker("tag tiny localhost:5000/tiny:2");
    docker("push --all-tags localhost:5000/tiny");
    docker("rmi -f tiny localhost:5000/tiny:1 localhost:5000/tiny:2");
    docker("pull -a localhost:5000/tiny");
    let names = docker("images --format {{.Repository}}:{{.Tag}}");
    assert!(names.contains("localhost:5000/tiny:1") && names.contains("localhost:5000/tiny:2"), "{names}");
    let (status, body) = asked(&host, "GET", "/distribution/localhost:5000/tiny:1/json", &[]);
    let shown: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, shown["Platforms"][0]["os"].as_str()), (200, Some("linux")), "{body}");
    assert!(shown["Descriptor"]["digest"].as_str().unwrap().starts_with("sha256:"), "{body}");
}

#[test]
fn a_commit_takes_a_configuration_as_it_is() {
    let host = Host::new();
    images::tiny(&host);
    host.ok("run --name made -e KEPT=1 tiny touch /x");
    let config = r#"{"Env":["A=$HOME"],"Cmd":["x","y"],"Labels":{"k":"v"},"Healthcheck":{"Test":["CMD","true"]},"OnBuild":["RUN x"]}"#;
    let path = "/commit?container=made&repo=com&tag=1&comment=why&author=me&changes=USER%20www";
    let (status, body) = asked(&host, "POST", path, &["-d", config]);
    assert_eq!(status, 201, "{body}");
    let shown = host.ok("image inspect -f {{json.Config.Env}}{{json.Config.Cmd}}{{.Comment}}{{.Author}}{{.Config.User}}{{json.Config.OnBuild}} com:1");
    assert_eq!(shown, r#"["A=$HOME","KEPT=1","PATH=/bin"]["x","y"]whymewww["RUN x"]"#);
    let two = host.dir("archive").join("two.tar");
    host.docker(["save", "-o", &two.display().to_string(), "tiny", "com:1"]).ok();
    host.docker(["rmi", "com:1"]).ok();
    assert!(host.docker(["load", "-i", &two.display().to_string()]).ok().contains("com:1"));
    host.ok("rm made");
}

/// Serves a directory on port 8099.
fn served(host: &Host, directory: &Path) -> std::process::Child {
    let directory = directory.display().to_string();
    let mut command = host.command("busybox");
    let server = command.args(["httpd", "-f", "-p", "127.0.0.1:8099", "-h", &directory]).spawn().unwrap();
    e2e::eventually("the server answers", || {
        Outcome::of(host.command("curl").args(["-s", "http://127.0.0.1:8099/"])).code == Some(0)
    });
    server
}

#[test]
fn contexts_and_trees_come_from_addresses() {
    let host = Host::new();
    images::tiny(&host);
    host.file("www/alone", "FROM tiny\nRUN echo alone > /made\n");
    let context = host.file("context/sub/Dockerfile", "FROM tiny\nCOPY sub/Dockerfile /made\n");
    let context = context.parent().unwrap().parent().unwrap();
    let www = host.dir("www");
    let tar = |name: &str| {
        let file = www.join(name).display().to_string();
        Outcome::of(host.command("tar").args(["-C", &context.display().to_string(), "-czf", &file, "."]))
            .ok();
    };
    tar("context.tgz");
    let mut server = served(&host, &www);
    let build = |words: &[&str]| host.docker(["build", "-q"].iter().chain(words)).ok().trim().to_owned();
    let run =
        |image: &str, line: &str| host.docker(["run", "--rm", image].into_iter().chain(line.split(' '))).ok();
    assert_eq!(run(&build(&["http://127.0.0.1:8099/alone"]), "cat /made"), "alone\n");
    let packed = build(&["-f", "sub/Dockerfile", "http://127.0.0.1:8099/context.tgz"]);
    assert!(run(&packed, "cat /made").starts_with("FROM tiny"));
    host.docker(["import", "http://127.0.0.1:8099/context.tgz", "imported:1"]).ok();
    let missing = host.docker(["build", "http://127.0.0.1:8099/none"]);
    assert!(missing.code != Some(0) && missing.stderr.contains("404"), "{missing}");
    // The path of a Dockerfile does not lead out of a context that was sent.
    let (status, body) = asked(&host, "POST", "/build?dockerfile=..%2F..%2Fetc%2Fpasswd", &[]);
    assert!(status == 400 && body.contains("outside the build context"), "{body}");
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn the_build_cache_is_pruned() {
    let host = Host::new();
    images::tiny(&host);
    let dockerfile = host.file("cached/Dockerfile", "FROM tiny\nRUN echo x > /big\n");
    let context = dockerfile.parent().unwrap().display().to_string();
    host.docker(["build", "-q", "-t", "cached", &context]).ok();
    let prune = |path: &str| -> serde_json::Value {
        let (status, body) = asked(&host, "POST", path, &[]);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    };
    let count = |pruned: &serde_json::Value| pruned["CachesDeleted"].as_array().unwrap().len();
    assert_eq!(count(&prune("/build/prune")), 0, "what an image has stays");
    host.docker(["rmi", "cached"]).ok();
    assert_eq!(count(&prune("/build/prune?filters=%7B%22until%22%3A%5B%2224h%22%5D%7D")), 0, "it is new");
    let pruned = prune("/build/prune");
    assert!(count(&pruned) == 1 && pruned["SpaceReclaimed"].as_u64() > Some(0), "{pruned}");
    assert!(count(&prune("/build/prune?all=1")) > 0, "the steps of tiny");
    let told = host.docker(["builder", "prune", "-af"]).ok();
    assert!(told.contains("Total reclaimed space: 0B") || told.contains("Total:"), "{told}");
    assert_eq!(host.ok("run --rm tiny echo fine"), "fine");
}
