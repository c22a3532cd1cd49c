//! `--ssh ID=KEYFILE`: an agent of the build's own, which holds the keys and ends with it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image::Scratch;

/// How long an agent may take to listen.
const PATIENCE: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(5);

/// Why keys cannot be given to a build.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A program of OpenSSH cannot be run.
    #[error(
        "cannot run {program}, which keys in files need (package openssh-client); or give an agent's socket"
    )]
    Program {
        /// `ssh-agent` or `ssh-add`.
        program: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The agent does not listen.
    #[error("ssh-agent did not start")]
    Agent,
    /// A key was not taken.
    #[error("cannot use the key {}: {output}; a key with a passphrase must be in an agent (ssh-add)", key.display())]
    Key {
        /// Its file.
        key: PathBuf,
        /// What `ssh-add` wrote.
        output: String,
    },
}

/// A running agent, ended when dropped.
pub(super) struct KeyAgent {
    child: Child,
    /// Its socket.
    pub(super) socket: PathBuf,
    scratch: Scratch,
}

impl KeyAgent {
    /// Starts an agent with these keys.
    pub(super) fn start(keys: &[&Path], scratch: Scratch) -> Result<Self, KeyError> {
        // A socket's path must be short: it is given relative to the directory.
        let child = Command::new("ssh-agent")
            .args(["-D", "-a", "agent"])
            .current_dir(scratch.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| KeyError::Program { program: "ssh-agent", source })?;
        let agent = Self { child, socket: scratch.path().join("agent"), scratch };
        let started = Instant::now();
        while !agent.socket.exists() {
            if started.elapsed() > PATIENCE {
                return Err(KeyError::Agent);
            }
            std::thread::sleep(RETRY);
        }
        keys.iter().try_for_each(|key| agent.add(key))?;
        Ok(agent)
    }

    fn add(&self, key: &Path) -> Result<(), KeyError> {
        let added = Command::new("ssh-add")
            .arg("-q")
            .arg(key)
            .current_dir(self.scratch.path())
            .env("SSH_AUTH_SOCK", "agent")
            .env("SSH_ASKPASS_REQUIRE", "never")
            .stdin(Stdio::null())
            .output()
            .map_err(|source| KeyError::Program { program: "ssh-add", source })?;
        match added.status.success() {
            true => Ok(()),
            false => {
                let output = String::from_utf8_lossy(&added.stderr).trim().to_owned();
                Err(KeyError::Key { key: key.to_owned(), output })
            }
        }
    }
}

impl Drop for KeyAgent {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
