//! Networks: making, finding, removing, and joining them while a container runs.

use crate::{
    Engine,
    error::EngineError,
    event::EventKind,
    id::{ContainerId, NetworkId},
    op::{IpamPool, NetworkDriver, NetworkFilter, NetworkRequest, PruneFilter, Removal},
    records::{ContainerRecord, Entry, NetworkRecord, Phase},
    snapshot::{NetworkMember, NetworkSnapshot},
    spec::{EndpointSpec, NetworkMode},
    state::State,
};
use network::plan::{NetworkRequest as PlanRequest, SubnetRequest, plan_network};
use std::{collections::BTreeMap, sync::Arc};
use time::OffsetDateTime;

/// The network of containers that name none, made when the first one needs it.
pub(crate) const DEFAULT_NETWORK: &str = "bridge";

/// Names that stand for modes, not for networks that can be made.
const MODES: [&str; 3] = ["host", "none", "default"];

impl Engine {
    /// Makes a network.
    pub async fn network_create(&self, request: NetworkRequest) -> Result<NetworkId, EngineError> {
        self.blocking(move |engine| engine.make_network(request)).await
    }

    fn make_network(&self, request: NetworkRequest) -> Result<NetworkId, EngineError> {
        if request.name.is_empty() {
            return Err(EngineError::bad_parameter("invalid name: a network needs one"));
        }
        if MODES.contains(&request.name.as_str()) {
            return Err(EngineError::Forbidden(format!(
                "operation is not permitted on predefined {} network",
                request.name
            )));
        }
        if request.driver != NetworkDriver::Bridge {
            return Err(EngineError::Forbidden(format!(
                "only one instance of {:?} network is allowed",
                request.driver.as_str()
            )));
        }
        let id = NetworkId::random();
        let record = self.plan_and_record(&id, request)?;
        if let Err(error) = self.inner.fabric.create_network(&record.spec) {
            self.commit(Entry::NetworkRemoved { id })?;
            return Err(EngineError::network(format!("make the network {}", record.name))(error));
        }
        self.network_event(&record, "create", None);
        Ok(id)
    }

    /// Decides subnet and bridge against what is there, and writes the network down, both at once.
    fn plan_and_record(&self, id: &NetworkId, request: NetworkRequest) -> Result<NetworkRecord, EngineError> {
        let mut occupied =
            self.inner.fabric.occupied().map_err(EngineError::io("read", "the host's routes"))?;
        let mut state = self.state();
        if let Some(holder) = state.networks.values().find(|record| record.name == request.name) {
            return Err(EngineError::NetworkNameTaken { name: request.name, holder: holder.id.clone() });
        }
        occupied.networks = state.networks.values().map(|record| record.spec.clone()).collect();
        let wanted = PlanRequest {
            name: request.name.clone(),
            subnets: request.pools.iter().map(subnet_request).collect(),
            enable_ipv6: request.enable_ipv6,
            internal: request.internal,
            options: request.options,
        };
        let spec = plan_network(Self::fabric_id(id)?, &wanted, &occupied)?;
        let record = NetworkRecord {
            id: id.clone(),
            name: request.name,
            created: OffsetDateTime::now_utc(),
            spec,
            attachable: request.attachable,
            enable_ipv6: request.enable_ipv6,
            labels: request.labels,
        };
        self.commit_locked(&mut state, Entry::Network(Box::new(record.clone())))?;
        Ok(record)
    }

    /// The network of a name, making the default one if it is asked for.
    pub(crate) fn network_id_or_default(&self, name: &str) -> Result<NetworkId, EngineError> {
        let found = self.state().find_network(name);
        match found {
            Err(EngineError::NoSuchNetwork(_)) if name == DEFAULT_NETWORK => {
                let request =
                    NetworkRequest { name: DEFAULT_NETWORK.to_owned(), ..NetworkRequest::default() };
                match self.make_network(request) {
                    Err(EngineError::NetworkNameTaken { holder, .. }) => Ok(holder),
                    made => made,
                }
            }
            other => other,
        }
    }

    /// A network may have been removed since the container was made.
    pub(crate) fn ensure_networks(&self, record: &ContainerRecord) -> Result<(), EngineError> {
        let missing = {
            let state = self.state();
            record.networks.keys().find(|id| !state.networks.contains_key(*id)).cloned()
        };
        match missing {
            None => Ok(()),
            Some(id) => Err(EngineError::NoSuchNetwork(id.to_string())),
        }
    }

    /// The networks that a filter takes, sorted by name; the modes `host` and `none` are listed too, as Docker does.
    pub async fn networks(&self, filter: &NetworkFilter) -> Result<Vec<NetworkSnapshot>, EngineError> {
        let state = self.state();
        let own = state.networks.values().map(|record| snapshot(&state, record));
        let modes = [("host", NetworkDriver::Host), ("none", NetworkDriver::Null)]
            .map(|(name, driver)| mode_snapshot(name, driver));
        let mut all: Vec<NetworkSnapshot> =
            own.chain(modes).filter(|network| takes(filter, network)).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Everything about a network.
    pub async fn network(&self, reference: &str) -> Result<NetworkSnapshot, EngineError> {
        match reference {
            "host" => return Ok(mode_snapshot("host", NetworkDriver::Host)),
            "none" => return Ok(mode_snapshot("none", NetworkDriver::Null)),
            _ => {}
        }
        let state = self.state();
        let id = state.find_network(reference)?;
        state
            .networks
            .get(&id)
            .map(|record| snapshot(&state, record))
            .ok_or_else(|| EngineError::NoSuchNetwork(reference.to_owned()))
    }

    /// Removes a network that no container runs in.
    pub async fn network_remove(&self, reference: &str) -> Result<(), EngineError> {
        if MODES.contains(&reference) {
            let reason = format!("{reference} is a pre-defined network and cannot be removed");
            return Err(EngineError::Forbidden(reason));
        }
        let reference = reference.to_owned();
        self.blocking(move |engine| {
            let id = engine.state().find_network(&reference)?;
            engine.delete_networks(&[id])
        })
        .await
    }

    /// Removes networks together, which costs hardly more than one.
    pub(crate) fn delete_networks(&self, ids: &[NetworkId]) -> Result<(), EngineError> {
        let mut records = Vec::new();
        {
            let mut state = self.state();
            for id in ids {
                let record = state
                    .networks
                    .get(id)
                    .cloned()
                    .ok_or_else(|| EngineError::NoSuchNetwork(id.to_string()))?;
                if let Some(user) = members(&state, id).first() {
                    return Err(EngineError::Forbidden(format!(
                        "error while removing network: network {} id {id} has active endpoints: {}",
                        record.name, user.record.name
                    )));
                }
                records.push(record);
            }
            // Nobody can join any more; an engine that dies here removes the bridges at its next start.
            for id in ids {
                self.commit_locked(&mut state, Entry::NetworkRemoved { id: id.clone() })?;
            }
        }
        let fabric_ids: Vec<_> = records.iter().map(|record| record.spec.id.clone()).collect();
        self.inner.fabric.remove_networks(&fabric_ids).map_err(EngineError::network("remove the network"))?;
        for record in &records {
            self.network_event(record, "destroy", None);
        }
        Ok(())
    }

    /// Removes all networks that no container uses, not even one that does not run; but for the default one.
    pub async fn prune_networks(&self, filter: &PruneFilter) -> Result<Removal, EngineError> {
        let unused: Vec<(NetworkId, String)> = {
            let state = self.state();
            let used = |id: &NetworkId| {
                state.containers.values().any(|container| container.record.networks.contains_key(id))
            };
            let candidates = state
                .networks
                .values()
                .filter(|record| record.name != DEFAULT_NETWORK && !used(&record.id))
                .filter(|record| filter.takes(&record.labels, record.created));
            candidates.map(|record| (record.id.clone(), record.name.clone())).collect()
        };
        let ids: Vec<NetworkId> = unused.iter().map(|(id, _)| id.clone()).collect();
        self.blocking(move |engine| engine.delete_networks(&ids)).await?;
        Ok(Removal { removed: unused.into_iter().map(|(_, name)| name).collect(), reclaimed: 0 })
    }

    /// Gives a container a place in a further network, at once if it runs.
    pub async fn network_connect(
        &self,
        reference: &str,
        container: &str,
        endpoint: EndpointSpec,
    ) -> Result<(), EngineError> {
        if MODES.contains(&reference) {
            let reason = format!("a container is put into the network {reference} only when it is made");
            return Err(EngineError::BadParameter(reason));
        }
        let network = self.network_id_or_default(reference)?;
        let id = self.state().find(container)?;
        let _operation = self.operation(&id).await?;
        let (target, joined) = (id.clone(), network.clone());
        let record = self.blocking(move |engine| engine.connect(&target, &joined, endpoint)).await?;
        self.network_event_of(&network, "connect", &record.id);
        Ok(())
    }

    fn connect(
        &self,
        id: &ContainerId,
        network: &NetworkId,
        endpoint: EndpointSpec,
    ) -> Result<Arc<ContainerRecord>, EngineError> {
        let record = self.look(id, |container| Arc::clone(&container.record))?;
        if matches!(record.spec.network.mode, NetworkMode::Host | NetworkMode::Container(_)) {
            return Err(EngineError::Conflict(
                "a container in another's network namespace cannot join networks".to_owned(),
            ));
        }
        if record.spec.network.mode == NetworkMode::None {
            return Err(EngineError::Forbidden(
                "container cannot be connected to multiple networks with one of the networks in private (none) mode"
                    .to_owned(),
            ));
        }
        if record.networks.contains_key(network) {
            return Err(EngineError::Forbidden(format!(
                "container {} is in the network already",
                record.name
            )));
        }
        let mut changed = (*record).clone();
        changed.networks.insert(network.clone(), endpoint);
        self.commit(Entry::Container(Box::new(changed)))?;
        let changed = self.look(id, |container| Arc::clone(&container.record))?;
        if let Err(error) = self.plug_live(&changed, network) {
            self.commit(Entry::Container(Box::new((*record).clone())))?;
            return Err(error);
        }
        Ok(changed)
    }

    /// Takes a container out of a network, at once if it runs.
    pub async fn network_disconnect(
        &self,
        reference: &str,
        container: &str,
        force: bool,
    ) -> Result<(), EngineError> {
        let network = self.state().find_network(reference)?;
        let found = self.state().find(container);
        let id = match found {
            Err(EngineError::NoSuchContainer(_)) if force => return Ok(()),
            other => other?,
        };
        let _operation = self.operation(&id).await?;
        let left = network.clone();
        let target = id.clone();
        self.blocking(move |engine| engine.disconnect(&target, &left)).await?;
        self.network_event_of(&network, "disconnect", &id);
        Ok(())
    }

    fn disconnect(&self, id: &ContainerId, network: &NetworkId) -> Result<(), EngineError> {
        let record = self.look(id, |container| Arc::clone(&container.record))?;
        if !record.networks.contains_key(network) {
            return Err(EngineError::Forbidden(format!(
                "container {} is not connected to the network",
                record.name
            )));
        }
        let mut changed = (*record).clone();
        changed.networks.remove(network);
        self.unplug_live(&changed, network)?;
        self.commit(Entry::Container(Box::new(changed)))
    }

    fn network_event_of(&self, id: &NetworkId, action: &str, container: &ContainerId) {
        let record = self.state().networks.get(id).cloned();
        if let Some(record) = record {
            self.network_event(&record, action, Some(container));
        }
    }

    fn network_event(&self, record: &NetworkRecord, action: &str, container: Option<&ContainerId>) {
        let mut attributes = BTreeMap::from([
            ("name".to_owned(), record.name.clone()),
            ("type".to_owned(), NetworkDriver::Bridge.as_str().to_owned()),
        ]);
        if let Some(id) = container {
            attributes.insert("container".to_owned(), id.to_string());
        }
        self.tell(EventKind::Network, action, record.id.as_str(), attributes);
    }
}

fn subnet_request(pool: &IpamPool) -> SubnetRequest {
    SubnetRequest {
        subnet: Some(pool.subnet),
        gateway: pool.gateway,
        ip_range: pool.ip_range,
        auxiliary: pool.auxiliary.clone(),
    }
}

/// The containers that have a process in a network.
fn members<'a>(state: &'a State, id: &NetworkId) -> Vec<&'a crate::state::Container> {
    let running = state
        .containers
        .values()
        .filter(|container| matches!(container.state.phase, Phase::Running(_) | Phase::Starting(_)));
    running.filter(|container| container.record.networks.contains_key(id)).collect()
}

fn snapshot(state: &State, record: &NetworkRecord) -> NetworkSnapshot {
    let prefix = |v4: bool| {
        let subnet = record.spec.subnets.iter().find(|subnet| subnet.net.addr().is_ipv4() == v4);
        subnet.map_or(0, |subnet| subnet.net.prefix_len())
    };
    let running = members(state, &record.id).into_iter().filter_map(|container| {
        let run = container.state.phase.run()?;
        let endpoint =
            run.endpoints.iter().find(|endpoint| endpoint.network.as_str() == record.id.as_str())?;
        Some(NetworkMember {
            container: container.record.id.clone(),
            name: container.record.name.clone(),
            endpoint: crate::containers::endpoint_id(&container.record.id, &record.id),
            mac: Some(endpoint.mac.to_string()),
            ipv4: endpoint.ipv4.map(|address| (address, prefix(true))),
            ipv6: endpoint.ipv6.map(|address| (address, prefix(false))),
        })
    });
    NetworkSnapshot {
        id: record.id.clone(),
        name: record.name.clone(),
        created: record.created,
        driver: NetworkDriver::Bridge,
        internal: record.spec.internal,
        attachable: record.attachable,
        enable_ipv6: record.enable_ipv6,
        pools: record.spec.subnets.iter().map(pool).collect(),
        options: record.spec.options.clone(),
        labels: record.labels.clone(),
        bridge: Some(record.spec.bridge.to_string()),
        members: running.collect(),
    }
}

fn pool(subnet: &network::Subnet) -> IpamPool {
    IpamPool {
        subnet: subnet.net,
        ip_range: subnet.ip_range,
        gateway: Some(subnet.gateway),
        auxiliary: subnet.auxiliary.clone(),
    }
}

/// A mode shown as a network. Its identifier depends on the name alone.
fn mode_snapshot(name: &str, driver: NetworkDriver) -> NetworkSnapshot {
    use sha2::{Digest as _, Sha256};
    let text: String = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
    NetworkSnapshot {
        id: NetworkId::try_from(text).unwrap_or_else(|_| NetworkId::random()),
        name: name.to_owned(),
        created: OffsetDateTime::UNIX_EPOCH,
        driver,
        internal: false,
        attachable: false,
        enable_ipv6: false,
        pools: Vec::new(),
        options: BTreeMap::new(),
        labels: BTreeMap::new(),
        bridge: None,
        members: Vec::new(),
    }
}

fn takes(filter: &NetworkFilter, network: &NetworkSnapshot) -> bool {
    let built_in = network.name == DEFAULT_NETWORK || network.driver != NetworkDriver::Bridge;
    let any = |wanted: &[String], test: &dyn Fn(&str) -> bool| {
        wanted.is_empty() || wanted.iter().any(|one| test(one))
    };
    any(&filter.ids, &|id| network.id.as_str().starts_with(id))
        && any(&filter.names, &|name| network.name.contains(name))
        && any(&filter.drivers, &|driver| network.driver.as_str() == driver)
        && filter.labels.iter().all(|label| label.matches(&network.labels))
        && filter.custom.is_none_or(|custom| custom != built_in)
        && filter.dangling.is_none_or(|dangling| (network.members.is_empty() && !built_in) == dangling)
}
