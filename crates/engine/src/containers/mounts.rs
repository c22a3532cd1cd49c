//! From mounts as they were asked for to sources on the host.

use crate::{
    Engine,
    error::EngineError,
    id::ContainerId,
    oci::mounts::{ReadyMount, ReadySource},
    records::{ContainerRecord, MountRecord},
    snapshot::MountType,
    spec::{ContainerSpec, Declared, LocalVolume, MountKind, MountSpec, VolumeMount, VolumeName},
};
use image::Image;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// A mount with its source decided, and what is to be done before it can be used.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) record: MountRecord,
    create_source: bool,
    volume: Option<VolumeMount>,
}

impl Engine {
    /// Decides the source of each mount: the container's own, those of `--volumes-from`, and the image's volumes.
    pub(super) fn plan_mounts(
        &self,
        spec: &ContainerSpec,
        image: &Image,
    ) -> Result<Vec<Planned>, EngineError> {
        let mut planned: Vec<Planned> =
            spec.mounts.iter().map(|mount| self.plan_mount(mount)).collect::<Result<_, _>>()?;
        for other in &spec.volumes_from {
            for record in self.volumes_from(other)? {
                if !covers(&planned, &record.target) {
                    planned.push(Planned { record, create_source: false, volume: None });
                }
            }
        }
        for target in image.config.config.volumes.keys().map(PathBuf::from) {
            let target = normal(&target);
            if !covers(&planned, &target) {
                planned.push(self.plan_mount(&anonymous(target))?);
            }
        }
        Ok(planned)
    }

    fn plan_mount(&self, mount: &MountSpec) -> Result<Planned, EngineError> {
        let mut record = MountRecord {
            kind: MountType::Bind,
            volume: None,
            anonymous: false,
            source: PathBuf::new(),
            target: normal(&mount.target),
            read_only: mount.read_only,
            propagation: None,
            recursive: true,
            tmpfs: None,
            declared: mount.declared,
        };
        match &mount.kind {
            MountKind::Bind(bind) => {
                refuse_missing_source(bind.create_source, &bind.source)?;
                record.source = bind.source.clone();
                record.propagation = bind.propagation;
                record.recursive = bind.recursive;
                Ok(Planned { record, create_source: bind.create_source, volume: None })
            }
            MountKind::Volume(volume) => {
                let name = volume.name.clone().map_or_else(random_volume_name, Ok)?;
                record.kind = MountType::Volume;
                // A replaced container hands its anonymous volumes on by name.
                record.anonymous =
                    self.state().volumes.get(&name).map_or(volume.name.is_none(), |known| known.anonymous);
                record.source = self.volume_data(&name);
                record.volume = Some(name);
                Ok(Planned { record, create_source: false, volume: Some(volume.clone()) })
            }
            MountKind::Tmpfs(tmpfs) => {
                record.kind = MountType::Tmpfs;
                record.tmpfs = Some(tmpfs.clone());
                Ok(Planned { record, create_source: false, volume: None })
            }
        }
    }

    /// The mounts of another container: `name[:ro|rw]`.
    fn volumes_from(&self, text: &str) -> Result<Vec<MountRecord>, EngineError> {
        let (name, mode) = text.rsplit_once(':').unwrap_or((text, ""));
        let state = self.state();
        let container = state.container(&state.find(name)?)?;
        let mounts = container.record.mounts.iter().filter(|mount| mount.kind != MountType::Tmpfs);
        let taken = mounts.map(|mount| MountRecord {
            read_only: mode == "ro" || mount.read_only && mode != "rw",
            anonymous: false,
            ..mount.clone()
        });
        Ok(taken.collect())
    }

    /// Makes what a mount needs: the directory of `-v`, the volume, its first content.
    pub(super) fn make_mount_source(
        &self,
        mount: &Planned,
        container: &ContainerRecord,
        image: &Image,
    ) -> Result<(), EngineError> {
        if mount.create_source && !mount.record.source.exists() {
            let path = &mount.record.source;
            fs::create_dir_all(path).map_err(EngineError::io("make the directory", path))?;
        }
        let (Some(volume), Some(name)) = (&mount.volume, &mount.record.volume) else { return Ok(()) };
        self.ensure_volume(name, volume, mount.record.anonymous)?;
        if !volume.no_copy && volume.subpath.is_none() {
            self.fill_volume(name, &mount.record.target, image)
                .map_err(|error| with_container(error, &container.name))?;
        }
        Ok(())
    }

    /// The mounts for the runtime.
    pub(crate) fn ready_mounts(&self, record: &ContainerRecord) -> Result<Vec<ReadyMount>, EngineError> {
        record.mounts.iter().map(|mount| self.ready_mount(record, mount)).collect()
    }

    fn ready_mount(&self, record: &ContainerRecord, mount: &MountRecord) -> Result<ReadyMount, EngineError> {
        let local = mount.volume.as_ref().map_or(LocalVolume::Directory, |name| self.local_volume(name));
        let path = |path, recursive| ReadySource::Path { path, propagation: mount.propagation, recursive };
        let (source, read_only) = match (&mount.tmpfs, local) {
            (Some(tmpfs), _) if mount.kind == MountType::Tmpfs => (ReadySource::Tmpfs(tmpfs.clone()), false),
            (_, LocalVolume::Tmpfs(tmpfs)) => (ReadySource::Tmpfs(tmpfs), false),
            (_, LocalVolume::Bind { device, recursive, read_only }) => {
                refuse_missing_device(mount, &device)?;
                (path(self.below_volume(record, mount, &device)?, recursive), read_only)
            }
            (_, LocalVolume::Directory) => {
                if mount.kind == MountType::Bind {
                    refuse_missing_source(false, &mount.source)?;
                }
                (path(self.below_volume(record, mount, &mount.source)?, mount.recursive), false)
            }
        };
        Ok(ReadyMount { target: mount.target.clone(), read_only: mount.read_only || read_only, source })
    }

    /// The path to mount, resolved inside the volume when only a part of it is asked for.
    fn below_volume(
        &self,
        record: &ContainerRecord,
        mount: &MountRecord,
        volume: &Path,
    ) -> Result<PathBuf, EngineError> {
        let asked = record.spec.mounts.iter().find(|asked| normal(&asked.target) == mount.target);
        let subpath = asked.and_then(|asked| match &asked.kind {
            MountKind::Volume(volume) => volume.subpath.clone(),
            _ => None,
        });
        let Some(subpath) = subpath else { return Ok(volume.to_owned()) };
        let root = beneath::Root::open(volume).map_err(EngineError::io("open the volume", volume))?;
        let real = root.real_path(&subpath).map_err(|error| {
            EngineError::BadParameter(format!("the path {} in the volume: {error}", subpath.display()))
        })?;
        Ok(volume.join(real.strip_prefix("/").unwrap_or(&real)))
    }

    /// Names of the containers that mount a volume.
    pub(crate) fn volume_users(&self) -> BTreeMap<VolumeName, Vec<(ContainerId, String)>> {
        let mut users: BTreeMap<VolumeName, Vec<(ContainerId, String)>> = BTreeMap::new();
        for container in self.state().containers.values() {
            for name in container.volume_mounts().filter_map(|mount| mount.volume.clone()) {
                users
                    .entry(name)
                    .or_default()
                    .push((container.record.id.clone(), container.record.name.clone()));
            }
        }
        users
    }
}

fn with_container(error: EngineError, container: &str) -> EngineError {
    tracing::warn!(%error, container, "a volume could not be filled with the image's content");
    error
}

fn refuse_missing_source(may_be_made: bool, source: &Path) -> Result<(), EngineError> {
    if may_be_made || source.exists() {
        return Ok(());
    }
    Err(EngineError::BadParameter(format!(
        "invalid mount config for type \"bind\": bind source path does not exist: {}",
        source.display()
    )))
}

fn refuse_missing_device(mount: &MountRecord, device: &Path) -> Result<(), EngineError> {
    if device.exists() {
        return Ok(());
    }
    let volume = mount.volume.as_ref().map(ToString::to_string).unwrap_or_default();
    Err(EngineError::BadParameter(format!(
        "failed to mount local volume {volume}: its device {} does not exist on this host",
        device.display()
    )))
}

fn covers(planned: &[Planned], target: &Path) -> bool {
    planned.iter().any(|mount| mount.record.target == *target)
}

/// Absolute, without `.`, `..` and doubled slashes.
pub(crate) fn normal(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut normal = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => drop(normal.pop()),
            _ => {}
        }
    }
    normal
}

fn anonymous(target: PathBuf) -> MountSpec {
    MountSpec {
        target,
        read_only: false,
        kind: MountKind::Volume(VolumeMount::default()),
        declared: Declared::Anonymous,
    }
}

fn random_volume_name() -> Result<VolumeName, EngineError> {
    let id = ContainerId::random();
    VolumeName::parse(id.as_str()).map_err(|error| EngineError::BadParameter(error.to_string()))
}
