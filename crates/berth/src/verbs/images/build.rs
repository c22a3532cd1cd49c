//! `build`.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use build::{BuildEvent, BuildRequest, BuildResult, DockerfileSource, RunNetwork, Warning};
use clap::Args;

use super::build_options::{self as options, Wanted};
use super::build_output::BuildOutput;
use super::build_shown::{Progress, Shown, TICK};
use super::build_source::Source;
use crate::cli::{Context, Form, Run, Verb, verb};
use crate::client::{Call, CallError, Lines};
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
    /// Run every step of a stage anew
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    no_cache_filter: Vec<String>,
    /// What RUN --mount=type=secret gets: id=NAME[,src=FILE|,env=VARIABLE]
    #[arg(long, value_name = "SECRET")]
    secret: Vec<String>,
    /// Agent or keys that RUN --mount=type=ssh gets: default, ID=SOCKET or ID=KEYFILE
    #[arg(long, value_name = "AGENT")]
    ssh: Vec<String>,
    /// Further source of files: NAME=DIRECTORY, docker-image://IMAGE, oci-layout://DIRECTORY or a URL
    #[arg(long, value_name = "NAME=SOURCE")]
    build_context: Vec<String>,
    /// Cache to use: type=local,src=DIRECTORY or type=registry,ref=IMAGE
    #[arg(long, value_name = "CACHE")]
    cache_from: Vec<String>,
    /// Where to copy the cache: type=local,dest=DIRECTORY[,mode=max], type=registry,ref=IMAGE or type=inline
    #[arg(long, value_name = "CACHE")]
    cache_to: Vec<String>,
    /// Where the result goes: DIRECTORY, `-`, or type=local|tar|oci|docker,dest=PATH
    #[arg(short, long, value_name = "OUTPUT")]
    output: Vec<String>,
    /// Only look for mistakes in the Dockerfile
    #[arg(long)]
    check: bool,
    /// Let RUN do what is refused: security.insecure
    #[arg(long, value_name = "RIGHT")]
    allow: Vec<String>,
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
    /// How progress is shown
    #[arg(long, value_enum, default_value_t, hide_default_value = true)]
    progress: Progress,
    /// Statements about the build; there are none
    #[arg(long, value_name = "KIND", hide = true)]
    provenance: Option<String>,
    /// Remove what is between; always done
    #[arg(long, hide = true)]
    rm: bool,
    /// Always so: the image goes to the store
    #[arg(long, hide = true)]
    load: bool,
    /// Where COPY reads from: a directory, the URL of a git repository or an archive, or `-` for an archive or a
    /// Dockerfile on standard input
    #[arg(value_name = "PATH|URL|-")]
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
        let source = Source::of(path, self.file.as_deref() == Some(Path::new("-")))?;
        let mut request = self.request(&source)?;
        let passed_on = self.outputs(&mut request)?;
        let quiet = self.quiet || passed_on.is_some();
        let mut warnings = 0;
        let shown = Shown::new(self.progress, quiet && !self.check);
        let lines = source.start(context, &request).await?;
        let result = follow(lines, &request, shown, &mut warnings).await?;
        if self.check {
            let text = match warnings {
                0 => "Check complete, no warnings found.".to_owned(),
                1 => "Check complete, 1 warning has been found!".to_owned(),
                more => format!("Check complete, {more} warnings have been found!"),
            };
            output::line(&text)?;
            return Ok(if warnings == 0 { Exit::SUCCESS } else { Exit(1) });
        }
        if let Some((_directory, file)) = passed_on {
            pass_on(&file)?;
        }
        if let Some(file) = &self.iidfile {
            let written = std::fs::write(file, &result.image);
            written.map_err(|e| Failure::new(format!("cannot write {}: {e}", file.display())))?;
        }
        if self.quiet && !result.image.is_empty() {
            output::line(&result.image)?;
        }
        Ok(Exit::SUCCESS)
    }
}

impl Build {
    fn request(&self, source: &Source) -> Result<BuildRequest, Failure> {
        let from_stdin = self.file.as_deref() == Some(Path::new("-"));
        let dockerfile = match &self.file {
            Some(_) if from_stdin => DockerfileSource::Inline(stdin()?),
            Some(file) if source.has_paths() => DockerfileSource::Path(directory(file)?),
            Some(file) => DockerfileSource::Path(file.clone()),
            None => DockerfileSource::default(),
        };
        let own = |name: &str| std::env::var(name).ok();
        let build_args = self.build_arg.iter().map(|text| match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (text.clone(), own(text)),
        });
        let caches = self.cache_to.iter().map(|text| options::cache_to(text));
        let caches: Vec<_> = caches.collect::<Result<_, _>>()?;
        let mut request = BuildRequest {
            dockerfile,
            target: self.target.clone(),
            tags: self.tag.clone(),
            build_args: build_args.collect(),
            labels: labels(&self.label),
            no_cache: self.no_cache,
            no_cache_filter: self.no_cache_filter.clone(),
            pull: self.pull,
            contexts: self
                .build_context
                .iter()
                .map(|text| options::context(text))
                .collect::<Result<_, _>>()?,
            secrets: self.secret.iter().map(|text| options::secret(text)).collect::<Result<_, _>>()?,
            ssh: self.ssh.iter().map(|text| options::ssh(text)).collect::<Result<_, _>>()?,
            cache_from: self
                .cache_from
                .iter()
                .map(|text| options::cache_from(text))
                .collect::<Result<_, _>>()?,
            inline_cache: caches.iter().any(Option::is_none),
            cache_to: caches.into_iter().flatten().collect(),
            allow_insecure: self.rights()?,
            check: self.check,
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
            ..BuildRequest::default()
        };
        source.apply(&mut request);
        Ok(request)
    }
}

impl Build {
    /// Whether `RUN --security=insecure` is allowed.
    fn rights(&self) -> Result<bool, Failure> {
        let known = |right: &&String| !matches!(right.as_str(), "security.insecure" | "network.host");
        match self.allow.iter().find(known) {
            Some(right) => {
                Err(Failure::new(format!("invalid value {right:?} for --allow: expected security.insecure")))
            }
            None => Ok(self.allow.iter().any(|right| right == "security.insecure")),
        }
    }

    /// Adds the outputs to the request; gives the file, and the directory it is in, that is to go to standard output.
    fn outputs(&self, request: &mut BuildRequest) -> Result<Option<(tempfile::TempDir, PathBuf)>, Failure> {
        let mut passed_on = None;
        for text in &self.output {
            match options::output(text)? {
                Wanted::File(output) => request.outputs.push(output),
                Wanted::Image(name) => request.tags.extend(name),
                Wanted::Stdout(_) if output::stdout_is_terminal() => {
                    return Err(Failure::new(
                        "an archive is not written to a terminal; redirect it, or name a file",
                    ));
                }
                Wanted::Stdout(kind) => {
                    let directory = tempfile::tempdir()
                        .map_err(|e| Failure::new(format!("cannot make a temporary directory: {e}")))?;
                    let file = directory.path().join("output");
                    request.outputs.push(options::of_user(kind, file.clone()));
                    passed_on = Some((directory, file));
                }
            }
        }
        Ok(passed_on)
    }
}

/// Writes a finding with its lines, for those who look for nothing else.
fn shown_warning(warning: &Warning) -> Result<(), Failure> {
    let place = format!("{}:{}", warning.file, warning.line);
    output::line(&format!("{place}: {}: {}", warning.rule, warning.message))?;
    for (number, line) in (warning.line..).zip(&warning.lines) {
        output::line(&format!(" {number:>4} | {line}"))?;
    }
    Ok(())
}

/// Writes a file to standard output.
fn pass_on(file: &Path) -> Result<(), Failure> {
    let failed = |e| Failure::new(format!("cannot read {}: {e}", file.display()));
    let mut from = std::fs::File::open(file).map_err(failed)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer).map_err(failed)? {
            0 => return Ok(()),
            length => output::write(buffer.get(..length).unwrap_or_default())?,
        }
    }
}

/// Has the engine build, shows what it tells, and gives the result.
///
/// # Errors
/// The build fails, or the engine goes away.
pub(crate) async fn run_build(
    context: &Context,
    request: &BuildRequest,
    shown: BuildOutput,
) -> Result<BuildResult, Failure> {
    let body = serde_json::to_value(request)?;
    let lines = context.engine.lines(Call::post("/berth/build").json(&body)).await?;
    follow(lines, request, shown.into(), &mut 0).await
}

async fn follow(
    mut lines: Lines,
    request: &BuildRequest,
    mut shown: Shown,
    warnings: &mut usize,
) -> Result<BuildResult, Failure> {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        let told = tokio::select! {
            told = lines.next() => told?,
            _ = ticks.tick() => {
                shown.tick();
                continue;
            }
        };
        let Some(told) = told else { break };
        if let Some(message) = told["error"]["message"].as_str() {
            shown.failed();
            return Err(Failure::new(message));
        }
        let event: BuildEvent =
            serde_json::from_value(told).map_err(|e| CallError::Protocol(e.to_string()))?;
        if let BuildEvent::Warning(warning) = &event {
            *warnings += 1;
            if request.check {
                shown_warning(warning)?;
                continue;
            }
        }
        if let (BuildEvent::Finished(result), true) = (&event, request.check) {
            return Ok(result.clone());
        }
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
