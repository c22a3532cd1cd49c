//! Forgetting steps of builds.

use crate::{
    Engine,
    error::EngineError,
    op::{CachePruneFilter, Removal},
};
use build::{Cache, PruneError, cache::Entry};
use image::{LayerId, Usage};
use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

impl Engine {
    /// Forgets steps that builds have remembered, the longest unused first, and removes layers that nothing needs any
    /// more. Without `all`, steps that images were made with are kept.
    pub async fn prune_build_cache(&self, filter: &CachePruneFilter) -> Result<Removal, EngineError> {
        let filter = filter.clone();
        self.blocking(move |engine| {
            let cache = Cache::of(engine.store());
            let removed = engine.forget_steps(&cache, &filter)?;
            let needed = engine.needed_layers();
            // Images stay: only what no step and no image refers to goes.
            let kept = |_: &_| Usage::Stopped(String::new());
            let keep = |layer: &LayerId| needed.contains(layer);
            let report = engine.store().prune(false, &kept, &keep).map_err(EngineError::store)?;
            let beside = if filter.all && filter.ids.is_empty() { engine.prune_beside(&filter)? } else { 0 };
            Ok(Removal { removed, reclaimed: report.freed + beside })
        })
        .await
    }

    /// Removes fetched files and cache mounts; gives the bytes that came free.
    fn prune_beside(&self, filter: &CachePruneFilter) -> Result<u64, EngineError> {
        let until = filter.until.map(SystemTime::from);
        let unused = until.map_or(Duration::ZERO, |until| until.elapsed().unwrap_or_default());
        match build::prune(self.store(), unused) {
            Ok(pruned) => Ok(pruned.bytes),
            Err(PruneError::Cache { path, source }) => Err(EngineError::Io { action: "clear", path, source }),
            Err(PruneError::Store(source)) => Err(EngineError::store(source)),
        }
    }

    fn forget_steps(&self, cache: &Cache, filter: &CachePruneFilter) -> Result<Vec<String>, EngineError> {
        let images = self.store().list().map_err(EngineError::store)?;
        let of_images: HashSet<LayerId> = images.iter().flat_map(|image| image.layers.clone()).collect();
        let size = |layer: &LayerId| {
            let found = self.store().layer(layer).ok().flatten();
            found.map_or(0, |layer| layer.size)
        };
        let entries = cache.entries().map_err(self.cache_failed("read"))?;
        let chosen = choose(entries, filter, &of_images, &size).into_iter();
        chosen
            .map(|entry| {
                cache.forget(&entry).map_err(self.cache_failed("change"))?;
                Ok(entry.key)
            })
            .collect()
    }

    fn cache_failed(&self, action: &'static str) -> impl FnOnce(std::io::Error) -> EngineError {
        EngineError::io(action, self.store().root().join("build-cache"))
    }
}

/// The steps to forget.
fn choose(
    mut entries: Vec<Entry>,
    filter: &CachePruneFilter,
    of_images: &HashSet<LayerId>,
    size: &dyn Fn(&LayerId) -> u64,
) -> Vec<Entry> {
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.used));
    let (mut kept, mut seen) = (0, HashSet::new());
    entries.retain(|entry| {
        let too_new = filter.until.is_some_and(|until| entry.used > SystemTime::from(until));
        let other = !filter.ids.is_empty() && !filter.ids.iter().any(|id| entry.key.starts_with(id.as_str()));
        // One that changed nothing takes no space, and an image may well have been made with it.
        let of_image = entry.layer.is_none_or(|layer| of_images.contains(&layer));
        if too_new || other || (of_image && !filter.all) {
            return false;
        }
        let own = entry.layer.filter(|layer| !of_image && seen.insert(*layer));
        kept += own.as_ref().map_or(0, size);
        filter.keep_bytes == 0 || kept > filter.keep_bytes
    });
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps of layers `0`, `1`, …, used so many hours ago.
    fn entries(ages: &[u64]) -> Vec<Entry> {
        let now = SystemTime::now();
        let entry = |(number, hours): (usize, &u64)| {
            let used = now - Duration::from_secs(hours * 3600);
            Entry { key: number.to_string(), layer: Some(layer(number)), used }
        };
        ages.iter().enumerate().map(entry).collect()
    }

    fn layer(number: usize) -> LayerId {
        LayerId::from(image::Digest::of(number.to_string().as_bytes()))
    }

    fn chosen(ages: &[u64], filter: CachePruneFilter, of_images: &[usize]) -> Vec<String> {
        let of_images = of_images.iter().map(|number| layer(*number)).collect();
        let chosen = choose(entries(ages), &filter, &of_images, &|_| 10);
        chosen.into_iter().map(|entry| entry.key).collect()
    }

    #[test]
    fn steps_of_images_go_only_when_all_are_to() {
        let filter = CachePruneFilter::default();
        assert_eq!(chosen(&[1, 2], filter.clone(), &[1]), ["0"]);
        assert_eq!(chosen(&[1, 2], CachePruneFilter { all: true, ..filter }, &[1]), ["0", "1"]);
    }

    #[test]
    fn the_newest_are_kept_up_to_a_size() {
        let filter = CachePruneFilter { keep_bytes: 20, ..CachePruneFilter::default() };
        assert_eq!(chosen(&[3, 1, 2, 4], filter, &[]), ["0", "3"]);
    }

    #[test]
    fn filters_choose_by_age_and_id() {
        let until = Some(time::OffsetDateTime::now_utc() - time::Duration::hours(2));
        assert_eq!(chosen(&[1, 3], CachePruneFilter { until, ..CachePruneFilter::default() }, &[]), ["1"]);
        let ids = vec!["1".to_owned()];
        assert_eq!(chosen(&[1, 3], CachePruneFilter { ids, ..CachePruneFilter::default() }, &[]), ["1"]);
    }
}
