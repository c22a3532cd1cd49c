//! Building the images of services.

use super::labels;
use super::plan::images::ImageBuild;
use super::progress::ProgressEvent;
use super::run::Teller;
use crate::building::BuildProgress;
use crate::{Engine, chain};
use ::build::{BuildRequest, DockerfileSource, RunNetwork};
use compose::model::{Build, BuildContext, Project, Service};
use std::path::Path;

impl Engine {
    /// Builds one image; the problem in one text when it cannot be.
    pub(super) async fn build_image(
        &self,
        project: &Project,
        build: &ImageBuild,
        teller: &Teller,
    ) -> Result<(), String> {
        let Some(service) = project.services.get(build.service.as_str()) else { return Ok(()) };
        let Some(description) = &service.build else { return Ok(()) };
        let problem = |reason: String| {
            format!("the image `{}` of `{}` cannot be built: {reason}", build.image, build.service)
        };
        let request = request(project, service, description, &build.image).map_err(problem)?;
        let cancel = request.cancel.clone();
        teller.step("image", &build.image, "building").await;
        let mut feed = self.build(request).await.map_err(|error| problem(chain(&error)))?;
        while let Some(progress) = feed.next().await {
            if teller.is_cancelled() {
                cancel.cancel();
            }
            match progress {
                BuildProgress::Event(event) => {
                    teller
                        .tell(ProgressEvent::Build { service: build.service.to_string(), build: event })
                        .await;
                }
                BuildProgress::Failed { error } => {
                    teller.failed("image", &build.image, &error.message).await;
                    return Err(problem(error.message));
                }
            }
        }
        teller.step("image", &build.image, "built").await;
        Ok(())
    }
}

fn request(project: &Project, service: &Service, build: &Build, image: &str) -> Result<BuildRequest, String> {
    let BuildContext::Local(context) = &build.context else {
        return Err("its context is not a directory of this host; fetch it and name the directory".to_owned());
    };
    if !build.additional_contexts.is_empty() {
        return Err(
            "`additional_contexts` are not supported yet; copy what is needed into the context".to_owned()
        );
    }
    if !build.secrets.is_empty() {
        return Err("secrets of a build are not supported yet; remove `build.secrets`".to_owned());
    }
    let dockerfile = match (&build.dockerfile_inline, &build.dockerfile) {
        (Some(text), _) => DockerfileSource::Inline(text.clone()),
        (None, Some(path)) => DockerfileSource::Path(path.clone()),
        (None, None) => DockerfileSource::Path(Path::new("Dockerfile").to_owned()),
    };
    let mut labels = build.labels.clone();
    labels.insert(labels::PROJECT.to_owned(), project.name.to_string());
    labels.insert(labels::SERVICE.to_owned(), service.name.to_string());
    let hosts =
        build.extra_hosts.iter().flat_map(|(name, all)| all.iter().map(move |ip| (name.clone(), ip.clone())));
    Ok(BuildRequest {
        dockerfile,
        target: build.target.clone(),
        tags: std::iter::once(image.to_owned()).chain(build.tags.iter().cloned()).collect(),
        build_args: build.args.clone(),
        labels,
        no_cache: build.no_cache,
        network: network(build.network.as_deref())?,
        extra_hosts: hosts.collect(),
        shm_size: build.shm_size,
        ..BuildRequest::new(context)
    })
}

fn network(name: Option<&str>) -> Result<RunNetwork, String> {
    match name {
        None | Some("default" | "bridge") => Ok(RunNetwork::Default),
        Some("host") => Ok(RunNetwork::Host),
        Some("none") => Ok(RunNetwork::None),
        Some(other) => Err(format!("a build can use the network `default`, `host` or `none`, not `{other}`")),
    }
}
