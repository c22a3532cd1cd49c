//! Which images must be built first, and which are missing.

use crate::project::observed::Observed;
use crate::project::options::{BuildChoice, PullChoice, UpOptions};
use compose::model::{Project, PullPolicy, Service, ServiceName};
use std::collections::BTreeMap;

/// An image to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageBuild {
    /// The service whose `build` says how; other services may use the image too.
    pub service: ServiceName,
    /// Its name.
    pub image: String,
}

/// What must happen to images before containers can be planned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImagePlan {
    /// Images to build, each after those that it takes files from.
    pub builds: Vec<ImageBuild>,
    /// Images to pull, each with a service that needs it.
    pub pulls: Vec<(String, ServiceName)>,
    /// Images that are not there and may neither be built nor pulled, with a service that needs each.
    pub missing: Vec<(String, ServiceName)>,
    /// Things the user should know.
    pub warnings: Vec<String>,
}

impl ImagePlan {
    /// Whether every image is there already.
    pub fn is_ready(&self) -> bool {
        self.builds.is_empty() && self.pulls.is_empty()
    }
}

/// Looks at the images of the services that `up` touches.
pub fn plan_images(
    project: &Project,
    observed: &Observed,
    options: &UpOptions,
    services: &[ServiceName],
) -> ImagePlan {
    let mut plan = ImagePlan::default();
    let mut seen: BTreeMap<String, &Service> = BTreeMap::new();
    for service in services.iter().filter_map(|name| project.services.get(name.as_str())) {
        let image = project.image_of(service);
        if let Some(other) = seen.get(&image) {
            if service.build.is_some() && other.build.is_some() && service.build != other.build {
                plan.warnings.push(format!(
                    "`{}` and `{}` build the same image `{image}` in different ways: `{}`'s way is taken",
                    other.name, service.name, other.name
                ));
            }
            // A service that only uses the image may come before the one that builds it.
            if !(service.build.is_some() && other.build.is_none()) {
                continue;
            }
            plan.missing.retain(|(missing, _)| *missing != image);
            plan.pulls.retain(|(pulled, _)| *pulled != image);
        }
        let is_there = observed.images.contains_key(&image);
        match (&service.build, wants_build(service, options)) {
            (Some(_), true) => {
                plan.builds.push(ImageBuild { service: service.name.clone(), image: image.clone() })
            }
            (Some(_), false) if !is_there && options.build_choice() != BuildChoice::Never => {
                plan.builds.push(ImageBuild { service: service.name.clone(), image: image.clone() });
            }
            _ => match pull_choice(service, options) {
                PullChoice::Always => plan.pulls.push((image.clone(), service.name.clone())),
                PullChoice::Missing if !is_there => plan.pulls.push((image.clone(), service.name.clone())),
                PullChoice::Never if !is_there => plan.missing.push((image.clone(), service.name.clone())),
                _ => {}
            },
        }
        seen.insert(image, service);
    }
    plan.builds = ordered(project, observed, &plan.builds);
    plan
}

/// Builds with those of the missing images that they take files from, each after what it needs.
fn ordered(project: &Project, observed: &Observed, builds: &[ImageBuild]) -> Vec<ImageBuild> {
    let wanted: Vec<&str> = builds.iter().map(|build| build.service.as_str()).collect();
    let mut planned: Vec<ImageBuild> = Vec::new();
    for name in build_order(project, &wanted) {
        let Some(service) = project.services.get(name) else { continue };
        let build = ImageBuild { service: service.name.clone(), image: project.image_of(service) };
        let is_wanted = builds.contains(&build) || !observed.images.contains_key(&build.image);
        if is_wanted && !planned.iter().any(|other| other.image == build.image) {
            planned.push(build);
        }
    }
    planned
}

/// Services that are built, and those whose images their builds take files from, each after those it needs.
pub fn build_order<'a>(project: &'a Project, wanted: &[&'a str]) -> Vec<&'a str> {
    let mut order = Vec::new();
    wanted.iter().for_each(|name| visit(project, name, &mut Vec::new(), &mut order));
    order
}

fn visit<'a>(project: &'a Project, name: &'a str, above: &mut Vec<&'a str>, order: &mut Vec<&'a str>) {
    let build = project.services.get(name).and_then(|service| service.build.as_ref());
    let Some(build) = build.filter(|_| !order.contains(&name) && !above.contains(&name)) else { return };
    above.push(name);
    build.image_contexts().for_each(|(_, needed)| visit(project, needed, above, order));
    above.pop();
    order.push(name);
}

/// When the image is pulled: as the command says, or else as the file says. One that is built is not pulled.
fn pull_choice(service: &Service, options: &UpOptions) -> PullChoice {
    if service.build.is_some() {
        return PullChoice::Never;
    }
    options.pull.unwrap_or(match service.pull_policy {
        Some(PullPolicy::Always) => PullChoice::Always,
        Some(PullPolicy::Never | PullPolicy::Build) => PullChoice::Never,
        // When an image was pulled is not known: one that is there counts as fresh.
        None | Some(PullPolicy::Missing | PullPolicy::Refresh { .. }) => PullChoice::Missing,
    })
}

/// Whether the image is built also when it is there.
fn wants_build(service: &Service, options: &UpOptions) -> bool {
    match options.build_choice() {
        BuildChoice::Always => true,
        BuildChoice::Missing => service.pull_policy == Some(PullPolicy::Build),
        BuildChoice::Never => false,
    }
}
