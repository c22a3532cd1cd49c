//! Foreign clients of a host's engine.

use crate::{Host, Outcome, workspace};
use std::{path::PathBuf, process::Command};

/// How long a foreign client may take, in seconds: a bound against hanging, not a measurement.
const PATIENCE: &str = "120";

impl Host {
    /// A foreign program that speaks to this host's engine, which must run. BuildKit is off.
    pub fn foreign(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.command("timeout");
        let config = self.dir("docker-config");
        command
            .args(["--kill-after=5", PATIENCE])
            .arg(program)
            .env("DOCKER_HOST", format!("unix://{}", self.socket().display()))
            .env("DOCKER_CONFIG", config)
            .env("DOCKER_BUILDKIT", "0")
            .env("COMPOSE_DOCKER_CLI_BUILD", "0");
        command
    }

    /// Runs the docker command line to its end.
    pub fn docker<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        Outcome::of(self.foreign("docker").args(arguments))
    }
}

/// A program that `scripts/clients` has unpacked.
///
/// # Panics
/// When it is not there: the tests are started by `make e2e`.
pub fn client(name: &str) -> PathBuf {
    let path = workspace().join("target/clients").join(name);
    assert!(path.exists(), "{} is not there: run the tests by `make e2e`", path.display());
    path
}
