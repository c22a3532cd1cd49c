//! Mounts, secrets and configs.

use super::{About, provider};
use crate::spec::{
    BindMount, Declared, MountKind, MountSpec, Propagation, TmpfsMount, VolumeMount, VolumeName,
};
use compose::model::{self, Project, Service, VolumesFromSource};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(super) fn mounts(project: &Project, service: &Service, about: &About) -> Result<Vec<MountSpec>, String> {
    let storage = &service.storage;
    let mut out: Vec<MountSpec> =
        storage.mounts.iter().map(|mount| one(project, mount, about)).collect::<Result<_, _>>()?;
    for tmpfs in &storage.tmpfs {
        let kind = MountKind::Tmpfs(TmpfsMount::parse(&tmpfs.options).map_err(|error| error.to_string())?);
        out.push(MountSpec {
            target: (&tmpfs.target).into(),
            read_only: false,
            kind,
            declared: Declared::Short,
        });
    }
    let secrets = about.files.secrets.iter().map(|(used, path)| (&used.target, path));
    let configs = about.files.configs.iter().map(|(used, path)| (&used.target, path));
    out.extend(secrets.chain(configs).map(|(target, path)| file(target, path)));
    out.extend(inherited(&out, about)?);
    Ok(out)
}

fn one(project: &Project, mount: &model::Mount, about: &About) -> Result<MountSpec, String> {
    let (kind, declared) = match &mount.kind {
        model::MountKind::Bind(bind) => (MountKind::Bind(bind_mount(bind)?), Declared::Short),
        model::MountKind::Volume(volume) => {
            (MountKind::Volume(volume_mount(project, mount, volume, about)?), Declared::Long)
        }
        model::MountKind::Tmpfs { size, mode } => {
            let tmpfs = TmpfsMount { size: *size, mode: *mode, options: Vec::new() };
            (MountKind::Tmpfs(tmpfs), Declared::Long)
        }
        model::MountKind::Image { source, .. } => {
            return Err(format!(
                "the image `{source}` cannot be mounted yet; copy what is needed from it when the service's image is built"
            ));
        }
    };
    Ok(MountSpec { target: (&mount.target).into(), read_only: mount.read_only, kind, declared })
}

fn bind_mount(bind: &model::BindMount) -> Result<BindMount, String> {
    let propagation = match &bind.propagation {
        Some(text) => Some(Propagation::parse(text).ok_or_else(|| format!("`{text}` is no propagation"))?),
        None => None,
    };
    Ok(BindMount {
        source: bind.source.clone(),
        create_source: bind.create_host_path,
        propagation,
        recursive: bind.recursive.as_deref() != Some("disabled"),
    })
}

fn volume_mount(
    project: &Project,
    mount: &model::Mount,
    volume: &model::VolumeMount,
    about: &About,
) -> Result<VolumeMount, String> {
    let declared = volume.source.as_ref().and_then(|key| project.volumes.get(key.as_str()));
    let name = match declared {
        Some(declared) => Some(declared.name.as_str()),
        None => about.inherits.get(&mount.target).map(String::as_str),
    };
    Ok(VolumeMount {
        name: name.map(volume_name).transpose()?,
        labels: volume.labels.clone(),
        no_copy: volume.nocopy,
        subpath: volume.subpath.as_ref().map(PathBuf::from),
        ..VolumeMount::default()
    })
}

fn volume_name(text: &str) -> Result<VolumeName, String> {
    VolumeName::parse(text).map_err(|error| error.to_string())
}

/// A file of the host, read-only.
fn file(target: &str, path: &Path) -> MountSpec {
    let bind =
        BindMount { source: path.to_owned(), create_source: false, propagation: None, recursive: true };
    MountSpec {
        target: target.into(),
        read_only: true,
        kind: MountKind::Bind(bind),
        declared: Declared::Long,
    }
}

/// Anonymous volumes of the image's own that the replaced container had.
fn inherited(mounts: &[MountSpec], about: &About) -> Result<Vec<MountSpec>, String> {
    let taken: BTreeSet<&Path> = mounts.iter().map(|mount| mount.target.as_path()).collect();
    let free = about.inherits.iter().filter(|(target, _)| !taken.contains(Path::new(target.as_str())));
    free.map(|(target, name)| {
        let volume = VolumeMount { name: Some(volume_name(name)?), ..VolumeMount::default() };
        let kind = MountKind::Volume(volume);
        Ok(MountSpec { target: target.into(), read_only: false, kind, declared: Declared::Long })
    })
    .collect()
}

pub(super) fn volumes_from(service: &Service, about: &About) -> Result<Vec<String>, String> {
    let one = |from: &model::VolumesFrom| {
        let container = match &from.source {
            VolumesFromSource::Service(service) => provider(about, service)?.to_owned(),
            VolumesFromSource::Container(name) => name.clone(),
        };
        Ok(if from.read_only { format!("{container}:ro") } else { container })
    };
    service.storage.volumes_from.iter().map(one).collect()
}
