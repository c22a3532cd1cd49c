//! `config`.

use clap::Args;
use compose::{config_hash, render_json, render_yaml};

use crate::cli::{Context, Run, Verb, verb};
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::project::load;

/// The command.
pub(crate) const CONFIG: Verb =
    verb::<Config>("config", "Show the project as it is understood").aliases(&["convert"]);

/// Show the project as it is understood: merged, interpolated, with its defaults.
#[derive(Debug, Args)]
pub(crate) struct Config {
    /// yaml or json
    #[arg(long, value_name = "FORMAT", default_value = "yaml", hide_default_value = true)]
    format: String,
    /// Show nothing: only tell what is wrong
    #[arg(short, long)]
    quiet: bool,
    /// Only the services' names
    #[arg(long)]
    services: bool,
    /// Only the volumes' keys
    #[arg(long)]
    volumes: bool,
    /// Only the networks' keys
    #[arg(long)]
    networks: bool,
    /// Only the images' names
    #[arg(long)]
    images: bool,
    /// Only the profiles
    #[arg(long)]
    profiles: bool,
    /// Only the digests that tell whether a service has changed: `*` or services
    #[arg(long, value_name = "SERVICE,...")]
    hash: Option<String>,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<std::path::PathBuf>,
    /// Only these services and what they depend on
    #[arg(value_name = "SERVICE")]
    only: Vec<String>,
}

impl Run for Config {
    async fn run(self, context: &Context) -> Outcome {
        let text = self.text(context)?;
        match &self.output {
            _ if self.quiet => {}
            None => output::write(text.as_bytes())?,
            Some(path) => {
                let written = std::fs::write(path, &text);
                written.map_err(|e| Failure::new(format!("cannot write {}: {e}", path.display())))?;
            }
        }
        Ok(Exit::SUCCESS)
    }
}

impl Config {
    fn text(&self, context: &Context) -> Result<String, Failure> {
        let mut project = load(&context.globals, &self.only, false)?;
        if let Some(missing) = self.only.iter().find(|name| !project.services.contains_key(name.as_str())) {
            return Err(Failure::new(format!("no such service: {missing}")));
        }
        if !self.only.is_empty() {
            project.services.retain(|name, _| self.only.iter().any(|only| only == name.as_str()));
        }
        let lines = |names: Vec<String>| names.into_iter().map(|name| name + "\n").collect::<String>();
        if self.services {
            return Ok(lines(project.services.keys().map(ToString::to_string).collect()));
        }
        if self.volumes {
            return Ok(lines(project.volumes.keys().map(ToString::to_string).collect()));
        }
        if self.networks {
            return Ok(lines(project.networks.keys().map(ToString::to_string).collect()));
        }
        if self.images {
            return Ok(lines(project.services.values().map(|service| project.image_of(service)).collect()));
        }
        if self.profiles {
            let all = project.services.values().chain(project.disabled_services.values());
            let profiles: std::collections::BTreeSet<String> =
                all.flat_map(|s| s.profiles.iter().cloned()).collect();
            return Ok(lines(profiles.into_iter().collect()));
        }
        if let Some(chosen) = &self.hash {
            let wanted = |name: &str| chosen == "*" || chosen.split(',').any(|one| one.trim() == name);
            let chosen = project.services.values().filter(|service| wanted(service.name.as_str()));
            return Ok(lines(chosen.map(|s| format!("{} {}", s.name, config_hash(&project, s))).collect()));
        }
        match self.format.as_str() {
            "yaml" => Ok(render_yaml(&project)),
            "json" => Ok(format!("{:#}\n", render_json(&project))),
            other => Err(Failure::new(format!("unknown format {other:?}: use yaml or json"))),
        }
    }
}
