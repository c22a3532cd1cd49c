//! The flags of `run` and `create`, and the request they become.
//!
//! Each family of flags stands with what it becomes: process, networks, storage, limits, security, health.

mod env_file;
mod health;
mod limits;
mod mount_flag;
mod network;
mod ports;
mod process;
mod security;
mod storage;

use clap::Args;
use serde_json::{Map, Value};

pub(crate) use env_file::environment;
pub(crate) use network::extra_host;
pub(crate) use ports::publish;
pub(crate) use process::restart_policy;
pub(crate) use storage::binds;

use crate::failure::Failure;

/// Everything that describes a new container.
#[derive(Debug, Args)]
pub(crate) struct CreateFlags {
    /// Name of the container
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Platform the image must be for; only the machine's own runs
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// When to fetch the image: always, missing, never
    #[arg(long, value_name = "WHEN", default_value = "missing", hide_default_value = true)]
    pub(crate) pull: String,
    /// Remove the container when it exits
    #[arg(long, overrides_with = "rm")]
    pub(crate) rm: bool,
    /// Write the container's id into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) cidfile: Option<std::path::PathBuf>,
    /// Print less
    #[arg(short, long, hide = true)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) process: process::ProcessFlags,
    #[command(flatten)]
    pub(crate) network: network::NetworkFlags,
    #[command(flatten)]
    storage: storage::StorageFlags,
    #[command(flatten)]
    limits: limits::LimitFlags,
    #[command(flatten)]
    security: security::SecurityFlags,
    #[command(flatten)]
    health: health::HealthFlags,
    /// Image, then the command and its arguments
    #[arg(
        value_name = "IMAGE [COMMAND [ARG...]]",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) image_and_command: Vec<String>,
}

/// How the command's streams are joined with the container's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Streams {
    /// Standard input.
    pub(crate) stdin: bool,
    /// Standard output.
    pub(crate) stdout: bool,
    /// Standard error.
    pub(crate) stderr: bool,
}

impl Streams {
    /// Whether any is.
    pub(crate) fn any(self) -> bool {
        self.stdin || self.stdout || self.stderr
    }
}

impl CreateFlags {
    /// The image.
    pub(crate) fn image(&self) -> &str {
        self.image_and_command.first().map(String::as_str).unwrap_or_default()
    }

    /// The streams that are joined: those of `-a`, else output, and input with `-i`.
    pub(crate) fn streams(&self, detached: bool) -> Result<Streams, Failure> {
        let chosen = &self.process.attach;
        if detached {
            if !chosen.is_empty() {
                return Err(Failure::new("-d and -a exclude each other").with_exit(125));
            }
            return Ok(Streams::default());
        }
        if chosen.is_empty() {
            return Ok(Streams { stdin: self.process.interactive, stdout: true, stderr: true });
        }
        let mut streams = Streams::default();
        for name in chosen {
            match name.to_ascii_lowercase().as_str() {
                "stdin" => streams.stdin = true,
                "stdout" => streams.stdout = true,
                "stderr" => streams.stderr = true,
                other => {
                    let text = format!("invalid stream {other:?} for --attach: use stdin, stdout, stderr");
                    return Err(Failure::new(text).with_exit(125));
                }
            }
        }
        Ok(streams)
    }

    /// The body of the create request.
    ///
    /// # Errors
    /// A flag whose value cannot be read, or a file that cannot.
    pub(crate) fn body(&self, streams: Streams) -> Result<Value, Failure> {
        self.request(streams).map_err(|failure| failure.with_exit(125))
    }

    fn request(&self, streams: Streams) -> Result<Value, Failure> {
        let mut request = Request::default();
        request.config.set("Image", self.image());
        request.config.list("Cmd", self.image_and_command.get(1..).unwrap_or_default());
        self.process.apply(&mut request, streams)?;
        self.network.apply(&mut request)?;
        self.storage.apply(&mut request)?;
        self.limits.apply(&mut request)?;
        self.security.apply(&mut request)?;
        self.health.apply(&mut request)?;
        if self.rm {
            request.host.set("AutoRemove", true);
        }
        Ok(request.finish())
    }
}

/// The request while it is put together.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// What is about the process.
    pub(crate) config: Object,
    /// `HostConfig`.
    pub(crate) host: Object,
    /// `NetworkingConfig.EndpointsConfig`.
    pub(crate) endpoints: Object,
}

impl Request {
    fn finish(mut self) -> Value {
        self.config.object("HostConfig", self.host.0);
        if !self.endpoints.0.is_empty() {
            let mut networking = Map::new();
            networking.insert("EndpointsConfig".to_owned(), Value::Object(self.endpoints.0));
            self.config.object("NetworkingConfig", networking);
        }
        Value::Object(self.config.0)
    }
}

/// A JSON object that leaves out what is not set.
#[derive(Debug, Default)]
pub(crate) struct Object(pub(crate) Map<String, Value>);

impl Object {
    /// Sets a key.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// Sets a key when there is a value.
    pub(crate) fn option(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    /// Sets a flag when it is true.
    pub(crate) fn flag(&mut self, key: &str, value: bool) {
        if value {
            self.set(key, true);
        }
    }

    /// Sets a list when it is not empty.
    pub(crate) fn list(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            self.set(key, values.to_vec());
        }
    }

    /// Sets an object when it is not empty.
    pub(crate) fn object(&mut self, key: &str, value: Map<String, Value>) {
        if !value.is_empty() {
            self.set(key, Value::Object(value));
        }
    }
}

/// `KEY=VALUE`, where the value may be missing, to an object.
pub(crate) fn pairs(texts: &[String]) -> Map<String, Value> {
    let split = |text: &String| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        (key.to_owned(), Value::from(value))
    };
    texts.iter().map(split).collect()
}

#[cfg(test)]
pub(crate) mod tests;
