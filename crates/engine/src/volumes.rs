//! Volumes: directories that outlive containers.

use crate::{
    Engine,
    error::EngineError,
    event::EventKind,
    id::ContainerId,
    op::{PruneFilter, Removal, VolumeFilter, VolumeRequest},
    records::{Entry, VolumeRecord},
    snapshot::VolumeSnapshot,
    spec::{LocalVolume, VolumeMount, VolumeName},
};
use image::{Image, View, ViewError};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};
use time::OffsetDateTime;

impl Engine {
    /// Where a volume's content is.
    pub(crate) fn volume_data(&self, name: &VolumeName) -> PathBuf {
        self.volume_dir(name).join("_data")
    }

    fn volume_dir(&self, name: &VolumeName) -> PathBuf {
        self.inner.config.root.join("volumes").join(name.as_str())
    }

    /// Makes a volume; one that is there already with the same driver is answered as it is.
    pub async fn volume_create(&self, request: VolumeRequest) -> Result<VolumeSnapshot, EngineError> {
        self.blocking(move |engine| {
            let anonymous = request.name.is_none();
            let name = match request.name {
                Some(name) => name,
                None => VolumeName::parse(ContainerId::random().as_str())
                    .map_err(|error| EngineError::BadParameter(error.to_string()))?,
            };
            let wanted = VolumeMount {
                driver: request.driver,
                driver_options: request.options,
                labels: request.labels,
                ..VolumeMount::default()
            };
            engine.ensure_volume(&name, &wanted, anonymous)?;
            engine.volume_snapshot(&name)
        })
        .await
    }

    /// Makes a volume unless it is there.
    pub(crate) fn ensure_volume(
        &self,
        name: &VolumeName,
        wanted: &VolumeMount,
        anonymous: bool,
    ) -> Result<(), EngineError> {
        if let Some(driver) = wanted.driver.as_deref().filter(|driver| *driver != "local") {
            return Err(EngineError::BadParameter(format!(
                "volume {name}: no driver {driver:?}; the only one is local"
            )));
        }
        LocalVolume::parse(&wanted.driver_options)
            .map_err(|error| EngineError::BadParameter(format!("volume {name}: {error}")))?;
        if self.record_volume(name, wanted, anonymous)? {
            self.volume_event(name, "create");
        }
        // Also when it was recorded before: an engine may have died in between.
        let data = self.volume_data(name);
        let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(&data);
        made.map_err(EngineError::io("make the directory", &data))
    }

    /// Writes a volume down unless it is; whether it was not.
    fn record_volume(
        &self,
        name: &VolumeName,
        wanted: &VolumeMount,
        anonymous: bool,
    ) -> Result<bool, EngineError> {
        let mut state = self.state();
        if state.volumes.contains_key(name) {
            return Ok(false);
        }
        let record = VolumeRecord {
            name: name.clone(),
            created: OffsetDateTime::now_utc(),
            anonymous,
            labels: wanted.labels.clone(),
            options: wanted.driver_options.clone(),
            filled: false,
        };
        self.commit_locked(&mut state, Entry::Volume(Box::new(record)))?;
        Ok(true)
    }

    /// Where a volume's content is, by its options.
    pub(crate) fn local_volume(&self, name: &VolumeName) -> LocalVolume {
        let options = self.state().volumes.get(name).map(|record| record.options.clone());
        // They were checked when it was made.
        LocalVolume::parse(&options.unwrap_or_default()).unwrap_or(LocalVolume::Directory)
    }

    /// Copies the image's content at `target` into a volume that was never used, with ownership and modes.
    pub(crate) fn fill_volume(
        &self,
        name: &VolumeName,
        target: &Path,
        image: &Image,
    ) -> Result<(), EngineError> {
        let record = self.state().volumes.get(name).cloned();
        let Some(record) = record.filter(|record| !record.filled) else { return Ok(()) };
        let data = match self.local_volume(name) {
            LocalVolume::Directory => self.volume_data(name),
            LocalVolume::Bind { device, .. } => device,
            LocalVolume::Tmpfs(_) => return Ok(()),
        };
        if fs::read_dir(&data).is_ok_and(|mut entries| entries.next().is_none()) {
            match View::new(self.store().lower_dirs(image)).copy_tree(target, &data) {
                Ok(()) | Err(ViewError::NotFound { .. }) => {}
                Err(error) => return Err(EngineError::store(error)),
            }
        }
        self.commit(Entry::Volume(Box::new(VolumeRecord { filled: true, ..record })))
    }

    /// The volumes a filter takes, by name.
    pub async fn volumes(&self, filter: &VolumeFilter) -> Result<Vec<VolumeSnapshot>, EngineError> {
        let users = self.volume_users();
        let names: Vec<VolumeName> = self.state().volumes.keys().cloned().collect();
        let mut found = Vec::new();
        for name in names {
            let snapshot = self.volume_snapshot(&name)?;
            let dangling = !users.contains_key(&name);
            let any = |wanted: &[String], test: &dyn Fn(&str) -> bool| {
                wanted.is_empty() || wanted.iter().any(|one| test(one))
            };
            let taken = any(&filter.names, &|part| name.as_str().contains(part))
                && any(&filter.drivers, &|driver| driver == "local")
                && filter.labels.iter().all(|label| label.matches(&snapshot.labels))
                && filter.dangling.is_none_or(|wanted| wanted == dangling);
            if taken {
                found.push(snapshot);
            }
        }
        Ok(found)
    }

    /// Everything about a volume.
    pub async fn volume(&self, name: &str) -> Result<VolumeSnapshot, EngineError> {
        let name = VolumeName::parse(name).map_err(|_| EngineError::NoSuchVolume(name.to_owned()))?;
        self.volume_snapshot(&name)
    }

    pub(crate) fn volume_snapshot(&self, name: &VolumeName) -> Result<VolumeSnapshot, EngineError> {
        let used_by = self.volume_users().get(name).map_or(0, Vec::len);
        let state = self.state();
        let record = state.volumes.get(name).ok_or_else(|| EngineError::NoSuchVolume(name.to_string()))?;
        Ok(VolumeSnapshot {
            name: name.clone(),
            created: record.created,
            mountpoint: self.volume_data(name),
            anonymous: record.anonymous,
            labels: record.labels.clone(),
            options: record.options.clone(),
            used_by,
            size: None,
        })
    }

    /// Removes a volume that no container has.
    pub async fn volume_remove(&self, name: &str, force: bool) -> Result<(), EngineError> {
        let parsed = VolumeName::parse(name).ok().filter(|name| self.state().volumes.contains_key(name));
        let Some(name) = parsed else {
            return if force { Ok(()) } else { Err(EngineError::NoSuchVolume(name.to_owned())) };
        };
        self.blocking(move |engine| {
            if let Some((_, user)) = engine.volume_users().get(&name).and_then(|users| users.first()) {
                return Err(EngineError::InUse {
                    what: format!("volume {name}"),
                    by: format!("container {user}"),
                });
            }
            engine.delete_volume(&name)
        })
        .await
    }

    /// The record last: an engine that dies in between finds it and can remove the volume again.
    pub(crate) fn delete_volume(&self, name: &VolumeName) -> Result<(), EngineError> {
        crate::containers::remove_tree(&self.volume_dir(name))?;
        self.commit(Entry::VolumeRemoved { name: name.clone() })?;
        self.volume_event(name, "destroy");
        Ok(())
    }

    /// Removes volumes that no container has: those without a name, or with `all` every one.
    pub async fn prune_volumes(&self, filter: &PruneFilter) -> Result<Removal, EngineError> {
        let filter = filter.clone();
        self.blocking(move |engine| {
            let users = engine.volume_users();
            let records: Vec<VolumeRecord> = engine.state().volumes.values().cloned().collect();
            let mut removal = Removal::default();
            for record in records {
                let unused = !users.contains_key(&record.name);
                if unused && (filter.all || record.anonymous) && filter.takes(&record.labels, record.created)
                {
                    let size = crate::disk::tree_size(&engine.volume_data(&record.name));
                    engine.delete_volume(&record.name)?;
                    removal.removed.push(record.name.to_string());
                    removal.reclaimed += size;
                }
            }
            Ok(removal)
        })
        .await
    }

    fn volume_event(&self, name: &VolumeName, action: &str) {
        let attributes = BTreeMap::from([("driver".to_owned(), "local".to_owned())]);
        self.tell(EventKind::Volume, action, name.as_str(), attributes);
    }
}
