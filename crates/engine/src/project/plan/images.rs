//! Which images must be built first, and which are missing.

use crate::project::observed::Observed;
use crate::project::options::{BuildChoice, UpOptions};
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
    /// Images that are not there and cannot be built, with a service that needs each.
    pub missing: Vec<(String, ServiceName)>,
    /// Things the user should know.
    pub warnings: Vec<String>,
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
        }
        let is_there = observed.images.contains_key(&image);
        match (&service.build, wants_build(service, options)) {
            (Some(_), true) => {
                plan.builds.push(ImageBuild { service: service.name.clone(), image: image.clone() })
            }
            (Some(_), false) if !is_there && options.build_choice() != BuildChoice::Never => {
                plan.builds.push(ImageBuild { service: service.name.clone(), image: image.clone() });
            }
            _ if !is_there => plan.missing.push((image.clone(), service.name.clone())),
            _ => {}
        }
        seen.insert(image, service);
    }
    plan
}

/// Whether the image is built also when it is there.
fn wants_build(service: &Service, options: &UpOptions) -> bool {
    match options.build_choice() {
        BuildChoice::Always => true,
        BuildChoice::Missing => service.pull_policy == Some(PullPolicy::Build),
        BuildChoice::Never => false,
    }
}
