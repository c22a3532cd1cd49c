//! Building the images of services.

use super::build_request::build_request;
use super::plan::images::ImageBuild;
use super::progress::ProgressEvent;
use super::run::Teller;
use crate::building::BuildProgress;
use crate::{Engine, chain};
use compose::model::Project;

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
        let request = build_request(project, service, description, &build.image).map_err(problem)?;
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
