//! `compose build`.

use build::BuildRequest;
use clap::Args;
use compose::model::{Build, Project, Service};
use engine::project::build_order;

use crate::cli::{Context, Run, Verb, verb};
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::project::load;
use crate::verbs::images::build::run_build;
use crate::verbs::images::build_output::BuildOutput;

/// The command.
pub(crate) const BUILD: Verb = verb::<BuildProject>("build", "Build the project's images");

/// Build the project's images.
#[derive(Debug, Args)]
pub(crate) struct BuildProject {
    #[command(flatten)]
    options: ImageOptions,
    /// Services; all that have a `build` without one
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// How images of services are built.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ImageOptions {
    /// Run every step anew
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Print nothing unless a build fails
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Value of an ARG; without a value it is taken from here
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) build_arg: Vec<String>,
    /// Fetch base images anew
    #[arg(long)]
    pub(crate) pull: bool,
}

impl Run for BuildProject {
    async fn run(self, context: &Context) -> Outcome {
        build_project(context, &self.services, &self.options).await
    }
}

/// Builds the images of services, all that have a `build` when none is named.
///
/// # Errors
/// A service that is not there or has nothing to build, or the first build that fails.
pub(crate) async fn build_project(context: &Context, services: &[String], options: &ImageOptions) -> Outcome {
    let project = load(&context.globals, services, true)?;
    if let Some(missing) = services.iter().find(|name| !project.services.contains_key(name.as_str())) {
        return Err(Failure::new(format!("no such service: {missing}")));
    }
    let chosen = |name: &&str| services.is_empty() || services.iter().any(|chosen| chosen == name);
    let chosen: Vec<&str> = project.services.keys().map(AsRef::as_ref).filter(chosen).collect();
    let mut requests: Vec<(String, BuildRequest)> = Vec::new();
    for name in build_order(&project, &chosen) {
        let Some(service) = project.services.get(name) else { continue };
        let Some(build) = &service.build else { continue };
        let request = request(&project, service, build, options)?;
        // Services that share an image and how it is made share the build.
        let same = |known: &(String, BuildRequest)| {
            known.1.tags == request.tags && known.1.context == request.context
        };
        if !requests.iter().any(same) {
            requests.push((service.name.to_string(), request));
        }
    }
    if requests.is_empty() {
        output::note("No services to build");
    }
    for (service, request) in &requests {
        run_build(context, request, BuildOutput::new(&format!("{service}: "), options.quiet)).await?;
    }
    Ok(Exit::SUCCESS)
}

fn request(
    project: &Project,
    service: &Service,
    build: &Build,
    options: &ImageOptions,
) -> Result<BuildRequest, Failure> {
    let problem = |reason| Failure::new(format!("service {:?}: {reason}", service.name));
    let image = project.image_of(service);
    let mut request = engine::project::build_request(project, service, build, &image).map_err(problem)?;
    request.build_args.extend(options.build_arg.iter().map(|text| match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (text.clone(), std::env::var(text).ok()),
    }));
    request.no_cache |= options.no_cache;
    request.pull |= options.pull;
    Ok(request)
}
