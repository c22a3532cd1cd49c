//! Debian's registry on a host.

use crate::{Host, Outcome, client, eventually};
use std::process::{Child, Stdio};

/// A registry on the loopback of a host; ended with the test.
#[derive(Debug)]
pub struct Registry {
    server: Child,
    /// `localhost:5000`
    pub name: String,
}

impl Registry {
    /// One that everybody may use.
    pub fn start(host: &Host) -> Self {
        Self::on(host, 5000, "")
    }

    /// One for the user `me` with the password `secret`.
    pub fn with_password(host: &Host) -> Self {
        // The hash was made for this test.
        let entry = "me:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";
        let file = host.file("htpasswd", entry);
        Self::on(host, 5001, &format!("auth: {{htpasswd: {{realm: r, path: {}}}}}\n", file.display()))
    }

    fn on(host: &Host, port: u16, more: &str) -> Self {
        let data = host.dir(&format!("registry-{port}"));
        let config = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: 127.0.0.1:{port}}}\nlog: {{level: error}}\n{more}",
            data.display()
        );
        let config = host.file(&format!("registry-{port}.yml"), &config);
        let mut command = host.command(client("docker-registry"));
        command.arg("serve").arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = command.spawn().expect("the registry can be started");
        let registry = Self { server, name: format!("localhost:{port}") };
        eventually("the registry answers", || {
            let asked =
                Outcome::of(host.command("curl").args(["-s", &format!("http://{}/v2/", registry.name)]));
            asked.code == Some(0)
        });
        registry
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
