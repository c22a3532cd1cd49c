//! Stores, images, Debian's `docker-registry` and `skopeo`. These tests need root.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // each test file uses a part; a test fails by panicking

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use image::{Image, ImageConfig, ImportOptions, Reference, Store};
use registry::RegistryError;
use registry::client::{Limits, PullOptions, Pulled, TransferEvent, pull};
use registry::credentials::Credentials;
use registry::settings::Settings;

/// A store in a directory of its own.
pub struct Place {
    pub dir: tempfile::TempDir,
    pub store: Store,
}

impl Drop for Place {
    /// The store's own thread must not write into a directory that is being removed.
    fn drop(&mut self) {
        let _ = self.store.sync();
    }
}

pub fn reference(name: &str) -> Reference {
    Reference::parse(name).unwrap()
}

/// A tar stream with these files.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

/// Bytes that do not compress, from a seed.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

impl Place {
    pub fn new() -> Self {
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let store = Store::open(dir.path().join("store")).unwrap();
        Self { dir, store }
    }

    /// An image of layers with one file each.
    pub fn image(&self, layers: &[&[u8]], names: &[&str]) -> std::sync::Arc<Image> {
        let lease = self.store.lease().unwrap();
        let import = |(at, content): (usize, &&[u8])| {
            let tar = tar(&[(&format!("file{at}"), content)]);
            self.store.import_layer(&lease, &mut tar.as_slice(), &ImportOptions::default()).unwrap().id
        };
        let ids: Vec<_> = layers.iter().enumerate().map(import).collect();
        let config =
            ImageConfig { architecture: "amd64".into(), os: "linux".into(), ..ImageConfig::default() };
        let names: Vec<_> = names.iter().map(|name| reference(name)).collect();
        self.store.put_image(&lease, config, &ids, &names).unwrap()
    }

    /// That nothing is in the store, not even half-made.
    pub fn assert_empty(&self) {
        assert!(self.store.list().unwrap().is_empty());
        assert_eq!(self.store.layers().unwrap(), []);
        let count = |path: &Path| std::fs::read_dir(path).unwrap().count();
        assert_eq!(count(&self.store.root().join("blobs/sha256")), 0);
        for session in std::fs::read_dir(self.store.root().join("tmp")).unwrap() {
            assert_eq!(count(&session.unwrap().path()), 2);
        }
    }

    pub async fn pull(&self, name: &str) -> Result<Pulled, RegistryError> {
        self.pull_as(name, None).await
    }

    pub async fn pull_as(
        &self,
        name: &str,
        credentials: Option<Credentials>,
    ) -> Result<Pulled, RegistryError> {
        let options = PullOptions { credentials, platform: None, limits: quick() };
        pull(&self.store, &Settings::default(), &reference(name), &options, &|_| {}).await
    }
}

/// Limits that a test can wait for.
pub fn quick() -> Limits {
    Limits {
        connect: Duration::from_secs(5),
        answer: Duration::from_secs(2),
        pause: Duration::from_millis(1),
    }
}

/// Collects what a transfer tells.
#[derive(Default)]
pub struct Told(pub Mutex<Vec<TransferEvent>>);

impl Told {
    pub fn tell(&self) -> impl Fn(TransferEvent) + Send + Sync + '_ {
        |event| self.0.lock().unwrap().push(event)
    }

    pub fn has(&self, wanted: impl Fn(&TransferEvent) -> bool) -> bool {
        self.0.lock().unwrap().iter().any(wanted)
    }
}

pub fn password() -> Credentials {
    Credentials::Password { username: "me".into(), password: "secret".into() }
}

/// Debian's registry, on a free port.
pub struct Registry {
    child: Child,
    pub port: u16,
    _dir: tempfile::TempDir,
}

impl Registry {
    /// None when `docker-registry` is not installed: then there is nobody to test against.
    pub fn start(with_password: bool) -> Option<Self> {
        for _ in 0..5 {
            let dir = tempfile::tempdir_in("/var/tmp").unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut config = format!(
                "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n",
                dir.path().join("data").display()
            );
            if with_password {
                // The password is "secret".
                let hash = "me:$2b$04$5bvvVvToMMjM7uippP0N2eT3uhUzZ94xeI3rCEcY6M0Er0QaJ6Qnm\n";
                std::fs::write(dir.path().join("htpasswd"), hash).unwrap();
                let path = dir.path().join("htpasswd");
                config += &format!("auth: {{htpasswd: {{realm: test, path: '{}'}}}}\n", path.display());
            }
            std::fs::write(dir.path().join("config.yml"), config).unwrap();
            let spawned = Command::new("docker-registry")
                .arg("serve")
                .arg(dir.path().join("config.yml"))
                .env("OTEL_TRACES_EXPORTER", "none")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let mut child = match spawned {
                Ok(child) => child,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    assert!(std::env::var_os("CI").is_none(), "the package docker-registry is not installed");
                    return None;
                }
                Err(error) => panic!("docker-registry: {error}"),
            };
            while child.try_wait().unwrap().is_none() {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Some(Self { child, port, _dir: dir });
                }
                std::thread::yield_now();
            }
            // Somebody else took the port.
        }
        panic!("docker-registry does not start");
    }

    pub fn name(&self, rest: &str) -> String {
        format!("127.0.0.1:{}/{rest}", self.port)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs skopeo; `None` when it is not installed.
pub fn skopeo(args: &[&str]) -> Option<String> {
    match Command::new("skopeo").arg("--insecure-policy").args(args).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("skopeo: {error}"),
        Ok(done) => {
            assert!(done.status.success(), "skopeo {args:?}: {}", String::from_utf8_lossy(&done.stderr));
            Some(String::from_utf8(done.stdout).unwrap())
        }
    }
}
