//! `start`, `stop`, `restart`, `kill`, `pause`, `unpause`, `rm`, `wait`, `rename`.

use clap::Args;
use futures_util::future::join_all;

use super::create::Streams;
use super::run::{attach, started};
use super::session::{Joined, Session, Waiting, join};
use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, CallError, query};
use crate::failure::{Exit, Failure, Outcome};
use crate::project::{Target, targets};
use crate::terminal::End;
use crate::{output, verbs::each};

/// The command `start`.
pub(crate) const START: Verb = verb::<Start>("start", "Start containers").takes_many();
/// The command `stop`.
pub(crate) const STOP: Verb = verb::<Stop>("stop", "Stop containers").takes_many();
/// The command `restart`.
pub(crate) const RESTART: Verb = verb::<Restart>("restart", "Stop and start containers").takes_many();
/// The command `kill`.
pub(crate) const KILL: Verb = verb::<Kill>("kill", "Send a signal to containers").takes_many();
/// The command `pause`.
pub(crate) const PAUSE: Verb = verb::<Pause>("pause", "Freeze containers").takes_many();
/// The command `unpause`.
pub(crate) const UNPAUSE: Verb = verb::<Unpause>("unpause", "Let frozen containers go on").takes_many();
/// The command `rm`.
pub(crate) const RM: Verb = verb::<Remove>("rm", "Remove containers").aliases(&["remove"]);
/// The command `wait`.
pub(crate) const WAIT: Verb = verb::<Wait>("wait", "Wait until containers stop, and print their exit codes");
/// The command `rename`.
pub(crate) const RENAME: Verb = verb::<Rename>("rename", "Give a container another name");

/// Start containers.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// Stay with the container's output, pass signals on, and take its exit code
    #[arg(short, long)]
    attach: bool,
    /// Send standard input too
    #[arg(short, long)]
    interactive: bool,
    /// Keys that leave a terminal
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// Names or ids
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

impl Run for Start {
    async fn run(self, context: &Context) -> Outcome {
        let targets = targets(context, &self.names).await?;
        if self.attach || self.interactive {
            let [one] = targets.as_slice() else {
                return Err(Failure::new("you can start and attach to one container at a time only"));
            };
            return self.attached(context, &one.id).await;
        }
        one_after_the_other(&targets, async |target: &Target| post(context, &target.id, "start", &[]).await)
            .await
    }
}

impl Start {
    async fn attached(&self, context: &Context, id: &str) -> Outcome {
        let document = context.engine.json(Call::get(&format!("/containers/{id}/json"))).await?;
        let id = document["Id"].as_str().unwrap_or(id);
        let tty = document["Config"]["Tty"].as_bool().unwrap_or_default();
        let stdin = self.interactive && document["Config"]["OpenStdin"].as_bool().unwrap_or_default();
        let streams = Streams { stdin, stdout: true, stderr: true };
        let connection = attach(context, id, streams, self.detach_keys.as_deref()).await?;
        let removed = document["HostConfig"]["AutoRemove"].as_bool().unwrap_or_default();
        let waiting = Waiting::for_exit(context, id, if removed { "removed" } else { "next-exit" }).await?;
        context.engine.text(Call::post(&format!("/containers/{id}/start"))).await.map_err(started)?;
        let session = Session { tty, stdin, forward_signals: true, detach_keys: self.detach_keys.as_deref() };
        match join(connection, Joined::Container(&context.engine, id), session).await? {
            End::Detached => Ok(Exit::SUCCESS),
            End::Closed => waiting.outcome().await,
        }
    }
}

/// Stop containers: the stop signal, and SIGKILL when they do not end in time.
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// Seconds until SIGKILL; -1 waits without end
    #[arg(short, long, visible_alias = "time", value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<i64>,
    /// Signal instead of the container's own
    #[arg(short, long, value_name = "SIGNAL")]
    signal: Option<String>,
    /// Names or ids
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

impl Run for Stop {
    async fn run(self, context: &Context) -> Outcome {
        let mut targets = targets(context, &self.names).await?;
        in_reverse_for_projects(&mut targets);
        let (time, signal) = (number(self.timeout), self.signal.unwrap_or_default());
        at_once(&targets, async |target: &Target| {
            post(context, &target.id, "stop", &[("t", &time), ("signal", &signal)]).await
        })
        .await
    }
}

/// Stop and start containers.
#[derive(Debug, Args)]
pub(crate) struct Restart {
    #[command(flatten)]
    how: RestartFlags,
    /// Names or ids
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// How containers are stopped before they are started again.
#[derive(Debug, Args)]
pub(crate) struct RestartFlags {
    /// Seconds until SIGKILL; -1 waits without end
    #[arg(short, long, visible_alias = "time", value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<i64>,
    /// Signal instead of the container's own
    #[arg(short, long, value_name = "SIGNAL")]
    signal: Option<String>,
}

impl Run for Restart {
    async fn run(self, context: &Context) -> Outcome {
        let targets = targets(context, &self.names).await?;
        self.how.restart(context, &targets).await
    }
}

impl RestartFlags {
    /// Restarts all at the same time.
    ///
    /// # Errors
    /// Standard output is gone.
    pub(crate) async fn restart(&self, context: &Context, targets: &[Target]) -> Outcome {
        let (time, signal) = (number(self.timeout), self.signal.as_deref().unwrap_or_default());
        at_once(targets, async |target: &Target| {
            post(context, &target.id, "restart", &[("t", &time), ("signal", signal)]).await
        })
        .await
    }
}

/// Send a signal to containers.
#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// The signal
    #[arg(short, long, value_name = "SIGNAL", default_value = "KILL")]
    signal: String,
    /// Names or ids
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

impl Run for Kill {
    async fn run(self, context: &Context) -> Outcome {
        let mut targets = targets(context, &self.names).await?;
        if targets.iter().any(|target| target.service.is_some()) {
            targets = running(context, targets).await?;
        }
        at_once(&targets, async |target: &Target| {
            post(context, &target.id, "kill", &[("signal", &self.signal)]).await
        })
        .await
    }
}

/// Freeze all processes of containers.
#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// Names or ids
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

impl Run for Pause {
    async fn run(self, context: &Context) -> Outcome {
        let targets = targets(context, &self.names).await?;
        at_once(&targets, async |target: &Target| post(context, &target.id, "pause", &[]).await).await
    }
}

/// Let frozen containers go on.
#[derive(Debug, Args)]
pub(crate) struct Unpause {
    /// Names or ids
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

impl Run for Unpause {
    async fn run(self, context: &Context) -> Outcome {
        let targets = targets(context, &self.names).await?;
        at_once(&targets, async |target: &Target| post(context, &target.id, "unpause", &[]).await).await
    }
}

/// Remove containers.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Kill those that run
    #[arg(short, long)]
    force: bool,
    /// Remove their volumes without a name too
    #[arg(short, long)]
    volumes: bool,
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    names: Vec<String>,
}

impl Run for Remove {
    async fn run(self, context: &Context) -> Outcome {
        let flag = |on: bool| if on { "1" } else { "" };
        let pairs = [("force", flag(self.force)), ("v", flag(self.volumes))];
        let remove = async |target: &Target| {
            let path = query(&format!("/containers/{}", crate::client::quote(&target.id)), &pairs);
            match context.engine.text(Call::delete(&path)).await {
                // With force it is enough that it is gone.
                Err(error) if self.force && error.is_not_found() => {
                    output::note(&format!("berth: {error}"));
                    Ok(None)
                }
                Err(error) => Err(error),
                Ok(_) => Ok(Some(target.shown.clone())),
            }
        };
        let targets = targets(context, &self.names).await?;
        let done = join_all(targets.iter().map(remove)).await;
        each(done.into_iter().map(|done| done.map_err(Failure::from)), |name| match name {
            Some(name) => output::line(&name),
            None => Ok(()),
        })
    }
}

/// Wait until containers stop, and print their exit codes.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    names: Vec<String>,
}

impl Run for Wait {
    async fn run(self, context: &Context) -> Outcome {
        let targets = targets(context, &self.names).await?;
        let wait = async |target: &Target| Waiting::for_exit(context, &target.id, "").await?.code().await;
        let codes = join_all(targets.iter().map(wait)).await;
        each(codes, |code| output::line(&code.to_string()))
    }
}

/// Give a container another name.
#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// Name or id
    container: String,
    /// The new name
    new_name: String,
}

impl Run for Rename {
    async fn run(self, context: &Context) -> Outcome {
        post(context, &self.container, "rename", &[("name", &self.new_name)]).await?;
        Ok(Exit::SUCCESS)
    }
}

fn number(value: Option<i64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Calls an action of a container.
pub(crate) async fn post(
    context: &Context,
    id: &str,
    action: &str,
    pairs: &[(&str, &str)],
) -> Result<(), CallError> {
    let path = query(&format!("/containers/{}/{action}", crate::client::quote(id)), pairs);
    context.engine.text(Call::post(&path)).await.map(drop)
}

/// Does something to all targets at the same time, and prints each name in the given order.
async fn at_once(targets: &[Target], act: impl AsyncFn(&Target) -> Result<(), CallError>) -> Outcome {
    let done = join_all(targets.iter().map(|target| act(target))).await;
    report(targets, done)
}

/// As [`at_once`], each after the one before: what starts may depend on it.
async fn one_after_the_other(
    targets: &[Target],
    act: impl AsyncFn(&Target) -> Result<(), CallError>,
) -> Outcome {
    let mut done = Vec::new();
    for target in targets {
        done.push(act(target).await);
    }
    report(targets, done)
}

fn report(targets: &[Target], done: Vec<Result<(), CallError>>) -> Outcome {
    let results =
        targets.iter().zip(done).map(|(target, done)| done.map(|()| &target.shown).map_err(Failure::from));
    each(results, |name| output::line(name))
}

/// What depends on others stops before them.
fn in_reverse_for_projects(targets: &mut [Target]) {
    if targets.iter().all(|target| target.service.is_some()) {
        targets.reverse();
    }
}

/// Leaves out what does not run: a service's stopped containers are no mistake.
async fn running(context: &Context, targets: Vec<Target>) -> Result<Vec<Target>, Failure> {
    let mut found = Vec::new();
    for target in targets {
        let document = context.engine.json(Call::get(&format!("/containers/{}/json", target.id))).await?;
        if target.service.is_none() || document["State"]["Running"].as_bool().unwrap_or_default() {
            found.push(target);
        }
    }
    Ok(found)
}
