//! Pulling and pushing by the command line: who may, over which way, and what comes of a bad one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, Registry, RegistryOptions, Script, certificate, images, passwords};
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

/// Berth with an empty configuration of Docker's in `files/docker`.
fn berth(host: &Host, line: &str) -> Outcome {
    let helpers = format!("{}:{}", host.dir("helpers").display(), std::env::var("PATH").unwrap());
    let mut command = host.berth_command(line.split_whitespace());
    Outcome::of(command.env("DOCKER_CONFIG", host.dir("docker")).env("PATH", helpers))
}

/// What `registries.json` says, from the next pull on.
fn configure(host: &Host, settings: &str) {
    fs::write(host.root().join("registries.json"), settings).unwrap();
}

/// Pushes an image under a name and forgets it.
fn publish(host: &Host, name: &str) {
    images::imported(host, name);
    host.ok(&format!("push -q {name}"));
    host.ok(&format!("rmi -f {name}"));
}

fn login(host: &Host, password: &str, registry: &str) -> Outcome {
    let script = format!(
        "printf '%s\\n' {password} | {} login -u me --password-stdin {registry}",
        e2e::berth_binary().display()
    );
    let helpers = format!("{}:{}", host.dir("helpers").display(), std::env::var("PATH").unwrap());
    let mut command = host.command("sh");
    command.args(["-c", &script]).env("DOCKER_CONFIG", host.dir("docker")).env("PATH", helpers);
    Outcome::of(&mut command)
}

/// That the store is whole and has no image but those given.
#[track_caller]
fn assert_only(host: &Host, names: &[&str]) {
    let listed = host.berth(["images", "--format", "{{.Repository}}:{{.Tag}}"]).ok();
    let listed: Vec<&str> = listed.lines().collect();
    assert_eq!(listed, names);
    assert_eq!(host.ok("store verify"), "The image store is whole.");
}

fn count(dir: &Path) -> usize {
    fs::read_dir(dir).unwrap().count()
}

#[test]
fn mirrors_are_asked_first_and_the_registry_when_they_fail() {
    let host = Host::new();
    let origin = Registry::start(&host);
    let mirror = Registry::with(&host, &RegistryOptions { port: 5001, ..Default::default() });
    publish(&host, "127.0.0.1:5000/app:1");
    let mirrors = r#"{"127.0.0.1:5000": {"mirrors": ["http://127.0.0.1:5009", "http://127.0.0.1:5001"]}}"#;
    configure(&host, mirrors);
    let told = host.ok("pull 127.0.0.1:5000/app:1");
    assert!(told.contains("127.0.0.1:5009"), "the mirror that fails is named:\n{told}");
    host.ok("tag 127.0.0.1:5000/app:1 127.0.0.1:5001/app:1");
    configure(&host, "{}");
    host.ok("push -q 127.0.0.1:5001/app:1");
    host.ok("rmi -f 127.0.0.1:5000/app:1 127.0.0.1:5001/app:1");
    configure(&host, mirrors);
    let (before, asked) = (origin.requests(), mirror.requests());
    host.ok("pull -q 127.0.0.1:5000/app:1");
    assert_eq!(origin.requests(), before, "the registry was asked although a mirror has the image");
    assert!(mirror.requests().len() > asked.len());
    assert_only(&host, &["127.0.0.1:5000/app:1"]);
    host.ok("rmi 127.0.0.1:5000/app:1");
}

#[test]
fn plain_http_is_spoken_where_it_is_configured_only() {
    let host = Host::new();
    let _registry = Registry::start(&host);
    publish(&host, "127.0.0.1:5000/app:1");
    configure(&host, r#"{"127.0.0.1:5000": {"plain_http": false}}"#);
    let refused = host.fails(1, "pull 127.0.0.1:5000/app:1");
    assert!(refused.contains("cannot reach 127.0.0.1:5000"), "{refused}");
    configure(&host, r#"{"127.0.0.1:5000": {"plain_htpp": true}}"#);
    let refused = host.fails(1, "pull 127.0.0.1:5000/app:1");
    assert!(refused.contains("registries.json") && refused.contains("plain_htpp"), "{refused}");
    configure(&host, r#"{"127.0.0.1:5000": {"plain_http": true}}"#);
    host.ok("pull -q 127.0.0.1:5000/app:1");
    host.ok("rmi 127.0.0.1:5000/app:1");
}

#[test]
fn an_authority_of_its_own_is_trusted_by_ca_file() {
    let host = Host::new();
    let (server, key, authority) = certificate(&host);
    let options = RegistryOptions { port: 5443, tls: Some((server, key)), ..Default::default() };
    let _registry = Registry::with(&host, &options);
    images::tiny(&host);
    host.ok("tag tiny 127.0.0.1:5443/app:1");
    configure(&host, r#"{"127.0.0.1:5443": {"plain_http": false}}"#);
    let refused = host.fails(1, "push 127.0.0.1:5443/app:1");
    assert!(refused.contains("certificate"), "{refused}");
    let settings =
        format!(r#"{{"127.0.0.1:5443": {{"plain_http": false, "ca_file": "{}"}}}}"#, authority.display());
    configure(&host, &settings);
    host.ok("push -q 127.0.0.1:5443/app:1");
    host.ok("rmi -f tiny 127.0.0.1:5443/app:1");
    host.ok("pull -q 127.0.0.1:5443/app:1");
    assert_eq!(host.ok("run --rm 127.0.0.1:5443/app:1 echo through TLS"), "through TLS");
    configure(&host, r#"{"127.0.0.1:5443": {"plain_http": false, "ca_file": "/nonexistent.pem"}}"#);
    let refused = host.fails(1, "pull 127.0.0.1:5443/app:1");
    assert!(refused.contains("/nonexistent.pem"), "{refused}");
    host.ok("rmi 127.0.0.1:5443/app:1");
}

#[test]
fn a_password_is_kept_used_and_forgotten() {
    let host = Host::new();
    let options = RegistryOptions { auth: Some(passwords(&host)), ..Default::default() };
    let _registry = Registry::with(&host, &options);
    images::tiny(&host);
    host.ok("tag tiny 127.0.0.1:5000/app:1");
    let refused = berth(&host, "push 127.0.0.1:5000/app:1").fails(1);
    assert!(refused.contains("berth login 127.0.0.1:5000"), "{refused}");
    let wrong = login(&host, "wrong", "127.0.0.1:5000").fails(1);
    assert!(wrong.contains("127.0.0.1:5000"), "{wrong}");
    assert!(!host.dir("docker").join("config.json").exists(), "a wrong password is not kept");
    let done = login(&host, "secret", "127.0.0.1:5000").ok();
    assert!(done.contains("Login Succeeded"), "{done}");
    let mode = fs::metadata(host.dir("docker").join("config.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    berth(&host, "push -q 127.0.0.1:5000/app:1").ok();
    host.ok("rmi -f tiny 127.0.0.1:5000/app:1");
    berth(&host, "pull -q 127.0.0.1:5000/app:1").ok();
    host.ok("rmi 127.0.0.1:5000/app:1");
    berth(&host, "logout 127.0.0.1:5000").ok();
    let refused = berth(&host, "pull 127.0.0.1:5000/app:1").fails(1);
    assert!(refused.contains("berth login 127.0.0.1:5000"), "{refused}");
}

/// Speaks the protocol of Docker's credential helpers, with one file for each registry.
const HELPER: &str = r#"#!/usr/bin/env python3
import hashlib, json, os, sys
text = sys.stdin.read()
url = json.loads(text)["ServerURL"] if sys.argv[1] == "store" else text.strip()
path = os.path.join(os.path.dirname(__file__), "kept-" + hashlib.sha256(url.encode()).hexdigest())
if sys.argv[1] == "store":
    open(path, "w").write(text)
elif not os.path.exists(path):
    print("credentials not found in native keychain")
    sys.exit(1)
elif sys.argv[1] == "get":
    print(open(path).read())
else:
    os.unlink(path)
"#;

#[test]
fn credential_helpers_keep_passwords_out_of_the_file() {
    let host = Host::new();
    let options = RegistryOptions { auth: Some(passwords(&host)), ..Default::default() };
    let _registry = Registry::with(&host, &options);
    images::tiny(&host);
    host.ok("tag tiny 127.0.0.1:5000/app:1");
    let helper = host.file("helpers/docker-credential-drawer", HELPER);
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    let kept = |host: &Host| count(&host.dir("helpers")) - 1;
    for config in [r#"{"credsStore": "drawer"}"#, r#"{"credHelpers": {"127.0.0.1:5000": "drawer"}}"#] {
        let file = host.file("docker/config.json", config);
        berth(&host, "push -q 127.0.0.1:5000/app:1").fails(1);
        login(&host, "secret", "127.0.0.1:5000").ok();
        assert_eq!(kept(&host), 1, "{config}");
        let content = fs::read_to_string(&file).unwrap();
        assert!(!content.contains("secret") && !content.contains("bWU6c2VjcmV0"), "{content}");
        berth(&host, "push -q 127.0.0.1:5000/app:1").ok();
        berth(&host, "logout 127.0.0.1:5000").ok();
        assert_eq!(kept(&host), 0, "{config}");
    }
    host.file("docker/config.json", r#"{"credsStore": "lost"}"#);
    let refused = berth(&host, "pull 127.0.0.1:5000/app:1").fails(1);
    assert!(refused.contains("docker-credential-lost") && refused.contains("config.json"), "{refused}");
}

#[test]
fn tokens_are_fetched_with_the_password() {
    let host = Host::new();
    let keys = host.dir("tokens");
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=issuer -keyout server.key -out server.pem";
    Outcome::of(host.command("sh").args(["-c", script]).current_dir(&keys)).ok();
    let _tokens = Script::start(&host, "token_server.py", 5002, &[keys.to_str().unwrap()]);
    let auth = format!(
        "  token: {{realm: 'http://127.0.0.1:5002/token', service: here, issuer: issuer, rootcertbundle: {}/server.pem}}",
        keys.display()
    );
    let _registry = Registry::with(&host, &RegistryOptions { auth: Some(auth), ..Default::default() });
    images::tiny(&host);
    host.ok("tag tiny 127.0.0.1:5000/team/app:1");
    berth(&host, "push 127.0.0.1:5000/team/app:1").fails(1);
    login(&host, "wrong", "127.0.0.1:5000").fails(1);
    login(&host, "secret", "127.0.0.1:5000").ok();
    berth(&host, "push -q 127.0.0.1:5000/team/app:1").ok();
    host.ok("rmi -f tiny 127.0.0.1:5000/team/app:1");
    berth(&host, "pull -q 127.0.0.1:5000/team/app:1").ok();
    host.ok("rmi 127.0.0.1:5000/team/app:1");
}

#[test]
fn a_layer_is_mounted_from_another_repository() {
    let host = Host::new();
    let registry = Registry::start(&host);
    publish(&host, "127.0.0.1:5000/one:1");
    host.ok("pull -q 127.0.0.1:5000/one:1");
    host.ok("tag 127.0.0.1:5000/one:1 127.0.0.1:5000/two:1");
    let before = registry.requests().len();
    host.ok("push -q 127.0.0.1:5000/two:1");
    let requests = registry.requests();
    let new: Vec<&str> = requests[before..].lines().collect();
    let mounted =
        |line: &&&str| line.contains("mount=sha256") && line.contains("from=one") && line.contains("\" 201");
    assert!(new.iter().any(|line| mounted(&line)), "{new:#?}");
    let sent = new.iter().filter(|line| line.contains("\"PUT /v2/two/blobs/")).count();
    assert!(sent <= 1, "only the configuration may be sent: {new:#?}");
    host.ok("rmi -f 127.0.0.1:5000/one:1 127.0.0.1:5000/two:1");
}

#[test]
fn a_download_that_is_cut_goes_on_where_it_was_cut() {
    let host = Host::new();
    let registry = Registry::start(&host);
    publish(&host, "127.0.0.1:5000/app:1");
    let _proxy = Script::start(&host, "registry_proxy.py", 5003, &["cut"]);
    host.ok("pull -q 127.0.0.1:5003/app:1");
    let resumed = registry.requests().lines().filter(|line| line.contains("\" 206 ")).count();
    assert!(resumed >= 2, "{}", registry.requests());
    assert_only(&host, &["127.0.0.1:5003/app:1"]);
    assert_eq!(host.ok("run --rm 127.0.0.1:5003/app:1 echo whole"), "whole");
    host.ok("rmi 127.0.0.1:5003/app:1");
}

#[test]
fn a_bad_registry_gives_a_clear_error_and_leaves_nothing() {
    let host = Host::new();
    let _registry = Registry::start(&host);
    publish(&host, "127.0.0.1:5000/app:1");
    let blobs = host.root().join("blobs/sha256");
    let before = count(&blobs);
    let modes = [
        ("lie", "the content is not used"),
        ("short", "sent only"),
        ("die", "127.0.0.1:5004"),
        ("redirect", "redirects more than 10 times"),
    ];
    for (mode, text) in modes {
        let proxy = Script::start(&host, "registry_proxy.py", 5004, &[mode]);
        let refused = host.fails(1, "pull 127.0.0.1:5004/app:1");
        assert!(refused.contains(text), "{mode}: {refused}");
        assert!(!refused.contains("panicked"), "{mode}: {refused}");
        drop(proxy);
        assert_only(&host, &[]);
        assert_eq!(count(&blobs), before, "{mode}");
        assert_eq!(count(&host.root().join("layers")), 0, "{mode}");
    }
}
