//! Images, as the engine's clients see them: the store, and which containers use what.

use crate::{
    Engine,
    error::EngineError,
    event::EventKind,
    feed::Feed,
    op::{BootstrapProgress, BootstrapRequest, ImageFilter, ImageRemoval, PruneFilter},
    snapshot::ImageSummary,
};
use image::{
    BootstrapOptions, HistoryRow, Image, ImageId, LayerId, Reference, RemoveError, Removed, ResolveError,
    Usage, Variant, bootstrap,
};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};
use time::OffsetDateTime;

impl Engine {
    /// What a failed look-up of an image means to a client.
    pub(crate) fn image_error(name: &str, error: ResolveError) -> EngineError {
        match error {
            ResolveError::NotFound { .. } => EngineError::NoSuchImage(name.to_owned()),
            ResolveError::Ambiguous { .. } | ResolveError::Reference(_) => {
                EngineError::BadParameter(crate::chain(&error))
            }
            other => EngineError::store(other),
        }
    }

    /// An image by reference, id or prefix of one.
    pub async fn image(&self, name: &str) -> Result<Arc<Image>, EngineError> {
        let name = name.to_owned();
        self.blocking(move |engine| engine.find_image(&name)).await
    }

    /// The images that a filter takes, the newest first.
    pub async fn images(&self, filter: &ImageFilter) -> Result<Vec<ImageSummary>, EngineError> {
        let filter = filter.clone();
        self.blocking(move |engine| {
            let before = filter.before.as_deref().map(|name| engine.find_image(name)).transpose()?;
            let since = filter.since.as_deref().map(|name| engine.find_image(name)).transpose()?;
            let images = engine.store().list().map_err(EngineError::store)?;
            let taken = images.iter().filter(|image| {
                takes(&filter, image)
                    && before.as_ref().is_none_or(|limit| image.created < limit.created)
                    && since.as_ref().is_none_or(|limit| image.created > limit.created)
            });
            Ok(taken.map(|image| engine.image_summary(image)).collect())
        })
        .await
    }

    pub(crate) fn image_summary(&self, image: &Image) -> ImageSummary {
        let id = image.id.to_string();
        let containers =
            self.state().containers.values().filter(|container| container.record.image_id == id).count();
        ImageSummary {
            references: image.references.iter().map(Reference::familiar).collect(),
            created: image.created,
            repo_digests: image.repo_digests.iter().map(Reference::familiar).collect(),
            size: image.size,
            shared_size: None,
            labels: image.config.config.labels.clone(),
            containers,
            id,
        }
    }

    /// The steps that made an image, the newest first.
    pub async fn image_history(&self, name: &str) -> Result<Vec<HistoryRow>, EngineError> {
        let name = name.to_owned();
        self.blocking(move |engine| {
            let image = engine.find_image(&name)?;
            engine.store().history(&image).map_err(EngineError::store)
        })
        .await
    }

    /// Gives an image a further name.
    pub async fn image_tag(&self, name: &str, reference: &str) -> Result<(), EngineError> {
        let parsed: Reference =
            reference.parse().map_err(|error| EngineError::BadParameter(format!("{error}")))?;
        let image = self.image(name).await?;
        let (id, target) = (image.id, parsed.clone());
        self.blocking(move |engine| engine.store().tag(&id, &target).map_err(EngineError::store)).await?;
        self.image_event("tag", &image.id.to_string(), &parsed.familiar());
        Ok(())
    }

    /// Removes a name, or the image when it was the last one.
    pub async fn image_remove(
        &self,
        name: &str,
        force: bool,
        _prune: bool,
    ) -> Result<Vec<ImageRemoval>, EngineError> {
        let target = name.to_owned();
        let removed = self.blocking(move |engine| {
            let needed = engine.needed_layers();
            let keep = |layer: &LayerId| needed.contains(layer);
            let removed = engine.store().remove(&target, force, &|id| engine.usage(id), &keep);
            removed.map_err(|error| match error {
                RemoveError::Resolve(error) => Self::image_error(&target, error),
                RemoveError::Store(error) => EngineError::store(error),
                refused => EngineError::Conflict(crate::chain(&refused)),
            })
        });
        let removed = removals(removed.await?);
        for removal in &removed {
            match removal {
                ImageRemoval::Untagged(reference) => self.image_event("untag", reference, reference),
                ImageRemoval::Deleted(id) => self.image_event("delete", id, id),
            }
        }
        Ok(removed)
    }

    /// Removes images that no container uses and that have no name, or with `all` those with one too.
    pub async fn prune_images(&self, filter: &PruneFilter) -> Result<(Vec<ImageRemoval>, u64), EngineError> {
        let filter = filter.clone();
        self.blocking(move |engine| {
            let needed = engine.needed_layers();
            let taken = engine.prunable(&filter)?;
            let usage = |id: &ImageId| match &taken {
                Some(taken) if !taken.contains(id) => Usage::Stopped(String::new()),
                _ => engine.usage(id),
            };
            let keep = |layer: &LayerId| needed.contains(layer);
            let report = engine.store().prune(filter.all, &usage, &keep).map_err(EngineError::store)?;
            Ok((removals(report.removed), report.freed))
        })
        .await
    }

    /// The images a filter takes; none when it takes all.
    fn prunable(&self, filter: &PruneFilter) -> Result<Option<HashSet<ImageId>>, EngineError> {
        if filter.until.is_none() && filter.labels.is_empty() && filter.without_labels.is_empty() {
            return Ok(None);
        }
        let images = self.store().list().map_err(EngineError::store)?;
        let taken = images.iter().filter(|image| {
            // One without a date counts as old.
            let created = image.created.unwrap_or(OffsetDateTime::UNIX_EPOCH);
            filter.takes(&image.config.config.labels, created)
        });
        Ok(Some(taken.map(|image| image.id).collect()))
    }

    /// Whether a container uses an image.
    pub(crate) fn usage(&self, id: &ImageId) -> Usage {
        let id = id.to_string();
        let state = self.state();
        let mut users =
            state.containers.values().filter(|container| container.record.image_id == id).peekable();
        let first = users.peek().map(|container| container.record.name.clone());
        let running = users.find(|container| container.state.phase.run().is_some());
        match (running, first) {
            (Some(container), _) => Usage::Running(container.record.name.clone()),
            (None, Some(name)) => Usage::Stopped(name),
            (None, None) => Usage::Unused,
        }
    }

    /// Layers that stay whatever happens to images: those below containers, and those of the build cache.
    pub(crate) fn needed_layers(&self) -> HashSet<LayerId> {
        let used: HashSet<String> = {
            let state = self.state();
            state.containers.values().map(|container| container.record.image_id.clone()).collect()
        };
        let images = used.iter().filter_map(|id| self.store().resolve(id).ok());
        let below: Vec<LayerId> = images.flat_map(|image| image.layers.clone()).collect();
        self.cached_layers().into_iter().chain(below).collect()
    }

    /// Layers that only the build cache refers to. What cannot be read of the cache is made again by later builds.
    pub(crate) fn cached_layers(&self) -> HashSet<LayerId> {
        build::Cache::of(self.store()).layers().unwrap_or_default()
    }

    /// Makes a base image from the host's apt sources; tells each line as it comes.
    pub async fn image_bootstrap(
        &self,
        request: BootstrapRequest,
    ) -> Result<Feed<BootstrapProgress>, EngineError> {
        let options = bootstrap_options(request)?;
        let (sender, feed) = Feed::new(64);
        let engine = self.clone();
        tokio::task::spawn_blocking(move || {
            let lines = sender.clone();
            let done = bootstrap(engine.store(), &options, &mut |line: &str| {
                let _ = lines.blocking_send(BootstrapProgress::Line { line: line.to_owned() });
            });
            let last = match done {
                Ok(image) => {
                    engine.image_event("import", &image.id.to_string(), &options.reference.familiar());
                    BootstrapProgress::Made { id: image.id.to_string() }
                }
                Err(error) => BootstrapProgress::failed(crate::chain(&error)),
            };
            let _ = sender.blocking_send(last);
        });
        Ok(feed)
    }

    pub(crate) fn image_event(&self, action: &str, id: &str, name: &str) {
        self.tell(EventKind::Image, action, id, BTreeMap::from([("name".to_owned(), name.to_owned())]));
    }
}

fn bootstrap_options(request: BootstrapRequest) -> Result<BootstrapOptions, EngineError> {
    let reference: Reference =
        request.reference.parse().map_err(|error| EngineError::BadParameter(format!("{error}")))?;
    let variant = match request.variant.as_deref() {
        None | Some("minbase") => Variant::MinBase,
        Some("essential") => Variant::Essential,
        Some("important") => Variant::Important,
        Some(other) => {
            return Err(EngineError::BadParameter(format!(
                "variant {other:?} is none of minbase, essential, important"
            )));
        }
    };
    let suite = match request.suite {
        Some(suite) => suite,
        None => reference.tag().filter(|tag| *tag != "latest").map(str::to_owned).ok_or_else(|| {
            EngineError::BadParameter(format!(
                "which suite? Write debian:bookworm, or give --suite for {}",
                request.reference
            ))
        })?,
    };
    Ok(BootstrapOptions {
        reference,
        suite,
        packages: request.packages,
        extra_sources: request.extra_sources,
        variant,
        keep_docs: request.keep_docs,
        source_date_epoch: request.source_date_epoch,
    })
}

fn removals(removed: Vec<Removed>) -> Vec<ImageRemoval> {
    let told = removed.into_iter().map(|removed| match removed {
        Removed::Untagged(reference) => ImageRemoval::Untagged(reference.familiar()),
        Removed::Deleted(id) => ImageRemoval::Deleted(id.to_string()),
        Removed::DeletedLayer(id) => ImageRemoval::Deleted(id.to_string()),
    });
    told.collect()
}

fn takes(filter: &ImageFilter, image: &Image) -> bool {
    let names: Vec<String> = image.references.iter().map(Reference::familiar).collect();
    let reference = filter.references.is_empty()
        || filter.references.iter().any(|pattern| names.iter().any(|name| matches_reference(pattern, name)));
    let dangling = filter.dangling.is_none_or(|dangling| names.is_empty() == dangling);
    reference && dangling && filter.labels.iter().all(|label| label.matches(&image.config.config.labels))
}

/// `debian`, `debian:*`, `*/app`, `debian:bookworm`; without a tag any tag matches.
fn matches_reference(pattern: &str, name: &str) -> bool {
    let repository = name.rsplit_once(':').map_or(name, |(repository, _)| repository);
    glob(pattern.as_bytes(), name.as_bytes()) || glob(pattern.as_bytes(), repository.as_bytes())
}

/// `*` and `?`, neither of which matches a slash.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            glob(rest, text)
                || text.split_first().is_some_and(|(first, more)| *first != b'/' && glob(pattern, more))
        }
        (Some((b'?', rest)), Some((first, more))) => *first != b'/' && glob(rest, more),
        (Some((wanted, rest)), Some((first, more))) => wanted == first && glob(rest, more),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_match_with_and_without_a_tag() {
        assert!(matches_reference("debian", "debian:bookworm"));
        assert!(matches_reference("deb*:book*", "debian:bookworm"));
        assert!(!matches_reference("deb*", "team/debian:bookworm"));
        assert!(matches_reference("*/app", "team/app:1"));
    }
}
