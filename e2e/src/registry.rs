use crate::{Host, Outcome, client, eventually, workspace};
use std::{
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

/// A server on a host, ended with the test.
#[derive(Debug)]
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How a [`Registry`] is set up.
#[derive(Debug, Default)]
pub struct RegistryOptions {
    /// The port of 127.0.0.1; 5000 if 0.
    pub port: u16,
    /// Lines of its configuration below `auth:`.
    pub auth: Option<String>,
    /// Certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// Debian's registry on a host.
#[derive(Debug)]
pub struct Registry {
    /// `localhost:5000`
    pub name: String,
    _server: Server,
    log: PathBuf,
}

impl Registry {
    /// On port 5000, for everybody.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(host: &Host) -> Self {
        Self::with(host, &RegistryOptions::default())
    }

    /// On port 5001, for the user `me` with the password `secret`.
    ///
    /// # Panics
    /// When it does not start.
    pub fn with_password(host: &Host) -> Self {
        Self::with(host, &RegistryOptions { port: 5001, auth: Some(passwords(host)), tls: None })
    }

    /// As told.
    ///
    /// # Panics
    /// When it does not start.
    pub fn with(host: &Host, options: &RegistryOptions) -> Self {
        let port = if options.port == 0 { 5000 } else { options.port };
        let data = host.dir(&format!("registry-{port}"));
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp:\n  addr: 127.0.0.1:{port}\n",
            data.display()
        );
        if let Some((certificate, key)) = &options.tls {
            config += &format!("  tls: {{certificate: {}, key: {}}}\n", certificate.display(), key.display());
        }
        if let Some(auth) = &options.auth {
            config += &format!("auth:\n{auth}\n");
        }
        let config = host.file(&format!("registry-{port}.yml"), &config);
        let log = host.file(&format!("registry-{port}.log"), "");
        let mut command = host.command(client("docker-registry"));
        command.arg("serve").arg(config).env("OTEL_TRACES_EXPORTER", "none");
        let out = std::fs::File::create(&log).expect("the scratch directory is writable");
        command.stdin(Stdio::null()).stdout(out).stderr(Stdio::null());
        let server = Server(command.spawn().expect("docker-registry can be started"));
        listens(host, port);
        Self { name: format!("localhost:{port}"), _server: server, log }
    }

    /// The requests that were answered, one a line: `"POST /v2/… HTTP/1.1" 201 …`.
    ///
    /// # Panics
    /// When its log cannot be read.
    pub fn requests(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log can be read")
    }
}

/// For [`RegistryOptions::auth`]: the user `me` with the password `secret`.
pub fn passwords(host: &Host) -> String {
    // The hash was made for these tests.
    let hash = "me:$2b$04$5bvvVvToMMjM7uippP0N2eT3uhUzZ94xeI3rCEcY6M0Er0QaJ6Qnm\n";
    let file = host.file("htpasswd", hash);
    format!("  htpasswd: {{realm: test, path: {}}}", file.display())
}

/// A program of `e2e/clients` that serves a port of a host until it is dropped.
#[derive(Debug)]
pub struct Script(#[expect(dead_code, reason = "held until the test ends")] Server);

impl Script {
    /// Starts it with arguments and waits until the port answers.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(host: &Host, name: &str, port: u16, arguments: &[&str]) -> Self {
        let mut command = host.command("python3");
        command.arg(workspace().join("e2e/clients").join(name)).arg(port.to_string()).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let server = Server(command.spawn().expect("python3 can be started"));
        listens(host, port);
        Self(server)
    }
}

fn listens(host: &Host, port: u16) {
    eventually(&format!("something listens on port {port}"), || {
        let listening = Outcome::of(host.command("ss").args(["-ltnH", &format!("sport = :{port}")])).ok();
        !listening.is_empty()
    });
}

/// A certificate for 127.0.0.1 and its key, signed by an authority of its own, whose certificate is the third.
///
/// # Panics
/// When openssl fails.
pub fn certificate(host: &Host) -> (PathBuf, PathBuf, PathBuf) {
    let dir = host.dir("tls");
    let script = "set -e; curve='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'
        openssl req -x509 $curve -subj /CN=authority -keyout ca.key -out ca.pem -addext basicConstraints=critical,CA:TRUE
        openssl req $curve -subj /CN=registry -keyout server.key -out server.csr
        printf 'subjectAltName=IP:127.0.0.1,DNS:localhost' > names
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem";
    Outcome::of(host.command("sh").args(["-c", script]).current_dir(&dir)).ok();
    let at = |name: &str| Path::new(&dir).join(name);
    (at("server.pem"), at("server.key"), at("ca.pem"))
}
