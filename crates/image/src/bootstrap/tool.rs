//! Running `mmdebstrap`: its tree comes as a tar stream on standard output, its messages on standard error.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;

use super::{BootstrapError, BootstrapOptions};

const PROGRAM: &str = "mmdebstrap";
const HOOKS: &str = "/usr/share/mmdebstrap/hooks";
/// Lines of its messages kept for an error.
const KEPT_LINES: usize = 25;

/// The files handed to the tool.
pub(super) struct Inputs {
    pub(super) sources: PathBuf,
    pub(super) apt_conf: PathBuf,
}

impl Inputs {
    /// Writes them into `dir`.
    pub(super) fn write(dir: &Path, sources: &str, apt_conf: &str) -> io::Result<Self> {
        let inputs = Self { sources: dir.join("debian.sources"), apt_conf: dir.join("apt.conf") };
        fs::write(&inputs.sources, sources)?;
        fs::write(&inputs.apt_conf, apt_conf)?;
        Ok(inputs)
    }
}

/// The tool's arguments.
pub(super) fn arguments(options: &BootstrapOptions, packages: &[String], inputs: &Inputs) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec![
        format!("--variant={}", options.variant.name()).into(),
        "--format=tar".into(),
        "--skip=output/dev".into(),
        "--dpkgopt=force-unsafe-io".into(),
    ];
    arguments
        .extend(merged_usr_hook(&options.suite).map(|hook| format!("--hook-dir={}", hook.display()).into()));
    let mut apt = OsString::from("--aptopt=");
    apt.push(&inputs.apt_conf);
    arguments.push(apt);
    if !packages.is_empty() {
        arguments.push(format!("--include={}", packages.join(",")).into());
    }
    arguments.extend([options.suite.clone().into(), "-".into(), inputs.sources.clone().into()]);
    arguments
}

/// Without the hook apt merges `/usr` by installing `usrmerge`, which brings all of Perl: 45 MB.
fn merged_usr_hook(suite: &str) -> Option<PathBuf> {
    // The second finds out by itself, at the price of another `apt-get update`.
    let name = if suite == "bookworm" { "merged-usr" } else { "maybe-merged-usr" };
    Some(Path::new(HOOKS).join(name)).filter(|hook| hook.is_dir())
}

/// Runs the tool; `consume` gets its stream in a thread of its own, `progress` its messages in this one.
pub(super) fn run<T: Send>(
    options: &BootstrapOptions,
    packages: &[String],
    inputs: &Inputs,
    progress: &mut dyn FnMut(&str),
    consume: impl FnOnce(&mut ChildStdout) -> Result<T, BootstrapError> + Send,
) -> Result<T, BootstrapError> {
    let mut command = Command::new(PROGRAM);
    command.args(arguments(options, packages, inputs)).env("LC_ALL", "C.UTF-8");
    if std::env::var_os("TMPDIR").is_none() {
        // A tree of hundreds of megabytes may not fit a /tmp in memory; apt's unprivileged user must reach it, so it
        // cannot be in the store.
        command.env("TMPDIR", "/var/tmp");
    }
    if let Some(epoch) = options.source_date_epoch {
        command.env("SOURCE_DATE_EPOCH", epoch.to_string());
    }
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => BootstrapError::MissingTool,
        _ => BootstrapError::Io { action: format!("run {PROGRAM}"), source },
    })?;
    let (consumed, messages) = watch(&mut child, progress, consume);
    let waited = child.wait();
    let status =
        waited.map_err(|source| BootstrapError::Io { action: format!("wait for {PROGRAM}"), source })?;
    outcome(consumed, status, messages)
}

/// Reads both streams to their ends.
fn watch<T: Send>(
    child: &mut Child,
    progress: &mut dyn FnMut(&str),
    consume: impl FnOnce(&mut ChildStdout) -> Result<T, BootstrapError> + Send,
) -> (Option<Result<T, BootstrapError>>, VecDeque<String>) {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut kept = VecDeque::new();
    let consumed = thread::scope(|scope| {
        // When the consumer gives up, its end of the pipe closes and the tool ends by SIGPIPE.
        let consumer = stdout.map(|mut stdout| scope.spawn(move || consume(&mut stdout)));
        let lines =
            stderr.into_iter().flat_map(|stderr| BufReader::new(stderr).split(b'\n').map_while(Result::ok));
        for line in lines {
            let line = String::from_utf8_lossy(&line);
            // Progress within a line is written over and over; only its last state counts.
            let line = line.trim_end().rsplit('\r').next().unwrap_or_default();
            let line = line.strip_prefix("I: ").unwrap_or(line);
            if line.is_empty() {
                continue;
            }
            progress(line);
            if kept.len() == KEPT_LINES {
                kept.pop_front();
            }
            kept.push_back(line.to_owned());
        }
        consumer.and_then(|consumer| consumer.join().ok())
    });
    (consumed, kept)
}

/// The tool's failure explains the stream's, unless the stream's receiver failed first and broke the pipe.
fn outcome<T>(
    consumed: Option<Result<T, BootstrapError>>,
    status: ExitStatus,
    messages: VecDeque<String>,
) -> Result<T, BootstrapError> {
    match consumed {
        Some(Ok(value)) if status.success() => Ok(value),
        Some(Err(error)) if status.success() || error.is_local() => Err(error),
        _ => Err(BootstrapError::Failed { status, output: Vec::from(messages).join("\n") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reference;

    #[test]
    fn the_arguments_say_what_was_asked_for() {
        let mut options = BootstrapOptions::new(Reference::parse("debian:bookworm").unwrap());
        options.keep_docs = true;
        let inputs = Inputs { sources: "/s".into(), apt_conf: "/c".into() };
        let packages = ["curl".to_owned(), "less".to_owned()];
        let mut arguments = arguments(&options, &packages, &inputs);
        arguments.retain(|argument| !argument.to_string_lossy().starts_with("--hook-dir="));
        let expected = [
            "--variant=minbase",
            "--format=tar",
            "--skip=output/dev",
            "--dpkgopt=force-unsafe-io",
            "--aptopt=/c",
            "--include=curl,less",
            "bookworm",
            "-",
            "/s",
        ];
        assert_eq!(arguments, expected);
    }
}
