//! `run`: one container of a service beside the service's own, made but not started.
//!
//! What the service depends on is brought up first, as `up` does it. The client then attaches to the container and
//! starts it by the calls that every container has.

mod overrides;
#[cfg(test)]
mod tests;

use super::convert::{About, container_spec};
use super::execute::{Execution, linked};
use super::labels::{self, AboutContainer};
use super::observed::Observed;
use super::options::{RunOptions, UpOptions};
use super::plan::plan_run;
use super::progress::ProgressEvent;
use super::run::{Failure, Intent, Teller, sentences};
use crate::op::Created;
use crate::spec::ContainerSpec;
use crate::{Engine, error::EngineError, feed::Feed};
use compose::model::{Project, Service, ServiceName};
use std::collections::BTreeMap;

impl Engine {
    /// Makes one container of a service, after bringing up what the service depends on. The feed's last event but one
    /// names the container.
    ///
    /// `asked` holds what the container shall have instead of (or beside) what the service says: name, command, entry
    /// point, variables, user, directory, labels, mounts, ports, capabilities, streams and removal on exit.
    ///
    /// It waits until nobody else works on the project.
    ///
    /// # Errors
    /// A service that the project does not have.
    pub async fn project_run(
        &self,
        project: Project,
        options: RunOptions,
        asked: ContainerSpec,
    ) -> Result<Feed<ProgressEvent>, EngineError> {
        if !project.services.contains_key(options.service.as_str()) {
            return Err(EngineError::BadParameter(format!(
                "the project `{}` has no service `{}`",
                project.name, options.service
            )));
        }
        let (sender, feed) = Feed::new(super::run::BACKLOG);
        let (engine, teller) = (self.clone(), Teller::to(sender));
        tokio::spawn(async move {
            let guard = tokio::select! {
                guard = engine.inner.locks.wait(project.name.as_str(), "run") => guard,
                () = teller.cancelled() => return,
            };
            let outcome = engine.run_one_off(&project, &options, asked, &teller).await;
            engine.settle(project.name.as_str());
            drop(guard);
            teller.end(outcome).await;
        });
        Ok(feed)
    }

    async fn run_one_off(
        &self,
        project: &Project,
        options: &RunOptions,
        asked: ContainerSpec,
        teller: &Teller,
    ) -> Result<(), Failure> {
        let intent = Intent::Run { project: Box::new(project.clone()), options: options.clone() };
        self.prepare_run(&intent, project, options, teller).await?;
        let made = self.create_one_off(project, options, asked).await?;
        for warning in made.1.warnings {
            teller.warning(format!("{}: {warning}", options.service)).await;
        }
        let (name, id) = (made.0, made.1.id.to_string());
        teller.tell(ProgressEvent::Container { container: id, name }).await;
        Ok(())
    }

    /// Networks, volumes and dependencies.
    pub(super) async fn prepare_run(
        &self,
        intent: &Intent,
        project: &Project,
        options: &RunOptions,
        teller: &Teller,
    ) -> Result<(), Failure> {
        let up = options.up();
        let observed = self.with_images(intent, project, &up, teller).await?;
        let plan = plan_run(project, &observed, &up).map_err(|errors| Failure(sentences(&errors)))?;
        self.check(project, &plan, observed.clone()).await?;
        for warning in plan.warnings.clone() {
            teller.warning(warning).await;
        }
        if plan.is_empty() {
            return Ok(());
        }
        let execution = Execution::of_up(self, project, &up, observed, teller);
        self.carry_out(intent, execution, plan).await
    }

    async fn create_one_off(
        &self,
        project: &Project,
        options: &RunOptions,
        asked: ContainerSpec,
    ) -> Result<(String, Created), EngineError> {
        let observed = self.observe(Some(project)).await?;
        let (project, options) = (project.clone(), options.clone());
        let spec = self.blocking(move |engine| engine.one_off_spec(&project, &options, asked, &observed));
        let spec = spec.await?;
        let name = spec.name.as_ref().map(ToString::to_string).unwrap_or_default();
        Ok((name, self.create(spec).await?))
    }

    fn one_off_spec(
        &self,
        project: &Project,
        options: &RunOptions,
        asked: ContainerSpec,
        observed: &Observed,
    ) -> Result<ContainerSpec, EngineError> {
        let Some(declared) = project.services.get(options.service.as_str()) else {
            return Err(EngineError::BadParameter(format!("there is no service `{}`", options.service)));
        };
        let service = overrides::service_of(declared, options);
        let about = About {
            files: self.service_files(project, &service)?,
            ..about(project, declared, observed, &format!("{:012x}", rand::random::<u64>() >> 16))
        };
        let mut spec = container_spec(project, &service, &about)
            .map_err(|error| EngineError::BadParameter(error.to_string()))?;
        overrides::apply(&mut spec, &service, options, asked);
        Ok(spec)
    }
}

/// What is known about a container of `run` beside its service. `slug` tells it from the others.
fn about(project: &Project, service: &Service, observed: &Observed, slug: &str) -> About {
    let hash = observed.service_hash(project, service);
    let image_id = observed.images.get(&project.image_of(service)).cloned().unwrap_or_default();
    let about_labels =
        AboutContainer { number: 1, one_off: true, config_hash: &hash, image_id: &image_id, replaces: None };
    let mut labels = labels::of_container(project, service, &about_labels);
    labels.insert(labels::SLUG.to_owned(), slug.to_owned());
    About {
        name: format!("{}-{}-run-{slug}", project.name, service.name),
        labels,
        providers: providers(project, observed),
        linked: linked(project, service),
        ..About::default()
    }
}

/// The first container of each service.
fn providers(project: &Project, observed: &Observed) -> BTreeMap<ServiceName, String> {
    let mut own: Vec<_> = observed.of_project(project.name.as_str()).filter(|c| !c.is_one_off()).collect();
    own.sort_by_key(|container| std::cmp::Reverse(container.number()));
    let named = own.into_iter().filter_map(|container| {
        let service = ServiceName::new(container.label(labels::SERVICE)?).ok()?;
        Some((service, container.id.clone()))
    });
    named.collect()
}

impl RunOptions {
    /// How what the service needs is brought up.
    fn up(&self) -> UpOptions {
        UpOptions {
            build: self.build,
            no_deps: self.no_deps,
            remove_orphans: self.remove_orphans,
            services: vec![self.service.clone()],
            ..UpOptions::default()
        }
    }
}
