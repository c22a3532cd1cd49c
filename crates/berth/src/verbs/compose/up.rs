//! `up` and `create` of a project.

use std::collections::BTreeMap;

use clap::Args;
use compose::model::Project;
use engine::project::{PullChoice, UpOptions};
use serde_json::json;

use super::follow::Style;
use super::foreground::Foreground;
use super::progress::Progress;
use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, Lines, quote};
use crate::failure::{Exit, Failure, Outcome};
use crate::project::load;

/// The command `up`.
pub(crate) const UP: Verb = verb::<Up>("up", "Make the host look as the project's compose file says").examples(
    "Examples:\n  berth up -d\n  berth up --build --scale worker=3 web worker\n  berth -f prod.yaml -p shop up -d --wait\n\n\
     Without -d the output of the services is shown, and Ctrl-C stops them.",
);
/// The command `compose create`.
pub(crate) const CREATE: Verb = verb::<Create>("create", "Make a project's containers without starting them");

/// Make the host look as the project's compose file says.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Leave it running in the background
    #[arg(short, long)]
    detach: bool,
    /// Wait until everything is healthy, runs if it has no health check, or has ended with 0; then leave it running
    #[arg(long)]
    wait: bool,
    /// Longest time to wait, in seconds
    #[arg(long, value_name = "SECONDS")]
    wait_timeout: Option<u64>,
    #[command(flatten)]
    make: MakeFlags,
    /// Leave alone what the services depend on
    #[arg(long)]
    no_deps: bool,
    /// Make containers but do not start them
    #[arg(long)]
    no_start: bool,
    /// Stop all containers when one ends, and take its exit code
    #[arg(long, conflicts_with = "detach")]
    abort_on_container_exit: bool,
    /// The same, but take the exit code of this service
    #[arg(long, value_name = "SERVICE", conflicts_with = "detach")]
    exit_code_from: Option<String>,
    /// No colours
    #[arg(long)]
    no_color: bool,
    /// No names before the lines
    #[arg(long)]
    no_log_prefix: bool,
    /// Show each line's time
    #[arg(long)]
    timestamps: bool,
    /// Show the output of this service only
    #[arg(long, value_name = "SERVICE")]
    attach: Vec<String>,
    /// Also show the output of what the named services depend on
    #[arg(long)]
    attach_dependencies: bool,
    /// Do not show the output of this service
    #[arg(long, value_name = "SERVICE")]
    no_attach: Vec<String>,
    /// Services; all without one
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// How containers are made.
#[derive(Debug, Args)]
pub(crate) struct MakeFlags {
    /// Build images though they are there
    #[arg(long)]
    build: bool,
    /// Never build
    #[arg(long, conflicts_with = "build")]
    no_build: bool,
    /// Make every container anew
    #[arg(long)]
    force_recreate: bool,
    /// Keep containers whose service has changed
    #[arg(long, conflicts_with = "force_recreate")]
    no_recreate: bool,
    /// Make the containers of dependencies anew too
    #[arg(long)]
    always_recreate_deps: bool,
    /// Remove containers of services that are not in the file
    #[arg(long)]
    remove_orphans: bool,
    /// Number of containers of a service
    #[arg(long, value_name = "SERVICE=N")]
    scale: Vec<String>,
    /// Seconds until SIGKILL for containers that are replaced or stopped
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<i64>,
    /// Fresh anonymous volumes instead of those of replaced containers
    #[arg(short = 'V', long)]
    renew_anon_volumes: bool,
    /// When to pull images, whatever the file says: always, missing or never
    #[arg(long, value_name = "WHEN", value_parser = pull_choice)]
    pull: Option<PullChoice>,
    /// Plain lines also on a terminal
    #[arg(long)]
    plain: bool,
}

impl MakeFlags {
    fn options(&self, services: &[String]) -> Result<UpOptions, Failure> {
        Ok(UpOptions {
            build: self.build,
            no_build: self.no_build,
            pull: self.pull,
            force_recreate: self.force_recreate,
            no_recreate: self.no_recreate,
            always_recreate_deps: self.always_recreate_deps,
            renew_anon_volumes: self.renew_anon_volumes,
            remove_orphans: self.remove_orphans,
            scale: scale(&self.scale)?,
            services: services.to_vec(),
            timeout_s: self.timeout,
            ..UpOptions::default()
        })
    }
}

fn pull_choice(text: &str) -> Result<PullChoice, String> {
    match text {
        "always" => Ok(PullChoice::Always),
        "missing" | "if_not_present" => Ok(PullChoice::Missing),
        "never" => Ok(PullChoice::Never),
        _ => Err("it is always, missing or never".to_owned()),
    }
}

fn scale(texts: &[String]) -> Result<BTreeMap<String, u32>, Failure> {
    let one = |text: &String| {
        let (service, count) = text.split_once('=')?;
        Some((service.to_owned(), count.parse().ok()?))
    };
    texts
        .iter()
        .map(|text| {
            one(text).ok_or_else(|| Failure::new(format!("invalid --scale {text:?}: write SERVICE=N")))
        })
        .collect()
}

impl Run for Up {
    async fn run(self, context: &Context) -> Outcome {
        let project = load(&context.globals, &self.services, false)?;
        let options = UpOptions {
            no_deps: self.no_deps,
            no_start: self.no_start,
            wait: self.wait,
            wait_timeout_s: self.wait_timeout,
            ..self.make.options(&self.services)?
        };
        if self.detach || self.wait || self.no_start {
            bring_up(context, &project, &options, self.make.plain).await?;
            return Ok(Exit::SUCCESS);
        }
        for service in self.attach.iter().chain(&self.no_attach).chain(&self.exit_code_from) {
            if !project.services.contains_key(service.as_str()) {
                return Err(Failure::new(format!("no such service: {service}")));
            }
        }
        let foreground = Foreground {
            project: &project,
            asked: &self.services,
            shown: self.shown(&project),
            timestamps: self.timestamps,
            style: Style::for_stdout(self.no_color, self.no_log_prefix),
            plain: self.make.plain,
            timeout: self.make.timeout,
            abort: self.abort_on_container_exit,
            code_of: self.exit_code_from.as_deref(),
        };
        foreground.run(context, &options).await
    }
}

impl Up {
    /// The services whose output is shown: those of `--attach`, else those that were asked for, else all that are not
    /// kept silent.
    fn shown(&self, project: &Project) -> Vec<String> {
        let all = project.services.values().filter(|service| service.attach);
        let all = all.map(|service| service.name.to_string());
        let chosen = match (self.attach.is_empty(), self.services.is_empty() || self.attach_dependencies) {
            (false, _) => self.attach.clone(),
            (true, true) => all.collect(),
            (true, false) => self.services.clone(),
        };
        chosen.into_iter().filter(|service| !self.no_attach.contains(service)).collect()
    }
}

/// Has the engine bring a project up, and shows what it tells.
///
/// # Errors
/// Something could not be brought up; what runs goes on running.
pub(crate) async fn bring_up(
    context: &Context,
    project: &Project,
    options: &UpOptions,
    plain: bool,
) -> Result<(), Failure> {
    Progress::new(plain).follow(request_up(context, project, options).await?).await
}

/// Asks the engine to bring a project up; what it tells has to be read to its end.
///
/// # Errors
/// The engine refuses.
pub(crate) async fn request_up(
    context: &Context,
    project: &Project,
    options: &UpOptions,
) -> Result<Lines, Failure> {
    let body = json!({"project": project, "options": options});
    let path = format!("/berth/projects/{}/up", quote(project.name.as_str()));
    Ok(context.engine.lines(Call::post(&path).json(&body)).await?)
}

/// Make a project's containers without starting them.
#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    make: MakeFlags,
    /// Services; all without one
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

impl Run for Create {
    async fn run(self, context: &Context) -> Outcome {
        let project = load(&context.globals, &self.services, false)?;
        let options = UpOptions { no_start: true, ..self.make.options(&self.services)? };
        bring_up(context, &project, &options, self.make.plain).await?;
        Ok(Exit::SUCCESS)
    }
}
