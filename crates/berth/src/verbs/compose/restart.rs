//! `compose restart`.

use std::collections::BTreeSet;

use clap::Args;
use compose::model::Project;

use crate::cli::{Context, Run, Verb, verb};
use crate::failure::Outcome;
use crate::project::{scope, targets};
use crate::verbs::containers::lifecycle::RestartFlags;

/// The command.
pub(crate) const RESTART: Verb = verb::<Restart>("restart", "Stop and start services").takes_many();

/// Stop and start services, and with them those whose `depends_on` says `restart: true`.
#[derive(Debug, Args)]
pub(crate) struct Restart {
    #[command(flatten)]
    how: RestartFlags,
    /// Leave alone the services that depend on them
    #[arg(long)]
    no_deps: bool,
    /// Services; all without one
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

impl Run for Restart {
    async fn run(self, context: &Context) -> Outcome {
        let mut services = self.services;
        if !self.no_deps
            && let Some(project) = &scope(&context.globals)?.project
        {
            add_dependents(project, &mut services);
        }
        self.how.restart(context, &targets(context, &services).await?).await
    }
}

/// Adds the services that want to be restarted with the named ones, and with those.
fn add_dependents(project: &Project, services: &mut Vec<String>) {
    let mut known: BTreeSet<String> = services.iter().cloned().collect();
    let mut at = 0;
    while let Some(restarted) = services.get(at).cloned() {
        for (name, service) in &project.services {
            let depends = service.lifecycle.depends_on.iter();
            let mut wanting = depends.filter(|(on, how)| on.as_str() == restarted && how.restart);
            if wanting.next().is_some() && known.insert(name.to_string()) {
                services.push(name.to_string());
            }
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_ask_for_it_are_restarted_too() {
        let text = "name: p\nservices:\n  db: {image: i}\n  \
                    api: {image: i, depends_on: {db: {condition: service_started, restart: true}}}\n  \
                    web: {image: i, depends_on: {api: {condition: service_started, restart: true}}}\n  \
                    job: {image: i, depends_on: [db]}\n";
        let options = compose::LoadOptions {
            files: vec!["-".into()],
            stdin: Some(text.to_owned()),
            current_dir: "/".into(),
            ..compose::LoadOptions::default()
        };
        let project = compose::load(&options).unwrap().project;
        let mut services = vec!["db".to_owned()];
        add_dependents(&project, &mut services);
        assert_eq!(services, ["db", "api", "web"]);
    }
}
