//! The store as a registry: with our own client, and with skopeo as a witness.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::time::Duration;

use common::{Place, noise, quick, reference, skopeo};
use image::Reference;
use image::manifest::{Platform, media};
use registry::RegistryError;
use registry::client::{PullOptions, PushOptions, pull, push};
use registry::credentials::Credentials;
use registry::server::{ServerOptions, serve};
use registry::settings::Settings;

/// Serves a store on a free port until the runtime ends.
async fn offer(place: &Place, token: Option<&str>) -> u16 {
    offer_for(place, token, ServerOptions::default().idle).await
}

async fn offer_for(place: &Place, token: Option<&str>, idle: Duration) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let options = ServerOptions { token: token.map(str::to_owned), idle };
    tokio::spawn(serve(listener, place.store.clone(), options));
    port
}

fn token(text: &str) -> Option<Credentials> {
    Some(Credentials::Password { username: "any".into(), password: text.into() })
}

async fn push_as(
    place: &Place,
    name: &Reference,
    credentials: Option<Credentials>,
) -> Result<(), RegistryError> {
    let options = PushOptions { credentials, limits: quick() };
    push(&place.store, &Settings::default(), name, &options, &|_| {}).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn local_images_are_offered_and_pushed_ones_taken() {
    let (server, client) = (Place::new(), Place::new());
    let big = noise(2_000_000, 3);
    let image = server.image(&[b"one", &big], &["app:1"]);
    let port = offer(&server, Some("t0ken")).await;
    let pulled = client.pull(&format!("127.0.0.1:{port}/app:1")).await.unwrap();
    assert_eq!(pulled.image.id, image.id);
    assert!(client.store.verify().unwrap().is_empty());

    let other = client.image(&[b"one", b"new"], &[&format!("127.0.0.1:{port}/team/new:2")]);
    let name = reference(&format!("127.0.0.1:{port}/team/new:2"));
    assert!(matches!(push_as(&client, &name, None).await, Err(RegistryError::Denied { .. })));
    assert!(matches!(push_as(&client, &name, token("wrong")).await, Err(RegistryError::Denied { .. })));
    push_as(&client, &name, token("t0ken")).await.unwrap();
    assert_eq!(server.store.resolve("team/new:2").unwrap().id, other.id);
    assert!(server.store.verify().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nobody_writes() {
    let (server, client) = (Place::new(), Place::new());
    let port = offer(&server, None).await;
    let name = format!("127.0.0.1:{port}/x:1");
    client.image(&[b"x"], &[&name]);
    let refused = push_as(&client, &reference(&name), token("any")).await.unwrap_err();
    assert!(refused.to_string().contains("without a token"), "{refused}");
    server.assert_empty();
    assert!(matches!(
        client.pull(&format!("127.0.0.1:{port}/nothing:1")).await,
        Err(RegistryError::NotFound { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_pulls_pushes_and_lists() {
    let server = Place::new();
    let image = server.image(&[b"one", b"two"], &["app:1", "app:2"]);
    let port = offer(&server, Some("t0ken")).await;
    let dir = tempfile::tempdir().unwrap();
    let layout = format!("oci:{}:x", dir.path().display());
    let at = move |name: &str| format!("docker://127.0.0.1:{port}/{name}");
    let done = tokio::task::spawn_blocking(move || {
        skopeo(&["copy", "--src-tls-verify=false", &at("app:1"), &layout])?;
        let args = ["copy", "--dest-tls-verify=false", "--dest-creds=any:t0ken", &layout, &at("team/copy:1")];
        skopeo(&args)?;
        let tags = skopeo(&["list-tags", "--tls-verify=false", &at("app")])?;
        assert!(tags.contains("\"1\"") && tags.contains("\"2\""), "{tags}");
        skopeo(&["inspect", "--tls-verify=false", "--config", &at("team/copy:1")])
    });
    let Some(config) = done.await.unwrap() else { return };
    let config: image::ImageConfig = serde_json::from_str(&config).unwrap();
    assert_eq!(config.rootfs.diff_ids, image.layers);
    assert_eq!(server.store.resolve("team/copy:1").unwrap().layers, image.layers);
    assert!(server.store.verify().unwrap().is_empty());
}

/// Builds an OCI layout of two platforms and a statement about one, and copies it with everything to `target`.
fn copy_two_platforms(dir: &std::path::Path, target: &str) -> Option<()> {
    let blobs = dir.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let put = |content: &[u8]| {
        let digest = image::Digest::of(content);
        std::fs::write(blobs.join(digest.hex()), content).unwrap();
        (digest.to_string(), content.len())
    };
    let describe = |kind: &str, content: &[u8]| {
        let (digest, size) = put(content);
        serde_json::json!({ "mediaType": kind, "digest": digest, "size": size })
    };
    let manifest = |architecture: &str, layer: serde_json::Value, diff_id: String| {
        let config = serde_json::json!({ "architecture": architecture, "os": "linux",
            "rootfs": { "type": "layers", "diff_ids": [diff_id] } });
        let config = describe(media::CONFIG, config.to_string().as_bytes());
        let manifest = serde_json::json!({ "schemaVersion": 2, "mediaType": media::MANIFEST, "config": config,
            "layers": [layer] });
        describe(media::MANIFEST, manifest.to_string().as_bytes())
    };
    let mut manifests: Vec<serde_json::Value> = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let tar = common::tar(&[("architecture", architecture.as_bytes())]);
        let diff_id = image::Digest::of(&tar).to_string();
        let mut one = manifest(architecture, describe(media::LAYER, &tar), diff_id);
        one["platform"] = serde_json::json!({ "os": "linux", "architecture": architecture });
        manifests.push(one);
    }
    let statement = br#"{"_type":"https://in-toto.io/Statement/v0.1"}"#;
    let diff_id = image::Digest::of(statement).to_string();
    let mut about = manifest("unknown", describe("application/vnd.in-toto+json", statement), diff_id);
    about["platform"] = serde_json::json!({ "os": "unknown", "architecture": "unknown" });
    manifests.push(about);
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": manifests });
    let mut top = describe(media::INDEX, index.to_string().as_bytes());
    top["annotations"] = serde_json::json!({ "org.opencontainers.image.ref.name": "x" });
    let top = serde_json::json!({ "schemaVersion": 2, "manifests": [top] });
    std::fs::write(dir.join("index.json"), top.to_string()).unwrap();
    std::fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let layout = format!("oci:{}:x", dir.display());
    skopeo(&["copy", "--all", "--dest-tls-verify=false", "--dest-creds=any:t0ken", &layout, target]).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_kept_with_all_its_platforms_and_goes_with_its_name() {
    let (server, client) = (Place::new(), Place::new());
    let port = offer(&server, Some("t0ken")).await;
    let name = format!("127.0.0.1:{port}/team/multi:1");
    let (dir, back) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let target = format!("docker://{name}");
    let (from, to) = (dir.path().to_owned(), format!("oci:{}:x", back.path().display()));
    let copied = tokio::task::spawn_blocking(move || {
        copy_two_platforms(&from, &target)?;
        let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &target])?;
        skopeo(&["copy", "--all", "--src-tls-verify=false", &target, &to])?;
        Some(raw)
    });
    let Some(raw) = copied.await.unwrap() else { return };
    let index: serde_json::Value = serde_json::from_str(&raw).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 3);
    let count = |dir: &std::path::Path| std::fs::read_dir(dir.join("blobs/sha256")).unwrap().count();
    assert_eq!(count(back.path()), count(dir.path()), "what comes back is what was sent");

    // Here the name leads to this machine's image; the other one is kept for others, also when images are pruned.
    assert_eq!(server.store.resolve("team/multi:1").unwrap().config.architecture, "amd64");
    assert_eq!(server.store.list().unwrap().len(), 2);
    server.store.prune(false, &|_| image::Usage::Unused, &|_| false).unwrap();
    assert_eq!(server.store.list().unwrap().len(), 2);
    assert!(server.store.verify().unwrap().is_empty());
    let pulled = client.pull(&name).await.unwrap().image;
    assert_eq!(pulled.config.architecture, "amd64");
    let options =
        PullOptions { platform: Platform::parse("linux/arm64"), limits: quick(), credentials: None };
    let other =
        pull(&client.store, &Settings::default(), &reference(&name), &options, &|_| {}).await.unwrap();
    assert_eq!(other.image.config.architecture, "arm64");

    server.store.remove("team/multi:1", false, &|_| image::Usage::Unused, &|_| false).unwrap();
    assert!(server.store.list().unwrap().is_empty());
    server.assert_empty();
    assert!(matches!(client.pull(&name).await, Err(RegistryError::NotFound { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_without_its_manifests_is_refused() {
    let server = Place::new();
    let port = offer(&server, Some("t0ken")).await;
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": [
        { "mediaType": media::MANIFEST, "digest": image::Digest::of(b"nowhere"), "size": 7 }] });
    let answer = request(port, "PUT", "/v2/x/manifests/1", &index.to_string());
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("MANIFEST_INVALID") && answer.contains("before their index"), "{answer}");
    server.assert_empty();
}

/// One request with the token; the answer's text.
fn request(port: u16, method: &str, path: &str, body: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer t0ken\r\nContent-Length: {length}\r\n\r\n{body}")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn abandoned_uploads_are_removed() {
    let server = Place::new();
    let port = offer_for(&server, Some("t0ken"), Duration::from_millis(100)).await;
    let begun = request(port, "POST", "/v2/x/blobs/uploads/", "");
    let place = begun.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().to_owned();
    let layer = String::from_utf8(common::tar(&[("file", b"left alone")])).unwrap();
    let digest = image::Digest::of(layer.as_bytes());
    let document = image::Digest::of(b"{}");
    for (content, digest) in [(layer.as_str(), digest), ("{}", document)] {
        let answer = request(port, "POST", &format!("/v2/x/blobs/uploads/?digest={digest}"), content);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    // Without anybody going on, all of it is gone after a while.
    let gone = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        loop {
            ticks.tick().await;
            let upload = request(port, "GET", &place, "");
            let blobs = std::fs::read_dir(server.store.root().join("blobs/sha256")).unwrap().count();
            if upload.starts_with("HTTP/1.1 404") && blobs == 0 && server.store.layers().unwrap().is_empty() {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.unwrap();
    server.assert_empty();
}
