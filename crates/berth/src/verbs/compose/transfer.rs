//! `compose pull` and `compose push`.

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};
use compose::model::{Project, PullPolicy, Service};

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, quote};
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::project::load;
use crate::verbs::images::transfer;

/// The command `pull`.
pub(crate) const PULL: Verb = verb::<Pull>("pull", "Fetch the images of the project's services").examples(
    "Images that are only built here are left out. `berth up --pull always` does the same before it starts anything.",
);
/// The command `push`.
pub(crate) const PUSH: Verb =
    verb::<Push>("push", "Send the images that the project builds to their registries")
        .examples("Only services with both `build` and `image` have something to send.");

/// Fetch the images of the project's services.
#[derive(Debug, Default, Args)]
pub(crate) struct Pull {
    /// Print nothing unless something fails
    #[arg(short, long)]
    quiet: bool,
    /// Leave out what can be built
    #[arg(long)]
    ignore_buildable: bool,
    /// Go on after a failure, and succeed
    #[arg(long)]
    ignore_pull_failures: bool,
    /// Also the services that the named ones depend on
    #[arg(long)]
    include_deps: bool,
    /// What to fetch, whatever the file says: all, or what is missing here
    #[arg(long, value_name = "WHICH", value_enum)]
    policy: Option<Policy>,
    /// Services; all without one
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Which images are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Policy {
    Always,
    Missing,
}

/// Send the images that the project builds to their registries.
#[derive(Debug, Default, Args)]
pub(crate) struct Push {
    /// Print nothing unless something fails
    #[arg(short, long)]
    quiet: bool,
    /// Go on after a failure, and succeed
    #[arg(long)]
    ignore_push_failures: bool,
    /// Also the services that the named ones depend on
    #[arg(long)]
    include_deps: bool,
    /// Services; all without one
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

impl Run for Pull {
    async fn run(self, context: &Context) -> Outcome {
        let project = load(&context.globals, &self.services, true)?;
        let mut failures = Failures::new(self.ignore_pull_failures);
        let mut seen = BTreeSet::new();
        for service in chosen(&project, &self.services, self.include_deps)? {
            let Some(image) = &service.image else { continue };
            if !self.wants(service) || !seen.insert(image) || self.is_enough(context, service, image).await? {
                continue;
            }
            heading(self.quiet, image, "Pulling");
            let platform = service.platform.as_deref();
            let pulled = transfer::pull(context, image, platform, transfer::Shown::stdout(self.quiet)).await;
            match pulled {
                Err(failure) if service.build.is_some() => {
                    output::warn(&format!("{image}: {}; build it: `berth compose build`", failure.message()));
                }
                pulled => failures.note(image, pulled)?,
            }
        }
        failures.end()
    }
}

impl Pull {
    /// As `berth pull` without a name does it.
    pub(crate) fn all(quiet: bool) -> Pull {
        Pull { quiet, ..Pull::default() }
    }

    fn wants(&self, service: &Service) -> bool {
        let never = matches!(service.pull_policy, Some(PullPolicy::Never | PullPolicy::Build));
        let left_out = self.ignore_buildable && service.build.is_some();
        !never && !left_out
    }

    /// Whether the image is there, and that will do.
    async fn is_enough(&self, context: &Context, service: &Service, image: &str) -> Result<bool, Failure> {
        let missing = match (self.policy, &service.pull_policy) {
            (Some(policy), _) => policy == Policy::Missing,
            (None, policy) => *policy == Some(PullPolicy::Missing),
        };
        if !missing {
            return Ok(false);
        }
        match context.engine.json(Call::get(&format!("/images/{}/json", quote(image)))).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Run for Push {
    async fn run(self, context: &Context) -> Outcome {
        let project = load(&context.globals, &self.services, true)?;
        let mut failures = Failures::new(self.ignore_push_failures);
        let mut seen = BTreeSet::new();
        for service in chosen(&project, &self.services, self.include_deps)? {
            let Some(image) = service.image.as_ref().filter(|_| service.build.is_some()) else { continue };
            if !seen.insert(image) {
                continue;
            }
            heading(self.quiet, image, "Pushing");
            let pushed = transfer::push(context, image, transfer::Shown::stdout(self.quiet)).await;
            failures.note(image, pushed.map(drop))?;
        }
        if seen.is_empty() {
            output::note("No services with both `build` and `image`: there is nothing to push");
        }
        failures.end()
    }
}

impl Push {
    /// As `berth push` without a name does it.
    pub(crate) fn all(quiet: bool) -> Push {
        Push { quiet, ..Push::default() }
    }
}

/// The services that are meant, by name.
fn chosen<'a>(
    project: &'a Project,
    named: &[String],
    with_dependencies: bool,
) -> Result<Vec<&'a Service>, Failure> {
    if let Some(missing) = named.iter().find(|name| !project.services.contains_key(name.as_str())) {
        return Err(Failure::new(format!("no such service: {missing}")));
    }
    // What the named ones depend on was loaded with them.
    let is_meant = |service: &&Service| {
        named.is_empty() || with_dependencies || named.iter().any(|name| name == service.name.as_str())
    };
    Ok(project.services.values().filter(is_meant).collect())
}

fn heading(quiet: bool, image: &str, doing: &str) {
    if !quiet {
        output::note(&format!("Image {image}  {doing}"));
    }
}

/// The images that could not be moved: the others are moved all the same.
struct Failures {
    ignored: bool,
    failed: usize,
}

impl Failures {
    fn new(ignored: bool) -> Failures {
        Failures { ignored, failed: 0 }
    }

    /// Tells a failure at once.
    ///
    /// # Errors
    /// Nobody reads what is told any more.
    fn note(&mut self, image: &str, moved: Result<(), Failure>) -> Result<(), Failure> {
        let Err(failure) = moved else { return Ok(()) };
        if failure.exit() == Exit::SUCCESS {
            return Err(failure);
        }
        self.failed += 1;
        output::note(&format!("berth: {image}: {}", failure.message()));
        Ok(())
    }

    fn end(self) -> Outcome {
        match self.failed == 0 || self.ignored {
            true => Ok(Exit::SUCCESS),
            false => Err(Failure::silent(Exit(1))),
        }
    }
}
