//! Making a container: its record, its directories and its volumes, but no process.

use super::mounts::Planned;
use crate::{
    Engine,
    error::EngineError,
    id::ContainerId,
    names,
    oci::{capabilities, resolve},
    op::Created,
    records::{ContainerRecord, Entry, MountRecord},
    spec::{ContainerSpec, EndpointSpec, NamespaceMode, NetworkMode},
    state::{Container, State},
};
use image::Image;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::Path,
    sync::Arc,
};
use time::OffsetDateTime;

impl Engine {
    /// Makes a container. Half-made ones are removed by the next engine if this one dies.
    pub async fn create(&self, spec: ContainerSpec) -> Result<Created, EngineError> {
        self.blocking(move |engine| engine.create_blocking(spec)).await
    }

    fn create_blocking(&self, spec: ContainerSpec) -> Result<Created, EngineError> {
        let image = self.find_image(&spec.image)?;
        let process = resolve::process(&spec, &image.config.config)?;
        capabilities::effective(&spec.security).map_err(crate::oci::config::ConfigError::from)?;
        let mut warnings = Vec::new();
        let networks = self.resolve_networks(&spec)?;
        let planned = self.plan_mounts(&spec, &image)?;
        let id = ContainerId::random();
        let record = ContainerRecord {
            name: String::new(),
            created: OffsetDateTime::now_utc(),
            image_id: image.id.to_string(),
            hostname: hostname(&id, &spec),
            process,
            mounts: planned.iter().map(|mount| mount.record.clone()).collect(),
            networks,
            half_made: true,
            id,
            spec,
        };
        warn_of_limits(&record.spec, &mut warnings);
        let record = self.reserve_name(record)?;
        // From here on the image counts as used; a removal may have been quicker.
        if let Err(error) = self.find_image(&record.image_id) {
            self.abandon(&record);
            return Err(error);
        }
        if let Err(error) = self.make_container_files(&record, &planned, &image) {
            self.abandon(&record);
            return Err(error);
        }
        let id = record.id.clone();
        self.commit(Entry::Container(Box::new(ContainerRecord { half_made: false, ..record })))?;
        self.container_event_of(&id, "create", &[]);
        Ok(Created { id, warnings })
    }

    /// Gives the container its name and writes it down as half made, both at once.
    fn reserve_name(&self, mut record: ContainerRecord) -> Result<ContainerRecord, EngineError> {
        let mut state = self.state();
        record.name = match &record.spec.name {
            None => names::generate(|name| state.names.contains_key(name)),
            Some(name) => match state.names.get(name.as_str()) {
                None => name.as_str().to_owned(),
                Some(holder) => {
                    return Err(EngineError::NameTaken { name: name.to_string(), holder: holder.clone() });
                }
            },
        };
        self.commit_locked(&mut state, Entry::Container(Box::new(record.clone())))?;
        Ok(record)
    }

    fn make_container_files(
        &self,
        record: &ContainerRecord,
        mounts: &[Planned],
        image: &Image,
    ) -> Result<(), EngineError> {
        let dir = self.container_dir(&record.id);
        let make = |path: std::path::PathBuf, mode: u32| {
            fs::DirBuilder::new()
                .mode(mode)
                .create(&path)
                .map_err(EngineError::io("make the directory", path))
        };
        make(dir.clone(), 0o710)?;
        make(dir.join("upper"), 0o755)?;
        if let Some(top) = self.store().lower_dirs(image).first() {
            take_attributes(top, &dir.join("upper"))?;
        }
        make(dir.join("work"), 0o711)?;
        for mount in mounts {
            self.make_mount_source(mount, record, image)?;
        }
        Ok(())
    }

    /// Removes what a failed creation made.
    fn abandon(&self, record: &ContainerRecord) {
        let _ = fs::remove_dir_all(self.container_dir(&record.id));
        self.remove_anonymous_volumes(record);
        if let Err(error) = self.commit(Entry::ContainerRemoved { id: record.id.clone() }) {
            tracing::warn!(%error, container = record.name, "a half-made container stays recorded");
        }
    }

    /// The networks by id, with what was asked for in each; checks the modes that name other containers.
    pub(crate) fn resolve_networks(
        &self,
        spec: &ContainerSpec,
    ) -> Result<BTreeMap<crate::id::NetworkId, EndpointSpec>, EngineError> {
        if let Some(what) = spec.network.conflict() {
            let mode = &spec.network.mode;
            return Err(EngineError::BadParameter(format!(
                "conflicting options: {what} and the network mode {mode}"
            )));
        }
        let mode_network = match &spec.network.mode {
            NetworkMode::Host | NetworkMode::None => return Ok(BTreeMap::new()),
            NetworkMode::Container(other) => {
                self.state().find(other)?;
                return Ok(BTreeMap::new());
            }
            NetworkMode::Default => crate::networks::DEFAULT_NETWORK.to_owned(),
            NetworkMode::Network(name) => name.clone(),
        };
        let mut resolved = BTreeMap::new();
        let mode_id = self.network_id_or_default(&mode_network)?;
        for (name, endpoint) in &spec.network.endpoints {
            let known = if name == "default" { &mode_network } else { name };
            resolved.insert(self.network_id_or_default(known)?, endpoint.clone());
        }
        let main = resolved.entry(mode_id).or_insert_with(EndpointSpec::default);
        main.mac_address = main.mac_address.take().or_else(|| spec.network.mac_address.clone());
        let state = self.state();
        for (id, endpoint) in &resolved {
            check_fixed_address(&state, id, endpoint)?;
        }
        Ok(resolved)
    }

    /// The image a container is made of.
    pub(crate) fn find_image(&self, name: &str) -> Result<Arc<Image>, EngineError> {
        self.store().resolve(name).map_err(|error| Self::image_error(name, error))
    }
}

/// The writable layer's own directory is what the container sees as `/`: it gets owner and mode of the image's.
fn take_attributes(from: &Path, to: &Path) -> Result<(), EngineError> {
    let found = fs::metadata(from).map_err(EngineError::io("read the attributes of", from))?;
    let taken = std::os::unix::fs::chown(to, Some(found.uid()), Some(found.gid()))
        .and_then(|()| fs::set_permissions(to, found.permissions()));
    taken.map_err(EngineError::io("set the attributes of", to))
}

/// A fixed address must lie in the network's subnet; whether it is taken is known when the container starts.
fn check_fixed_address(
    state: &State,
    id: &crate::id::NetworkId,
    endpoint: &EndpointSpec,
) -> Result<(), EngineError> {
    let Some(network) = state.networks.get(id) else { return Ok(()) };
    let wanted =
        endpoint.ipv4.map(std::net::IpAddr::V4).into_iter().chain(endpoint.ipv6.map(std::net::IpAddr::V6));
    for address in wanted {
        if !network.spec.subnets.iter().any(|subnet| subnet.net.contains(&address)) {
            let subnets: Vec<String> =
                network.spec.subnets.iter().map(|subnet| subnet.net.to_string()).collect();
            return Err(EngineError::BadParameter(format!(
                "the address {address} is not in the network {} ({})",
                network.name,
                subnets.join(", ")
            )));
        }
    }
    Ok(())
}

/// The short id, unless told otherwise; none in another's UTS namespace.
fn hostname(id: &ContainerId, spec: &ContainerSpec) -> String {
    match (&spec.hostname, &spec.network.mode, &spec.security.uts) {
        (Some(name), _, _) => name.clone(),
        (None, NetworkMode::Host, _) | (None, _, NamespaceMode::Host) => {
            rustix::system::uname().nodename().to_string_lossy().into_owned()
        }
        _ => id.short().to_owned(),
    }
}

fn warn_of_limits(spec: &ContainerSpec, warnings: &mut Vec<String>) {
    if spec.resources.oom_kill_disable && spec.resources.memory.is_none() {
        warnings.push(
            "the OOM killer is disabled without a memory limit: the host itself may run out".to_owned(),
        );
    }
}

impl Container {
    /// The mounts of the container that are volumes.
    pub(crate) fn volume_mounts(&self) -> impl Iterator<Item = &MountRecord> {
        self.record.mounts.iter().filter(|mount| mount.volume.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_root_directory_has_the_mode_of_the_images() {
        let dir = tempfile::tempdir().unwrap();
        let (image, upper) = (dir.path().join("image"), dir.path().join("upper"));
        for path in [&image, &upper] {
            fs::create_dir(path).unwrap();
        }
        fs::set_permissions(&image, fs::Permissions::from_mode(0o1750)).unwrap();
        take_attributes(&image, &upper).unwrap();
        assert_eq!(fs::metadata(&upper).unwrap().permissions().mode() & 0o7777, 0o1750);
    }
}
