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
    /// Images to build; they do not need one another.
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
    plan
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
