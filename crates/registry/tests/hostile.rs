//! Registries that die, lie, send too little or too much, or redirect for ever: a clear error, and the store as it was.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Place, noise, tar};
use image::Digest;
use registry::RegistryError;
use serde_json::json;

/// A request as far as a test cares: method, path, headers.
struct Asked {
    path: String,
    headers: String,
}

impl Asked {
    fn range_start(&self) -> usize {
        let line = self.headers.lines().find_map(|line| line.strip_prefix("range: bytes="));
        line.and_then(|range| range.trim_end_matches('-').parse().ok()).unwrap_or(0)
    }
}

type Answer = dyn Fn(&Asked, &mut TcpStream) + Send + Sync;

/// A server that answers each connection once with what `answer` writes.
fn server(answer: Arc<Answer>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let Some(first) = lines.next() else { return };
                let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                let headers: String = lines
                    .take_while(|line| !line.is_empty())
                    .map(|line| line.to_ascii_lowercase() + "\n")
                    .collect();
                let mut stream = stream;
                answer(&Asked { path, headers }, &mut stream);
            });
        }
    });
    port
}

fn send(stream: &mut TcpStream, status: &str, more: &str, body: &[u8]) {
    let head =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{more}\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// An image of one layer, and the documents of it.
struct Image {
    manifest: Vec<u8>,
    config: Vec<u8>,
    layer: Vec<u8>,
}

impl Image {
    fn new() -> Self {
        let layer = tar(&[("file", &noise(200_000, 7))]);
        let config = json!({"architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer)]}});
        let config = config.to_string().into_bytes();
        Self::of(config, layer)
    }

    fn of(config: Vec<u8>, layer: Vec<u8>) -> Self {
        let manifest = json!({"schemaVersion": 2, "mediaType": image::manifest::media::MANIFEST,
            "config": {"mediaType": image::manifest::media::CONFIG, "digest": Digest::of(&config), "size": config.len()},
            "layers": [{"mediaType": image::manifest::media::LAYER, "digest": Digest::of(&layer), "size": layer.len()}]});
        Self { manifest: manifest.to_string().into_bytes(), config, layer }
    }

    /// Answers for manifest and configuration; false for the layer.
    fn documents(&self, asked: &Asked, stream: &mut TcpStream) -> bool {
        if asked.path.contains("/manifests/") {
            let kind = format!("Content-Type: {}\r\n", image::manifest::media::MANIFEST);
            send(stream, "200 OK", &kind, &self.manifest);
        } else if asked.path.ends_with(&Digest::of(&self.config).to_string()) {
            send(stream, "200 OK", "", &self.config);
        } else {
            return false;
        }
        true
    }
}

/// Pulls from a server that answers for the layer with `answer`.
async fn pull(
    answer: impl Fn(&Image, &Asked, &mut TcpStream) + Send + Sync + 'static,
) -> Result<(), RegistryError> {
    let image = Image::new();
    pull_image(image, answer).await
}

async fn pull_image(
    image: Image,
    answer: impl Fn(&Image, &Asked, &mut TcpStream) + Send + Sync + 'static,
) -> Result<(), RegistryError> {
    let port = server(Arc::new(move |asked: &Asked, stream: &mut TcpStream| {
        if !image.documents(asked, stream) {
            answer(&image, asked, stream);
        }
    }));
    let place = Place::new();
    let pulled = place.pull(&format!("127.0.0.1:{port}/x:1")).await;
    if pulled.is_err() {
        place.assert_empty();
    } else {
        assert!(place.store.verify().unwrap().is_empty());
    }
    pulled.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_download_goes_on_where_it_broke() {
    let asked_from: Arc<std::sync::Mutex<Vec<usize>>> = Arc::default();
    let noted = Arc::clone(&asked_from);
    let done = pull(move |image, asked, stream| {
        let start = asked.range_start();
        noted.lock().unwrap().push(start);
        let rest = &image.layer[start..];
        let status = if start == 0 { "200 OK" } else { "206 Partial Content" };
        let head = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\nContent-Range: bytes {start}-{}/{}\r\n\r\n",
            rest.len(),
            image.layer.len() - 1,
            image.layer.len()
        );
        let _ = stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(&rest[..rest.len().min(70_000)]));
    });
    done.await.unwrap();
    let asked = asked_from.lock().unwrap();
    assert!(asked.len() >= 3 && asked.is_sorted() && asked[1] > 0, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_ranges_is_read_anew() {
    let count = AtomicUsize::new(0);
    let done = pull(move |image, _, stream| {
        let head =
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", image.layer.len());
        let end = if count.fetch_add(1, Ordering::SeqCst) == 0 { 90_000 } else { image.layer.len() };
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&image.layer[..end]));
    });
    done.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_about_the_digest_is_found_also_over_resumed_ranges() {
    let lie = pull(|image, _, stream| {
        let mut layer = image.layer.clone();
        layer[100_000] ^= 1;
        send(stream, "200 OK", "", &layer);
    });
    let error = lie.await.unwrap_err();
    assert!(matches!(error, RegistryError::Digest { .. }), "{error:?}");

    let resumed = pull(|image, asked, stream| {
        let start = asked.range_start();
        let mut rest = image.layer[start..].to_vec();
        if start == 0 {
            rest.truncate(50_000);
        } else {
            rest[1000] ^= 1;
        }
        let head = format!(
            "HTTP/1.1 206 X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            image.layer.len() - start
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&rest));
    });
    let error = resumed.await.unwrap_err();
    assert!(matches!(error, RegistryError::Digest { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_and_too_much_are_told() {
    let dies = pull(|image, asked, stream| {
        if asked.range_start() == 0 {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", image.layer.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&image.layer[..1000]));
        }
    });
    let error = dies.await.unwrap_err();
    assert!(matches!(error, RegistryError::Short { got, .. } if got >= 512), "{error:?}");

    let endless = pull(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        while stream.write_all(&[0; 65536]).is_ok() {}
    });
    let error = endless.await.unwrap_err();
    assert!(matches!(error, RegistryError::Long { .. } | RegistryError::Layer { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_for_ever_end() {
    let error = pull(|_, asked, stream| {
        send(stream, "307 X", &format!("Location: {}x\r\n", asked.path), b"");
    });
    let error = error.await.unwrap_err();
    assert!(matches!(error, RegistryError::Redirects { .. }), "{error:?}");
    assert!(error.to_string().contains("10 times"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_layer_is_refused() {
    let hostile = tar(&[("file", b"x")]);
    let mut layer = hostile;
    layer[..7].copy_from_slice(b"../up/x");
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer)]}});
    let image = Image::of(config.to_string().into_bytes(), layer);
    let error =
        pull_image(image, |image, _, stream| send(stream, "200 OK", "", &image.layer)).await.unwrap_err();
    assert!(matches!(error, RegistryError::Layer { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_lie_or_never_end_are_refused() {
    let cases: [(&str, Arc<Answer>); 5] = [
        (
            "digest",
            Arc::new(|_: &Asked, stream: &mut TcpStream| {
                let image = Image::new();
                let claim = format!("Docker-Content-Digest: {}\r\n", Digest::of(b"another"));
                send(stream, "200 OK", &claim, &image.manifest);
            }),
        ),
        (
            "more than",
            Arc::new(|_: &Asked, stream: &mut TcpStream| {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
                while stream.write_all(&[b' '; 65536]).is_ok() {}
            }),
        ),
        ("not valid", Arc::new(|_: &Asked, stream: &mut TcpStream| send(stream, "200 OK", "", b"[]"))),
        (
            "web page",
            Arc::new(|_: &Asked, stream: &mut TcpStream| {
                send(stream, "200 OK", "Content-Type: text/html\r\n", b"<html>");
            }),
        ),
        (
            "refuses access",
            Arc::new(|asked: &Asked, stream: &mut TcpStream| {
                let realm = format!(
                    "WWW-Authenticate: Bearer realm=\"http://{}/token\"\r\n",
                    asked.headers.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default()
                );
                let body = br#"{"token":"never enough"}"#;
                if asked.path.starts_with("/token") {
                    send(stream, "200 OK", "", body)
                } else {
                    send(stream, "401 X", &realm, b"")
                }
            }),
        ),
    ];
    for (text, answer) in cases {
        let place = Place::new();
        let error = place.pull(&format!("127.0.0.1:{}/x:1", server(answer))).await.unwrap_err().to_string();
        assert!(error.contains(text), "{text}: {error}");
        place.assert_empty();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_fetched_for_the_scope_and_used() {
    let image = Image::new();
    let port = server(Arc::new(move |asked: &Asked, stream: &mut TcpStream| {
        let host =
            asked.headers.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned();
        if asked.path.starts_with("/token") {
            let fits = asked.path.contains("scope=repository%3Ax%3Apull") && asked.path.contains("service=s");
            return send(stream, if fits { "200 OK" } else { "400 X" }, "", br#"{"access_token":"good"}"#);
        }
        if !asked.headers.contains("authorization: bearer good") {
            let realm = format!("WWW-Authenticate: Bearer realm=\"http://{host}/token\",service=\"s\"\r\n");
            return send(stream, "401 X", &realm, b"");
        }
        if !image.documents(asked, stream) {
            send(stream, "200 OK", "", &image.layer);
        }
    }));
    Place::new().pull(&format!("127.0.0.1:{port}/x:1")).await.unwrap();
}
