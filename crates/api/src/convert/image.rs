//! Images.

use super::{map, signed};
use bollard_stubs::models::{
    DistributionInspect, DriverData, HealthConfig, ImageConfig, ImageInspect, ImageInspectMetadata,
    ImageInspectRootFs, ImageSummary, OciDescriptor, OciPlatform,
};
use engine::op::Description;
use image::manifest::Platform;
use image::{ContainerConfig, Healthcheck, Image};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A row of the list of images.
pub(crate) fn summary(image: &engine::snapshot::ImageSummary) -> ImageSummary {
    ImageSummary {
        id: image.id.clone(),
        repo_tags: image.references.clone(),
        created: image.created.map(OffsetDateTime::unix_timestamp).unwrap_or_default(),
        size: signed(image.size),
        repo_digests: image.repo_digests.clone(),
        shared_size: image.shared_size.map_or(-1, signed),
        labels: map(&image.labels),
        containers: i64::try_from(image.containers).unwrap_or(-1),
        ..ImageSummary::default()
    }
}

/// An image as `docker image inspect` shows it.
pub(crate) fn inspect(image: &Image, lower_dirs: &[std::path::PathBuf]) -> ImageInspect {
    let config = &image.config;
    let created = config.created.as_deref().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    let lower: Vec<String> = lower_dirs.iter().map(|dir| dir.display().to_string()).collect();
    ImageInspect {
        id: Some(image.id.to_string()),
        repo_tags: Some(image.references.iter().map(|reference| reference.familiar()).collect()),
        repo_digests: Some(image.repo_digests.iter().map(|name| name.familiar()).collect()),
        comment: Some(config.history.last().and_then(|last| last.comment.clone()).unwrap_or_default()),
        created,
        author: Some(config.author.clone().unwrap_or_default()),
        config: Some(image_config(&config.config)),
        architecture: Some(config.architecture.clone()),
        variant: config.variant.clone(),
        os: Some(config.os.clone()),
        size: Some(signed(image.size)),
        graph_driver: Some(DriverData {
            name: "overlay2".to_owned(),
            data: [("LowerDir".to_owned(), lower.join(":"))].into(),
        }),
        root_fs: Some(ImageInspectRootFs {
            typ: "layers".to_owned(),
            layers: Some(config.rootfs.diff_ids.iter().map(ToString::to_string).collect()),
        }),
        metadata: Some(ImageInspectMetadata::default()),
        ..ImageInspect::default()
    }
}

/// What a name stands for at its registry.
pub(crate) fn distribution(found: &Description) -> DistributionInspect {
    let platform = |one: &Platform| OciPlatform {
        architecture: Some(one.architecture.clone()),
        os: Some(one.os.clone()),
        variant: one.variant.clone(),
        ..OciPlatform::default()
    };
    DistributionInspect {
        descriptor: OciDescriptor {
            media_type: Some(found.media_type.clone()),
            digest: Some(found.digest.to_string()),
            size: Some(signed(found.size)),
            ..OciDescriptor::default()
        },
        platforms: found.platforms.iter().map(platform).collect(),
    }
}

fn image_config(config: &ContainerConfig) -> ImageConfig {
    let some = |values: Vec<String>| (!values.is_empty()).then_some(values);
    ImageConfig {
        user: Some(config.user.clone()),
        exposed_ports: some(config.exposed_ports.keys().cloned().collect()),
        env: Some(config.env.clone()),
        cmd: config.cmd.clone(),
        healthcheck: config.healthcheck.as_ref().map(health),
        args_escaped: config.args_escaped,
        volumes: some(config.volumes.keys().cloned().collect()),
        working_dir: Some(config.working_dir.clone()),
        entrypoint: config.entrypoint.clone(),
        on_build: some(config.on_build.clone()),
        labels: Some(map(&config.labels)),
        stop_signal: config.stop_signal.clone(),
        shell: config.shell.clone(),
    }
}

fn health(check: &Healthcheck) -> HealthConfig {
    let read = serde_json::to_value(check).and_then(serde_json::from_value);
    read.unwrap_or_default()
}
