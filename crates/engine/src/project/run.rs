//! `up` and `down` as the engine's actions.

use super::execute::Execution;
use super::locks::Guard;
use super::observed::Observed;
use super::options::{DownOptions, RunOptions, UpOptions};
use super::plan::images::plan_images;
use super::plan::{Plan, plan, plan_down, touched_services};
use super::preflight::{Problem, preflight};
use super::progress::ProgressEvent;
use crate::op::{Problem as Told, ProgressDetail};
use crate::records::Entry;
use crate::{Engine, chain, error::EngineError, feed::Feed};
use compose::model::{Project, ProjectName};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Events that a slow client may be behind.
pub(super) const BACKLOG: usize = 256;

/// What a project is to become, as the journal keeps it while that is being done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "intent", rename_all = "snake_case")]
pub(super) enum Intent {
    Up {
        project: Box<Project>,
        options: UpOptions,
    },
    Down {
        name: ProjectName,
        project: Option<Box<Project>>,
        options: DownOptions,
    },
    /// What a container of `run` needs; the container itself is its client's matter.
    Run {
        project: Box<Project>,
        options: RunOptions,
    },
}

impl Intent {
    /// Name of the project.
    fn project(&self) -> &str {
        match self {
            Self::Up { project, .. } | Self::Run { project, .. } => project.name.as_str(),
            Self::Down { name, .. } => name.as_str(),
        }
    }

    /// The command, as it is told to users.
    fn verb(&self) -> &'static str {
        match self {
            Self::Up { .. } => "up",
            Self::Down { .. } => "down",
            Self::Run { .. } => "run",
        }
    }
}

/// Why an `up` or `down` ended without being done: each problem in one sentence.
#[derive(Debug)]
pub(super) struct Failure(pub(super) Vec<String>);

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self(vec![chain(&error)])
    }
}

/// Tells a client what happens, if there is one.
#[derive(Debug, Clone)]
pub(super) struct Teller {
    sender: Option<mpsc::Sender<ProgressEvent>>,
}

impl Teller {
    /// One that tells a client.
    pub(super) fn to(sender: mpsc::Sender<ProgressEvent>) -> Self {
        Self { sender: Some(sender) }
    }

    /// Tells; a client that is gone is no problem.
    pub(super) async fn tell(&self, event: ProgressEvent) {
        if let Some(sender) = &self.sender {
            let _ = sender.send(event).await;
        }
    }

    pub(super) async fn step(&self, kind: &str, name: &str, state: &str) {
        let (kind, name, state) = (kind.to_owned(), name.to_owned(), state.to_owned());
        self.tell(ProgressEvent::Step { kind, name, state, message: None, bytes: None }).await;
    }

    pub(super) async fn failed(&self, kind: &str, name: &str, message: &str) {
        let (kind, name, state) = (kind.to_owned(), name.to_owned(), "failed".to_owned());
        let message = Some(message.to_owned());
        self.tell(ProgressEvent::Step { kind, name, state, message, bytes: None }).await;
    }

    /// How far an image that is pulled is. A client that is behind hears of it later.
    pub(super) fn pulled_so_far(&self, name: &str, bytes: ProgressDetail) {
        let (kind, name, state) = ("image".to_owned(), name.to_owned(), "pulling".to_owned());
        if let Some(sender) = &self.sender {
            let _ =
                sender.try_send(ProgressEvent::Step { kind, name, state, message: None, bytes: Some(bytes) });
        }
    }

    pub(super) async fn warning(&self, warning: String) {
        tracing::warn!("{warning}");
        self.tell(ProgressEvent::Warning { warning }).await;
    }

    /// Whether the client is gone, so that nothing new is begun. Work that an earlier engine left is never cancelled.
    pub(super) fn is_cancelled(&self) -> bool {
        self.sender.as_ref().is_some_and(mpsc::Sender::is_closed)
    }

    /// Waits until the client is gone.
    pub(super) async fn cancelled(&self) {
        match &self.sender {
            Some(sender) => sender.closed().await,
            None => std::future::pending().await,
        }
    }

    pub(super) async fn end(&self, outcome: Result<(), Failure>) {
        let last = match outcome {
            Ok(()) => ProgressEvent::Done { done: true },
            Err(Failure(problems)) => ProgressEvent::Failed { error: Told { message: problems.join("\n") } },
        };
        self.tell(last).await;
    }
}

impl Engine {
    /// Makes the host look as the project says.
    ///
    /// A client that goes away cancels: what is under way is finished, and nothing new is begun.
    ///
    /// # Errors
    /// Services that the project does not have, and another `up` or `down` of it that is under way.
    pub async fn project_up(
        &self,
        project: Project,
        options: UpOptions,
    ) -> Result<Feed<ProgressEvent>, EngineError> {
        let services = touched_services(&project, &options);
        services.map_err(|errors| EngineError::BadParameter(sentences(&errors).join("\n")))?;
        let guard = self.inner.locks.take_after_recovery(project.name.as_str(), "up").await?;
        let intent = Intent::Up { project: Box::new(project), options };
        Ok(self.work_on(intent, guard))
    }

    /// Removes what belongs to a project. Without the project itself its labels say what that is.
    ///
    /// # Errors
    /// Another `up` or `down` of it that is under way.
    pub async fn project_down(
        &self,
        name: ProjectName,
        project: Option<Project>,
        options: DownOptions,
    ) -> Result<Feed<ProgressEvent>, EngineError> {
        if options.remove_images().is_none() {
            let given = options.rmi.unwrap_or_default();
            return Err(EngineError::BadParameter(format!("rmi is `all` or `local`, not {given:?}")));
        }
        let guard = self.inner.locks.take_after_recovery(name.as_str(), "down").await?;
        let intent = Intent::Down { name, project: project.map(Box::new), options };
        Ok(self.work_on(intent, guard))
    }

    fn work_on(&self, intent: Intent, guard: Guard) -> Feed<ProgressEvent> {
        let (sender, feed) = Feed::new(BACKLOG);
        let (engine, teller) = (self.clone(), Teller::to(sender));
        let project = intent.project().to_owned();
        tokio::spawn(async move {
            let outcome = engine.fulfil(&intent, &teller).await;
            engine.settle(&project);
            // The lock is free before the client hears that all is done.
            drop(guard);
            teller.end(outcome).await;
        });
        feed
    }

    /// Goes on with what an earlier engine was killed in.
    pub(crate) fn resume_projects(&self) {
        let intents: Vec<(String, serde_json::Value)> = self.state().projects.clone().into_iter().collect();
        for (name, intent) in intents {
            let intent: Intent = match serde_json::from_value(intent) {
                Ok(intent) => intent,
                Err(error) => {
                    tracing::error!(%error, project = name, "work on a project was cut short and cannot be resumed");
                    self.settle(&name);
                    continue;
                }
            };
            let what = intent.verb();
            let Ok(guard) = self.inner.locks.take_to_recover(&name, what) else { continue };
            let engine = self.clone();
            tokio::spawn(async move {
                tracing::info!(project = name, what, "going on with work that was cut short");
                if let Err(Failure(problems)) = engine.fulfil(&intent, &Teller { sender: None }).await {
                    tracing::error!(project = name, ?problems, "work on a project that was cut short failed");
                }
                // What could not even be planned is not tried again at the next start.
                engine.settle(&name);
                drop(guard);
            });
        }
    }

    async fn fulfil(&self, intent: &Intent, teller: &Teller) -> Result<(), Failure> {
        match intent {
            Intent::Up { project, options } => self.bring_up(intent, project, options, teller).await,
            Intent::Down { name, project, options } => {
                self.take_down(intent, name, project.as_deref(), options, teller).await
            }
            Intent::Run { project, options } => self.prepare_run(intent, project, options, teller).await,
        }
    }

    async fn bring_up(
        &self,
        intent: &Intent,
        project: &Project,
        options: &UpOptions,
        teller: &Teller,
    ) -> Result<(), Failure> {
        let observed = self.with_images(intent, project, options, teller).await?;
        let plan = plan(project, &observed, options).map_err(|errors| Failure(sentences(&errors)))?;
        self.check(project, &plan, observed.clone()).await?;
        for warning in plan.warnings.clone() {
            teller.warning(warning).await;
        }
        self.tell_kept(&plan, teller).await;
        if plan.is_empty() {
            return Ok(());
        }
        self.warn_of_other_firewalls(&plan, teller).await;
        let execution = Execution::of_up(self, project, options, observed, teller);
        self.carry_out(intent, execution, plan).await
    }

    async fn take_down(
        &self,
        intent: &Intent,
        name: &ProjectName,
        project: Option<&Project>,
        options: &DownOptions,
        teller: &Teller,
    ) -> Result<(), Failure> {
        let observed = self.observe(project).await?;
        let plan = plan_down(name, project, &observed, options);
        for warning in plan.warnings.clone() {
            teller.warning(warning).await;
        }
        if plan.is_empty() {
            return Ok(());
        }
        let execution = Execution::of_down(self, options, teller);
        self.carry_out(intent, execution, plan).await
    }

    /// Writes down what is to be done, does it, and writes down that it is done.
    pub(super) async fn carry_out(
        &self,
        intent: &Intent,
        execution: Execution,
        plan: Plan,
    ) -> Result<(), Failure> {
        self.intend(intent)?;
        let problems = execution.run(plan).await;
        let project = intent.project().to_owned();
        let tidied = self.blocking(move |engine| {
            engine.remove_unused_files(&project);
            Ok(())
        });
        tidied.await?;
        self.settle(intent.project());
        if problems.is_empty() { Ok(()) } else { Err(Failure(problems)) }
    }

    /// Writes down what is to be done.
    fn intend(&self, intent: &Intent) -> Result<(), Failure> {
        let written = serde_json::to_value(intent).map_err(|error| Failure(vec![error.to_string()]))?;
        Ok(self.commit(Entry::Project { name: intent.project().to_owned(), intent: written })?)
    }

    /// Writes down that nothing more is to be done, if something was.
    pub(super) fn settle(&self, name: &str) {
        if !self.state().projects.contains_key(name) {
            return;
        }
        if let Err(error) = self.commit(Entry::ProjectSettled { name: name.to_owned() }) {
            tracing::warn!(%error, project = name, "the end of the work on a project could not be recorded");
        }
    }

    /// Builds what is to be built, and looks at what there is then.
    ///
    /// An engine that is killed meanwhile leaves the intent for the next one.
    pub(super) async fn with_images(
        &self,
        intent: &Intent,
        project: &Project,
        options: &UpOptions,
        teller: &Teller,
    ) -> Result<Observed, Failure> {
        let observed = self.observe(Some(project)).await?;
        let services = touched_services(project, options).map_err(|errors| Failure(sentences(&errors)))?;
        let images = plan_images(project, &observed, options, &services);
        for warning in images.warnings.clone() {
            teller.warning(warning).await;
        }
        let missing =
            images.missing.iter().cloned().map(|(image, service)| Problem::ImageMissing { service, image });
        let missing: Vec<String> = missing.map(|problem| problem.to_string()).collect();
        if !missing.is_empty() {
            return Err(Failure(missing));
        }
        if !images.is_ready() {
            self.intend(intent)?;
        }
        self.pull_images(&images.pulls, teller).await.map_err(Failure)?;
        for build in &images.builds {
            self.build_image(project, build, teller).await.map_err(|problem| Failure(vec![problem]))?;
        }
        if images.is_ready() { Ok(observed) } else { Ok(self.observe(Some(project)).await?) }
    }

    /// Everything that would stop the plan half way, before its first step.
    pub(super) async fn check(
        &self,
        project: &Project,
        plan: &Plan,
        mut observed: Observed,
    ) -> Result<(), Failure> {
        if plan.creates_networks() {
            observed.host_routes = self.host_routes().await?;
        }
        let mut problems = sentences(&preflight(project, plan, &observed));
        let (project, plan) = (Arc::new(project.clone()), plan.clone());
        let found = self.blocking(move |engine| Ok(engine.try_out(&project, &plan, &observed)));
        problems.extend(found.await?);
        if problems.is_empty() { Ok(()) } else { Err(Failure(problems)) }
    }

    /// Rules of Berth never touch another's table, so what another firewall drops can only be told.
    async fn warn_of_other_firewalls(&self, plan: &Plan, teller: &Teller) {
        if !plan.starts_any() {
            return;
        }
        let looked = self.blocking(|_| Ok(network::doctor::obstacles())).await;
        for obstacle in looked.unwrap_or_default() {
            teller.warning(obstacle.detail).await;
        }
    }

    async fn tell_kept(&self, plan: &Plan, teller: &Teller) {
        for (slot, container) in &plan.kept {
            if plan.starts(slot) {
                continue;
            }
            let state = if plan.completed.contains(slot) { "completed" } else { "running" };
            teller.step("container", &container.name, state).await;
        }
    }
}

/// Each as it is told to the user.
pub(super) fn sentences<E: std::fmt::Display>(errors: &[E]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}
