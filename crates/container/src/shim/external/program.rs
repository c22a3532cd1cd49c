//! Running another runtime's program.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::protocol::{Failure, FailureKind};
use crate::shim::other;

/// Standard streams for the runtime and the process it makes; none is `/dev/null`.
#[derive(Debug, Default)]
pub(super) struct Streams(Option<[OwnedFd; 3]>);

impl Streams {
    pub(super) fn new(stdin: OwnedFd, stdout: OwnedFd, stderr: OwnedFd) -> Self {
        Self(Some([stdin, stdout, stderr]))
    }
}

/// A program with runc's command line.
#[derive(Debug)]
pub(super) struct Program {
    path: PathBuf,
    state_root: PathBuf,
    log: PathBuf,
}

/// A line of the program's log.
#[derive(Deserialize)]
struct LogLine {
    #[serde(default)]
    level: String,
    #[serde(default)]
    msg: String,
}

/// The runtime failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot run {}", path.display())]
struct RunError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl Program {
    pub(super) fn new(path: &Path, state_root: &Path, run_dir: &Path) -> Self {
        Self { path: path.to_owned(), state_root: state_root.to_owned(), log: run_dir.join("runtime.log") }
    }

    /// Runs a command of the program to its end.
    pub(super) fn run<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
        streams: Streams,
    ) -> Result<(), Failure> {
        let mut command = Command::new(&self.path);
        command.arg("--root").arg(&self.state_root).arg("--log").arg(&self.log);
        command.args(["--log-format", "json"]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        if let Some([stdin, stdout, stderr]) = streams.0 {
            command.stdin(stdin).stdout(stdout).stderr(stderr);
        }
        let status =
            command.status().map_err(|source| other(&RunError { path: self.path.clone(), source }))?;
        if status.success() { Ok(()) } else { Err(self.failure(&status.to_string())) }
    }

    /// What the program's log says about its failure.
    fn failure(&self, status: &str) -> Failure {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<LogLine>(line).ok());
        match lines.rev().find(|line| line.level == "error") {
            Some(line) => Failure::message(classify(&line.msg), line.msg),
            None => {
                let message = format!("{} failed: {status}", self.path.display());
                Failure::message(FailureKind::Other, message)
            }
        }
    }
}

/// Another program's failures can be told apart by its words only.
fn classify(message: &str) -> FailureKind {
    let any = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let about_exec = any(&["exec", "starting container process", "executable", "open executable"]);
    if about_exec
        && any(&["executable file not found", "no such file or directory", "No such file or directory"])
    {
        FailureKind::CommandNotFound
    } else if about_exec
        && any(&["permission denied", "Permission denied", "is a directory", "exec format error"])
    {
        FailureKind::NotExecutable
    } else {
        FailureKind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart_by_what_runtimes_say() {
        let runc = r#"runc create failed: unable to start container process: exec: "nope": executable file not found in $PATH"#;
        assert_eq!(classify(runc), FailureKind::CommandNotFound);
        let crun = "executable file `nope` not found in $PATH: No such file or directory";
        assert_eq!(classify(crun), FailureKind::CommandNotFound);
        assert_eq!(
            classify(r#"unable to start container process: exec: "/etc": permission denied"#),
            FailureKind::NotExecutable
        );
        assert_eq!(classify("cgroup: no such file or directory"), FailureKind::Other);
    }
}
