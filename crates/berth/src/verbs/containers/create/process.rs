//! What runs: arguments, environment, user, streams, labels, stopping and restarting.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{Request, Streams, env_file, pairs};
use crate::failure::Failure;
use crate::terminal::Size;

/// Flags about the process.
#[derive(Debug, Args)]
#[command(next_help_heading = "Process")]
pub(crate) struct ProcessFlags {
    /// Keep standard input open
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Give the container a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Join with stdin, stdout or stderr
    #[arg(short, long, value_name = "STREAM")]
    pub(crate) attach: Vec<String>,
    /// Set a variable; without a value it is taken from here
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Read variables from a file
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// User or uid, and group or gid
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// Working directory
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// Run this instead of the image's entrypoint; empty removes it
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,
    /// Host name
    #[arg(short = 'h', long, value_name = "NAME")]
    hostname: Option<String>,
    /// NIS domain name
    #[arg(long, value_name = "NAME")]
    domainname: Option<String>,
    /// Run a small init that forwards signals and reaps processes
    #[arg(long)]
    init: bool,
    /// Set a label
    #[arg(short, long, value_name = "KEY[=VALUE]")]
    label: Vec<String>,
    /// Read labels from a file
    #[arg(long, value_name = "FILE")]
    label_file: Vec<PathBuf>,
    /// Annotation of the OCI bundle
    #[arg(long, value_name = "KEY=VALUE")]
    annotation: Vec<String>,
    /// Restart policy: no, on-failure[:N], always, unless-stopped
    #[arg(long, value_name = "POLICY")]
    restart: Option<String>,
    /// Signal that stops the container
    #[arg(long, value_name = "SIGNAL")]
    stop_signal: Option<String>,
    /// Seconds between the stop signal and SIGKILL
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    stop_timeout: Option<i64>,
    /// Runtime: the built-in one, or the path of an OCI runtime
    #[arg(long, value_name = "RUNTIME")]
    runtime: Option<String>,
    /// Log driver: json-file or none
    #[arg(long, value_name = "DRIVER")]
    log_driver: Option<String>,
    /// Option of the log driver, such as max-size=10m
    #[arg(long, value_name = "KEY=VALUE")]
    log_opt: Vec<String>,
}

impl ProcessFlags {
    pub(super) fn apply(&self, request: &mut Request, streams: Streams) -> Result<(), Failure> {
        let config = &mut request.config;
        config.flag("Tty", self.tty);
        config.flag("OpenStdin", self.interactive);
        config.flag("StdinOnce", self.interactive && streams.any());
        config.flag("AttachStdin", streams.stdin);
        config.flag("AttachStdout", streams.stdout);
        config.flag("AttachStderr", streams.stderr);
        config.list("Env", &env_file::environment(&self.env_file, &self.env)?);
        config.option("User", self.user.clone());
        config.option("WorkingDir", self.workdir.clone());
        config.option("Entrypoint", self.entrypoint.as_ref().map(|text| vec![text.clone()]));
        config.option("Hostname", self.hostname.clone());
        config.option("Domainname", self.domainname.clone());
        config.option("StopSignal", self.stop_signal.clone());
        config.option("StopTimeout", self.stop_timeout);
        config.object("Labels", pairs(&self.labels()?));
        let host = &mut request.host;
        host.flag("Init", self.init);
        host.object("Annotations", pairs(&self.annotation));
        host.option("RestartPolicy", self.restart.as_deref().map(restart_policy).transpose()?);
        host.option("Runtime", self.runtime.clone());
        host.option("LogConfig", self.log_config());
        if self.tty
            && let Some(size) = Size::now()
        {
            host.set("ConsoleSize", json!([size.height, size.width]));
        }
        Ok(())
    }

    fn labels(&self) -> Result<Vec<String>, Failure> {
        let mut all = Vec::new();
        for file in &self.label_file {
            all.extend(env_file::lines(file)?);
        }
        all.extend(self.label.iter().cloned());
        Ok(all)
    }

    fn log_config(&self) -> Option<Value> {
        let given = self.log_driver.is_some() || !self.log_opt.is_empty();
        given.then(
            || json!({"Type": self.log_driver.clone().unwrap_or_default(), "Config": pairs(&self.log_opt)}),
        )
    }
}

/// `no`, `always`, `unless-stopped`, `on-failure[:N]`
pub(crate) fn restart_policy(text: &str) -> Result<Value, Failure> {
    let wrong = || {
        Failure::new(format!(
            "invalid restart policy {text:?}: use no, on-failure[:N], always or unless-stopped"
        ))
    };
    let (name, count) = text.split_once(':').map_or((text, None), |(name, count)| (name, Some(count)));
    let retries: i64 = count.map_or(Ok(0), str::parse).map_err(|_| wrong())?;
    let known = ["no", "always", "unless-stopped", "on-failure"].contains(&name);
    if !known || (count.is_some() && name != "on-failure") || retries < 0 {
        return Err(wrong());
    }
    Ok(json!({"Name": name, "MaximumRetryCount": retries}))
}
