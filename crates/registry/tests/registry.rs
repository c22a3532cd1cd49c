//! Pulling and pushing with Debian's `docker-registry`, with skopeo as a witness.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use common::{Place, Registry, Told, noise, password, quick, reference, skopeo};
use image::manifest::Platform;
use registry::RegistryError;
use registry::client::{LayerState, PullOptions, PushOptions, Pushed, TransferEvent, login, pull, push};
use registry::credentials::Credentials;
use registry::settings::Settings;

async fn push_as(
    place: &Place,
    name: &str,
    credentials: Option<Credentials>,
) -> Result<Pushed, RegistryError> {
    let options = PushOptions { credentials, limits: quick() };
    push(&place.store, &Settings::default(), &reference(name), &options, &|_| {}).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_is_pulled_and_skopeo_sees_the_same() {
    let Some(registry) = Registry::start(false) else { return };
    let (from, to) = (Place::new(), Place::new());
    let name = registry.name("team/app:1");
    let big = noise(3_000_000, 1);
    let image = from.image(&[b"one", &big, b"three"], &[&name]);
    let pushed = push_as(&from, &name, None).await.unwrap();
    let pulled = to.pull(&name).await.unwrap();
    assert_eq!((pulled.image.id, pulled.newer), (image.id, true));
    assert_eq!(pulled.digest.digest(), Some(&pushed.digest));
    assert!(to.store.verify().unwrap().is_empty());
    let file = to.store.layer_path(&image.layers[1]).join("file1");
    assert_eq!(std::fs::read(file).unwrap(), big);
    assert!(!to.pull(&name).await.unwrap().newer);
    let by_digest = to.pull(&pulled.digest.to_string()).await.unwrap();
    assert_eq!(by_digest.image.id, image.id);

    let target = format!("docker://{name}");
    if let Some(seen) = skopeo(&["inspect", "--tls-verify=false", "--config", &target]) {
        let seen: image::ImageConfig = serde_json::from_str(&seen).unwrap();
        assert_eq!(seen.rootfs.diff_ids, image.layers);
        let seen = skopeo(&["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &target]).unwrap();
        assert_eq!(seen.trim(), pushed.digest.to_string());
        let dir = tempfile::tempdir().unwrap();
        skopeo(&["copy", "--src-tls-verify=false", &target, &format!("dir:{}", dir.path().display())]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_push_sends_nothing_and_a_pulled_image_goes_on_as_it_came() {
    let Some(registry) = Registry::start(false) else { return };
    let (from, to) = (Place::new(), Place::new());
    let names = [registry.name("a:1"), registry.name("b:1")];
    let image = from.image(&[b"one", b"two"], &[&names[0], &names[1]]);
    let first = push_as(&from, &names[0], None).await.unwrap();
    let told = Told::default();
    let options = PushOptions { credentials: None, limits: quick() };
    let again = push(&from.store, &Settings::default(), &reference(&names[0]), &options, &told.tell()).await;
    assert_eq!(again.unwrap(), first);
    let sends = |event: &TransferEvent| matches!(event, TransferEvent::Layer { state: LayerState::Done, .. });
    assert!(!told.has(sends));

    to.pull(&names[0]).await.unwrap();
    to.store.tag(&image.id, &reference(&names[1])).unwrap();
    let told = Told::default();
    let mounted = push(&to.store, &Settings::default(), &reference(&names[1]), &options, &told.tell()).await;
    assert_eq!(mounted.unwrap().digest, first.digest);
    let mounts =
        |event: &TransferEvent| matches!(event, TransferEvent::Layer { state: LayerState::Mounted, .. });
    assert!(told.has(mounts) && !told.has(sends));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_needed_where_one_is_needed() {
    let Some(registry) = Registry::start(true) else { return };
    let (from, to) = (Place::new(), Place::new());
    let name = registry.name("private:1");
    from.image(&[b"one"], &[&name]);
    let wrong = Credentials::Password { username: "me".into(), password: "wrong".into() };
    let settings = Settings::default();
    let domain = registry.name("");
    let domain = domain.trim_end_matches('/');
    assert!(matches!(push_as(&from, &name, None).await, Err(RegistryError::Denied { .. })));
    assert!(matches!(push_as(&from, &name, Some(wrong.clone())).await, Err(RegistryError::Denied { .. })));
    assert!(matches!(login(&settings, domain, wrong, quick()).await, Err(RegistryError::Denied { .. })));
    login(&settings, domain, password(), quick()).await.unwrap();
    push_as(&from, &name, Some(password())).await.unwrap();
    let refused = to.pull(&name).await.unwrap_err();
    assert!(refused.to_string().contains("berth login"), "{refused}");
    to.assert_empty();
    to.pull_as(&name, Some(password())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_lead_to_this_platform_and_zstd_layers_are_read() {
    let Some(registry) = Registry::start(false) else { return };
    let (from, to) = (Place::new(), Place::new());
    let name = registry.name("multi:1");
    from.image(&[b"content"], &[&name]);
    push_as(&from, &name, None).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let layout = format!("oci:{}:x", dir.path().display());
    let source = format!("docker://{name}");
    let args = [
        "copy",
        "--src-tls-verify=false",
        "--dest-compress-format=zstd",
        "--dest-compress",
        &source,
        &layout,
    ];
    if skopeo(&args).is_none() {
        return;
    }
    let index = std::fs::read(dir.path().join("index.json")).unwrap();
    let index: image::manifest::ManifestIndex = serde_json::from_slice(&index).unwrap();
    let blobs = dir.path().join("blobs/sha256");
    let manifest = std::fs::read(blobs.join(index.manifests[0].digest.hex())).unwrap();
    assert!(String::from_utf8_lossy(&manifest).contains("zstd"), "skopeo made no zstd layer");
    let target = format!("docker://{}", registry.name("multi:zstd"));
    skopeo(&["copy", "--dest-tls-verify=false", &layout, &target]);
    let image = to.pull(&registry.name("multi:zstd")).await.unwrap().image;
    assert_eq!(std::fs::read(to.store.layer_path(&image.layers[0]).join("file0")).unwrap(), b"content");

    let wanted = Platform::parse("linux/s390x");
    let options = PullOptions { platform: wanted, limits: quick(), credentials: None };
    let list = put_index(&registry, &index.manifests[0]);
    let refused = pull(&to.store, &Settings::default(), &list, &options, &|_| {}).await.unwrap_err();
    assert!(matches!(&refused, RegistryError::Platform { found, .. } if found == "linux/amd64"), "{refused}");
    let fresh = Place::new();
    assert_eq!(fresh.pull(&list.to_string()).await.unwrap().image.id, image.id);
}

/// Puts an index with one manifest, whose blobs are in `multi` already.
fn put_index(registry: &Registry, manifest: &image::manifest::Descriptor) -> image::Reference {
    let platform = Platform::parse("linux/amd64");
    let descriptor =
        image::manifest::Descriptor { platform, annotations: Default::default(), ..manifest.clone() };
    let index = image::manifest::ManifestIndex {
        schema_version: 2,
        media_type: Some(image::manifest::media::INDEX.to_owned()),
        manifests: vec![descriptor],
    };
    let body = serde_json::to_string(&index).unwrap();
    let request = format!(
        "PUT /v2/multi/manifests/list HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n{body}",
        image::manifest::media::INDEX,
        body.len()
    );
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", registry.port)).unwrap();
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    reference(&registry.name("multi:list"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_named() {
    let Some(registry) = Registry::start(false) else { return };
    let place = Place::new();
    let missing = place.pull(&registry.name("nothing:1")).await.unwrap_err();
    assert!(matches!(missing, RegistryError::NotFound { .. }), "{missing:?}");
    drop(registry);
    let nobody = place.pull("127.0.0.1:1/x:1").await.unwrap_err();
    assert!(matches!(nobody, RegistryError::Connect { .. }), "{nobody:?}");
    place.assert_empty();
}
