//! The foreground of `up`: the services' output from their first start until they end or the user stops them.
//!
//! One task does it all: the engine's progress, its events, the followed logs and the user's signals are read side by
//! side. What starts a container, be it `up`, a restart policy or somebody else, is an event, and its log is followed
//! from there.

mod output;
mod stopping;

use std::collections::{BTreeMap, BTreeSet};

use compose::model::{Condition, Project};
use engine::project::UpOptions;
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde_json::{Value, json};
use time::OffsetDateTime;

use self::output::{Followed, Screen};
use self::stopping::{Signals, kill_all, stop_all};
use super::follow::{Prefixes, Style};
use super::progress::Progress;
use super::up::request_up;
use crate::cli::Context;
use crate::client::{Call, Lines, query};
use crate::failure::{Exit, Failure, Outcome};
use crate::project::{PROJECT_LABEL, SERVICE_LABEL, members};

/// How the foreground is.
pub(super) struct Foreground<'a> {
    /// The project.
    pub(super) project: &'a Project,
    /// The services that were asked for; empty for all. They are stopped at the end.
    pub(super) asked: &'a [String],
    /// Services whose output is shown.
    pub(super) shown: Vec<String>,
    /// Show each line's time.
    pub(super) timestamps: bool,
    /// How prefixes look.
    pub(super) style: Style,
    /// Progress in plain lines.
    pub(super) plain: bool,
    /// Seconds between stop signal and SIGKILL.
    pub(super) timeout: Option<i64>,
    /// Stop everything when one container ends.
    pub(super) abort: bool,
    /// The service whose exit code is taken; with it `abort` holds.
    pub(super) code_of: Option<&'a str>,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The engine brings the project up.
    BringingUp,
    /// All is up.
    Running,
    /// Everything is being stopped.
    Stopping(Reason),
}

/// Why everything is stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    Interrupted,
    /// A container has ended, with this code.
    Ended(i64),
}

/// What goes on side by side.
struct Work<'a> {
    settings: &'a Foreground<'a>,
    context: &'a Context,
    screen: &'a Screen,
    prefixes: Prefixes,
    began: OffsetDateTime,
    phase: Phase,
    /// Progress of the bringing up; dropping it cancels that.
    progress: Option<Lines>,
    events: Lines,
    logs: FuturesUnordered<LocalBoxFuture<'a, Result<Followed, Failure>>>,
    /// Containers whose log is followed, with their services.
    following: BTreeMap<String, String>,
    /// Since when the log of a container is not followed that was.
    unseen: BTreeMap<String, OffsetDateTime>,
    /// Containers that run, or that their restart policy will start again.
    alive: BTreeSet<String>,
    /// The stopping or killing.
    stopping: Option<LocalBoxFuture<'a, Result<(), Failure>>>,
}

impl Foreground<'_> {
    /// Brings the project up and shows its output. Ctrl-C stops the containers, and a second one kills them.
    pub(super) async fn run(&self, context: &Context, options: &UpOptions) -> Outcome {
        let mut signals = Signals::catch()?;
        let began = OffsetDateTime::now_utc();
        let events = self.events(context).await?;
        let progress = request_up(context, self.project, options).await?;
        let screen = Screen::new(Progress::new(self.plain));
        let mut work = Work {
            settings: self,
            context,
            screen: &screen,
            prefixes: Prefixes::for_names(self.style, &self.likely_names(options)),
            began,
            phase: Phase::BringingUp,
            progress: Some(progress),
            events,
            logs: FuturesUnordered::new(),
            following: BTreeMap::new(),
            unseen: BTreeMap::new(),
            alive: BTreeSet::new(),
            stopping: None,
        };
        let done = work.run(&mut signals).await;
        screen.release();
        done?;
        match work.phase {
            Phase::Stopping(Reason::Interrupted) => Ok(Exit(130)),
            Phase::Stopping(Reason::Ended(code)) => self.code(context, code).await,
            Phase::BringingUp | Phase::Running => Ok(Exit::SUCCESS),
        }
    }

    async fn events(&self, context: &Context) -> Result<Lines, Failure> {
        let label = format!("{PROJECT_LABEL}={}", self.project.name);
        let filters =
            json!({"type": ["container"], "event": ["start", "die", "stop", "destroy"], "label": [label]})
                .to_string();
        Ok(context.engine.lines(Call::get(&query("/events", &[("filters", &filters)]))).await?)
    }

    /// What the containers will be called behind the project's name, for columns that stand under each other.
    fn likely_names(&self, options: &UpOptions) -> Vec<String> {
        let names = self.project.services.values().filter(|service| self.shows(service.name.as_str()));
        let last = |service: &compose::model::Service| {
            let scaled = options.scale.get(service.name.as_str()).copied();
            format!("{}-{}", service.name, scaled.unwrap_or(1).max(1))
        };
        names.map(last).collect()
    }

    /// Whether a service is stopped at the end.
    fn stops(&self, service: &str) -> bool {
        self.asked.is_empty() || self.asked.iter().any(|asked| asked == service)
    }

    fn shows(&self, service: &str) -> bool {
        self.shown.iter().any(|shown| shown == service)
    }

    /// Whether a container's end ends everything: not that of a service which others wait for to complete.
    fn ends_all(&self, service: &str, code: i64) -> bool {
        let expected = self.project.services.values().any(|other| {
            let dependency = other.lifecycle.depends_on.get(service);
            dependency.is_some_and(|how| how.condition == Condition::ServiceCompletedSuccessfully)
        });
        (self.abort || self.code_of.is_some()) && !(expected && code == 0)
    }

    /// The exit code at the end: that of the chosen service, else that of the first container that ended.
    async fn code(&self, context: &Context, first: i64) -> Outcome {
        let mut code = first;
        if let Some(service) = self.code_of {
            let all = members(&context.engine, self.project.name.as_str()).await?;
            let chosen = all.iter().find(|member| member.service == service && !member.one_off);
            if let Some(chosen) = chosen {
                let document =
                    context.engine.json(Call::get(&format!("/containers/{}/json", chosen.id))).await?;
                code = document["State"]["ExitCode"].as_i64().unwrap_or(first);
            }
        }
        Ok(Exit(code.clamp(0, 255) as u8))
    }
}

impl<'a> Work<'a> {
    async fn run(&mut self, signals: &mut Signals) -> Result<(), Failure> {
        while !self.is_done() {
            tokio::select! {
                // What the user wants comes first; then starts, so that no end is seen before its start.
                biased;
                () = signals.next() => self.interrupted(),
                event = self.events.next() => self.event(event?).await?,
                told = next_line(&mut self.progress) => self.told(told?).await?,
                done = stopped(&mut self.stopping) => {
                    self.stopping = None;
                    done?;
                }
                Some(followed) = self.logs.next() => self.log_ended(&followed?).await?,
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        match self.phase {
            Phase::BringingUp => false,
            Phase::Running => self.alive.is_empty() && self.following.is_empty(),
            Phase::Stopping(_) => {
                self.stopping.is_none()
                    && !self.following.values().any(|service| self.settings.stops(service))
            }
        }
    }

    fn interrupted(&mut self) {
        if let Phase::Stopping(_) = self.phase {
            self.screen.note("killing");
            self.stopping = Some(kill_all(self.context, self.settings).boxed_local());
        } else {
            self.screen.note("\nstopping (press Ctrl-C again to kill)");
            self.stop(Reason::Interrupted);
        }
    }

    fn stop(&mut self, reason: Reason) {
        self.phase = Phase::Stopping(reason);
        self.progress = None;
        self.screen.release();
        self.stopping = Some(stop_all(self.context, self.settings, self.screen).boxed_local());
    }

    async fn told(&mut self, told: Option<Value>) -> Result<(), Failure> {
        if !self.screen.progress(told)? {
            return Ok(());
        }
        self.progress = None;
        self.screen.release();
        self.phase = Phase::Running;
        // Those that ran before have had no event.
        let all = members(&self.context.engine, self.settings.project.name.as_str()).await?;
        for member in all.iter().filter(|member| member.is_running() && !member.one_off) {
            self.follow(&member.id, &member.name, &member.service);
        }
        Ok(())
    }

    async fn event(&mut self, event: Option<Value>) -> Result<(), Failure> {
        let event =
            event.ok_or_else(|| Failure::new("the engine has gone; the containers go on without it"))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let attributes = &event["Actor"]["Attributes"];
        let (id, name, service) =
            (text(&event["Actor"]["ID"]), text(&attributes["name"]), text(&attributes[SERVICE_LABEL]));
        if event["Action"] == "start" {
            self.follow(&id, &name, &service);
        } else if event["Action"] != "die" {
            // Also one that was waiting for its next start.
            self.alive.remove(&id);
        } else if !matches!(self.phase, Phase::Stopping(_)) && self.in_question(&service) {
            let code = text(&attributes["exitCode"]).parse().unwrap_or_default();
            if self.settings.ends_all(&service, code) && !restarts(self.context, &id).await? {
                self.screen.note(&format!("{name} exited with code {code}; stopping the others"));
                self.stop(Reason::Ended(code));
            }
        }
        Ok(())
    }

    /// Whether a service belongs to what was brought up.
    fn in_question(&self, service: &str) -> bool {
        self.settings.project.services.contains_key(service)
    }

    /// Follows a container's log, from now on or since it ended last.
    fn follow(&mut self, id: &str, name: &str, service: &str) {
        if !self.settings.shows(service) || self.following.contains_key(id) {
            return;
        }
        let prefix = self.prefixes.of(name, service);
        let since = self.unseen.remove(id).unwrap_or(self.began);
        self.following.insert(id.to_owned(), service.to_owned());
        self.alive.insert(id.to_owned());
        let (context, screen, timestamps) = (self.context, self.screen, self.settings.timestamps);
        let (id, name) = (id.to_owned(), name.to_owned());
        self.logs.push(
            async move { screen.follow(context, Followed { id, name, prefix }, since, timestamps).await }
                .boxed_local(),
        );
    }

    async fn log_ended(&mut self, followed: &Followed) -> Result<(), Failure> {
        self.following.remove(&followed.id);
        self.unseen.insert(followed.id.clone(), OffsetDateTime::now_utc());
        if restarts(self.context, &followed.id).await? {
            return Ok(());
        }
        self.alive.remove(&followed.id);
        if let Some(code) = exit_code(self.context, &followed.id).await? {
            self.screen.note(&format!("{} exited with code {code}", followed.name));
        }
        Ok(())
    }
}

/// The next word of the engine; never, when nothing is brought up.
async fn next_line(progress: &mut Option<Lines>) -> Result<Option<Value>, Failure> {
    match progress {
        Some(lines) => Ok(lines.next().await?),
        None => std::future::pending().await,
    }
}

/// The end of the stopping; never, when nothing is being stopped.
async fn stopped(stopping: &mut Option<LocalBoxFuture<'_, Result<(), Failure>>>) -> Result<(), Failure> {
    match stopping {
        Some(stopping) => stopping.await,
        None => std::future::pending().await,
    }
}

/// What a container does; null when it is gone.
async fn state(context: &Context, id: &str) -> Result<Value, Failure> {
    match context.engine.json(Call::get(&format!("/containers/{id}/json"))).await {
        Ok(mut document) => Ok(document["State"].take()),
        Err(error) if error.is_not_found() => Ok(Value::Null),
        Err(error) => Err(error.into()),
    }
}

/// Whether a container that ended runs again or will.
async fn restarts(context: &Context, id: &str) -> Result<bool, Failure> {
    let state = state(context, id).await?;
    Ok(["running", "restarting", "paused"].contains(&state["Status"].as_str().unwrap_or_default()))
}

async fn exit_code(context: &Context, id: &str) -> Result<Option<i64>, Failure> {
    Ok(state(context, id).await?["ExitCode"].as_i64())
}
