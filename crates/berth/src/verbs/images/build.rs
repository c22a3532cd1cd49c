//! `build`.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use build::{BuildEvent, BuildRequest, BuildResult, DockerfileSource, RunNetwork};
use clap::Args;

use super::build_output::BuildOutput;
use crate::cli::{Context, Form, Run, Verb, verb};
use crate::client::{Call, CallError};
use crate::failure::{Exit, Failure, Outcome};
use crate::verbs::compose;
use crate::{output, project, units};

/// The command.
pub(crate) const BUILD: Verb = verb::<Build>("build", "Build an image from a Dockerfile").examples(
    "Examples:\n  berth build -t app .\n  berth build -f docker/Dockerfile --build-arg VERSION=2 -t app:2 .\n\n\
     Without PATH, in a directory with a compose file, the project's images are built.",
);

/// Build an image from a Dockerfile.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The Dockerfile; `-` is standard input [default: PATH/Dockerfile]
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Name of the image
    #[arg(short, long, value_name = "NAME[:TAG]")]
    tag: Vec<String>,
    /// Value of an ARG; without a value it is taken from here
    #[arg(long, value_name = "NAME[=VALUE]")]
    build_arg: Vec<String>,
    /// Label of the image
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<String>,
    /// Stage to stop at
    #[arg(long, value_name = "STAGE")]
    target: Option<String>,
    /// Run every step anew
    #[arg(long)]
    no_cache: bool,
    /// Fetch base images anew
    #[arg(long)]
    pull: bool,
    /// Network of RUN: default, host, none
    #[arg(long, value_name = "MODE", default_value = "default", hide_default_value = true)]
    network: String,
    /// Platform; only the machine's own is built
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<String>,
    /// Line of /etc/hosts in RUN
    #[arg(long, value_name = "NAME:ADDRESS")]
    add_host: Vec<String>,
    /// Size of /dev/shm in RUN
    #[arg(long, value_name = "SIZE")]
    shm_size: Option<String>,
    /// Write the image's id into this file
    #[arg(long, value_name = "FILE")]
    iidfile: Option<PathBuf>,
    /// Print only the image's id
    #[arg(short, long)]
    quiet: bool,
    /// How progress is shown; always plain lines
    #[arg(long, value_name = "KIND", hide = true)]
    progress: Option<String>,
    /// Remove what is between; always done
    #[arg(long, hide = true)]
    rm: bool,
    /// Always so: the image goes to the store
    #[arg(long, hide = true)]
    load: bool,
    /// Directory that COPY reads from
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
}

impl Run for Build {
    async fn run(self, context: &Context) -> Outcome {
        let Some(path) = &self.path else {
            if context.form == Form::Plain && project::has_files(&context.globals) {
                let options = compose::build::ImageOptions {
                    no_cache: self.no_cache,
                    quiet: self.quiet,
                    ..Default::default()
                };
                return compose::build::build_project(context, &[], &options).await;
            }
            return Err(Failure::new("PATH is missing: name the directory to build from, such as `.`"));
        };
        let request = self.request(path)?;
        let result = run_build(context, &request, BuildOutput::new("", self.quiet)).await?;
        if let Some(file) = &self.iidfile {
            let written = std::fs::write(file, &result.image);
            written.map_err(|e| Failure::new(format!("cannot write {}: {e}", file.display())))?;
        }
        if self.quiet {
            output::line(&result.image)?;
        }
        Ok(Exit::SUCCESS)
    }
}

impl Build {
    fn request(&self, path: &Path) -> Result<BuildRequest, Failure> {
        let from_stdin = self.file.as_deref() == Some(Path::new("-"));
        let dockerfile = match &self.file {
            Some(_) if from_stdin => DockerfileSource::Inline(stdin()?),
            Some(file) => DockerfileSource::Path(directory(file)?),
            None => DockerfileSource::default(),
        };
        let context = directory(path)?;
        if !context.is_dir() {
            let text = format!("cannot build from {}: it is not a directory", path.display());
            return Err(Failure::new(text));
        }
        let own = |name: &str| std::env::var(name).ok();
        let build_args = self.build_arg.iter().map(|text| match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (text.clone(), own(text)),
        });
        Ok(BuildRequest {
            dockerfile,
            target: self.target.clone(),
            tags: self.tag.clone(),
            build_args: build_args.collect(),
            labels: labels(&self.label),
            no_cache: self.no_cache,
            platform: self.platform.clone(),
            network: run_network(&self.network)?,
            extra_hosts: self.add_host.iter().map(|text| extra_host(text)).collect::<Result<_, _>>()?,
            shm_size: self
                .shm_size
                .as_deref()
                .map(units::bytes)
                .transpose()?
                .and_then(|size| u64::try_from(size).ok()),
            source_date_epoch: own("SOURCE_DATE_EPOCH").and_then(|text| text.parse().ok()),
            ..BuildRequest::new(context)
        })
    }
}

/// Has the engine build, shows what it tells, and gives the result.
///
/// # Errors
/// The build fails, or the engine goes away.
pub(crate) async fn run_build(
    context: &Context,
    request: &BuildRequest,
    mut shown: BuildOutput,
) -> Result<BuildResult, Failure> {
    let body = serde_json::to_value(request)?;
    let mut lines = context.engine.lines(Call::post("/berth/build").json(&body)).await?;
    while let Some(told) = lines.next().await? {
        if let Some(message) = told["error"]["message"].as_str() {
            shown.failed();
            return Err(Failure::new(message));
        }
        let event: BuildEvent =
            serde_json::from_value(told).map_err(|e| CallError::Protocol(e.to_string()))?;
        if let Some(result) = shown.event(event) {
            return Ok(result);
        }
    }
    shown.failed();
    Err(CallError::Protocol("the build ended without an image".to_owned()).into())
}

/// `default`, `host`, `none`
pub(crate) fn run_network(text: &str) -> Result<RunNetwork, Failure> {
    match text {
        "" | "default" | "bridge" => Ok(RunNetwork::Default),
        "host" => Ok(RunNetwork::Host),
        "none" => Ok(RunNetwork::None),
        other => {
            Err(Failure::new(format!("invalid network {other:?} for a build: use default, host or none")))
        }
    }
}

fn labels(texts: &[String]) -> BTreeMap<String, String> {
    let split = |text: &String| {
        text.split_once('=').map_or((text.clone(), String::new()), |(k, v)| (k.to_owned(), v.to_owned()))
    };
    texts.iter().map(split).collect()
}

fn extra_host(text: &str) -> Result<(String, String), Failure> {
    let line = crate::verbs::containers::create::extra_host(text)?;
    let (name, address) = line.split_once(':').unwrap_or((&line, ""));
    Ok((name.to_owned(), address.to_owned()))
}

fn directory(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|e| Failure::new(format!("cannot resolve {}: {e}", path.display())))
}

fn stdin() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}
