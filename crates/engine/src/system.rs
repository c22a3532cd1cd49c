//! What the engine is and what it holds.

use crate::{
    Engine,
    error::EngineError,
    op::ContainerFilter,
    records::Phase,
    snapshot::{DiskUsage, ImageSummary, SystemInfo},
};
use image::{Image, LayerId, Store, StoreError};
use std::{
    collections::{HashMap, HashSet},
    fs,
    sync::Arc,
};

impl Engine {
    /// What the engine and its host are.
    pub async fn info(&self) -> Result<SystemInfo, EngineError> {
        self.blocking(|engine| engine.info_blocking()).await
    }

    fn info_blocking(&self) -> Result<SystemInfo, EngineError> {
        let images = self.store().list().map_err(EngineError::store)?.len();
        let state = self.state();
        let paused = state.containers.values().filter(|container| container.live.paused).count();
        let running = state
            .containers
            .values()
            .filter(|container| matches!(container.state.phase, Phase::Running(_)))
            .count();
        let name = rustix::system::uname();
        let release = os_release();
        Ok(SystemInfo {
            id: self.instance_id(),
            root: self.inner.config.root.clone(),
            running: running - paused,
            paused,
            stopped: state.containers.len() - running,
            images,
            hostname: name.nodename().to_string_lossy().into_owned(),
            kernel: name.release().to_string_lossy().into_owned(),
            operating_system: release("PRETTY_NAME"),
            os_version: release("VERSION_ID"),
            architecture: name.machine().to_string_lossy().into_owned(),
            cpus: std::thread::available_parallelism().map_or(1, Into::into),
            memory: memory_total(),
            cgroup_version: if self.inner.host.cgroup_v2 { 2 } else { 1 },
            event_listeners: self.inner.events.listeners(),
            warnings: crate::doctor::warnings(),
        })
    }

    /// Stable for a root.
    fn instance_id(&self) -> String {
        use sha2::{Digest as _, Sha256};
        let digest = Sha256::digest(self.inner.config.root.as_os_str().as_encoded_bytes());
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// What takes space on disk.
    pub async fn disk_usage(&self) -> Result<DiskUsage, EngineError> {
        let everything = ContainerFilter { all: true, size: true, ..ContainerFilter::default() };
        let containers = self.containers(&everything).await?;
        self.blocking(move |engine| {
            let images = engine.store().list().map_err(EngineError::store)?;
            let sizes = LayerSizes::of(engine.store(), &images).map_err(EngineError::store)?;
            let cached = engine.cached_layers();
            let mut volumes = Vec::new();
            let names: Vec<_> = engine.state().volumes.keys().cloned().collect();
            for name in names {
                let mut snapshot = engine.volume_snapshot(&name)?;
                snapshot.size = Some(crate::disk::tree_size(&snapshot.mountpoint));
                volumes.push(snapshot);
            }
            Ok(DiskUsage {
                layers: sizes.used(),
                images: images
                    .iter()
                    .map(|image| {
                        let shared_size = Some(sizes.shared(image));
                        ImageSummary { shared_size, ..engine.image_summary(image) }
                    })
                    .collect(),
                containers,
                volumes,
                build_cache: sizes.only_in(&cached),
            })
        })
        .await
    }
}

/// The sizes of layers, and how many images have each.
struct LayerSizes {
    layers: HashMap<LayerId, (u64, usize)>,
}

impl LayerSizes {
    fn of(store: &Store, images: &[Arc<Image>]) -> Result<Self, StoreError> {
        let known = store.layers()?;
        let mut layers: HashMap<_, _> = known.into_iter().map(|layer| (layer.id, (layer.size, 0))).collect();
        for id in images.iter().flat_map(|image| &image.layers) {
            if let Some((_, users)) = layers.get_mut(id) {
                *users += 1;
            }
        }
        Ok(Self { layers })
    }

    /// Bytes of the layers that images have, each once.
    fn used(&self) -> u64 {
        self.layers.values().filter(|(_, users)| *users > 0).map(|(size, _)| size).sum()
    }

    /// Bytes of the layers that another image has, too.
    fn shared(&self, image: &Image) -> u64 {
        let known = image.layers.iter().filter_map(|id| self.layers.get(id));
        known.filter(|(_, users)| *users > 1).map(|(size, _)| size).sum()
    }

    /// Bytes of the layers among `these` that no image has.
    fn only_in(&self, these: &HashSet<LayerId>) -> u64 {
        let known = these.iter().filter_map(|id| self.layers.get(id));
        known.filter(|(_, users)| *users == 0).map(|(size, _)| size).sum()
    }
}

fn os_release() -> impl Fn(&str) -> String {
    let text = fs::read_to_string("/etc/os-release").or_else(|_| fs::read_to_string("/usr/lib/os-release"));
    let text = text.unwrap_or_default();
    move |key| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    }
}

/// Bytes of memory of the host.
pub(crate) fn memory_total() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(u64::MAX, |kib| kib * 1024)
}
