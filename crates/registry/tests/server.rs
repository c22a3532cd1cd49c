//! The store as a registry: with our own client, and with skopeo as a witness.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use common::{Place, noise, quick, reference, skopeo};
use image::Reference;
use registry::RegistryError;
use registry::client::{PushOptions, push};
use registry::credentials::Credentials;
use registry::server::{ServerOptions, serve};
use registry::settings::Settings;

/// Serves a store on a free port until the runtime ends.
async fn offer(place: &Place, token: Option<&str>) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let options = ServerOptions { token: token.map(str::to_owned) };
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
