//! Lists of containers.

use crate::{
    Engine,
    error::EngineError,
    op::ContainerFilter,
    records::Phase,
    snapshot::ContainerSummary,
    state::{Container, State},
};
use regex_lite::Regex;
use time::OffsetDateTime;

impl Engine {
    /// The containers a filter takes, the newest first.
    pub async fn containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerSummary>, EngineError> {
        let mut found = {
            let state = self.state();
            let chosen = Chosen::new(self, &state, filter)?;
            let mut taken: Vec<&Container> = state
                .containers
                .values()
                .filter(|container| !container.record.half_made && chosen.takes(&state, container))
                .collect();
            taken.sort_by_key(|container| std::cmp::Reverse(container.record.created));
            taken.truncate(filter.limit.unwrap_or(usize::MAX));
            taken.into_iter().map(|container| self.snapshot(&state, container)).collect::<Vec<_>>()
        };
        if filter.size {
            let mut sized = Vec::with_capacity(found.len());
            for snapshot in found {
                sized.push(self.with_size(snapshot).await?);
            }
            found = sized;
        }
        Ok(found)
    }
}

/// A filter with its references looked up.
struct Chosen<'a> {
    filter: &'a ContainerFilter,
    names: Vec<Regex>,
    images: Vec<String>,
    before: Option<OffsetDateTime>,
    since: Option<OffsetDateTime>,
}

impl<'a> Chosen<'a> {
    fn new(engine: &Engine, state: &State, filter: &'a ContainerFilter) -> Result<Self, EngineError> {
        let names = filter.names.iter().map(|name| {
            Regex::new(name)
                .map_err(|error| EngineError::BadParameter(format!("the name filter {name:?}: {error}")))
        });
        let created = |reference: &Option<String>| -> Result<Option<OffsetDateTime>, EngineError> {
            let Some(reference) = reference else { return Ok(None) };
            Ok(Some(state.container(&state.find(reference)?)?.record.created))
        };
        let resolved = filter.ancestor.iter().filter_map(|name| engine.store().resolve(name).ok());
        Ok(Self {
            filter,
            names: names.collect::<Result<_, _>>()?,
            images: resolved.map(|image| image.id.to_string()).collect(),
            before: created(&filter.before)?,
            since: created(&filter.since)?,
        })
    }

    fn takes(&self, state: &State, container: &Container) -> bool {
        self.takes_state(container)
            && self.takes_identity(container)
            && self.takes_surroundings(state, container)
    }

    fn takes_state(&self, container: &Container) -> bool {
        let filter = self.filter;
        let all =
            filter.all || !filter.status.is_empty() || !filter.exited.is_empty() || filter.limit.is_some();
        let shown =
            all || container.status().is_alive() || container.status() == crate::snapshot::Status::Restarting;
        let status = filter.status.is_empty() || filter.status.contains(&container.status());
        let exited = filter.exited.is_empty()
            || matches!(container.state.phase, Phase::Exited)
                && filter.exited.contains(&container.state.exit_code);
        let health = container.live.health.as_ref().map(|health| health.snapshot().status);
        let healthy = match health {
            _ if filter.health.is_empty() && !filter.without_health => true,
            Some(status) => filter.health.contains(&status),
            None => filter.without_health,
        };
        shown && status && exited && healthy
    }

    fn takes_identity(&self, container: &Container) -> bool {
        let (filter, record) = (self.filter, &container.record);
        let slashed = format!("/{}", record.name);
        let name = self.names.is_empty()
            || self.names.iter().any(|regex| regex.is_match(&record.name) || regex.is_match(&slashed));
        let id =
            filter.ids.is_empty() || filter.ids.iter().any(|id| record.id.as_str().starts_with(id.as_str()));
        let labels = filter.labels.iter().all(|label| label.matches(&record.process.labels));
        let ancestor = filter.ancestor.is_empty()
            || self.images.contains(&record.image_id)
            || filter.ancestor.contains(&record.spec.image);
        let before = self.before.is_none_or(|time| record.created < time);
        let since = self.since.is_none_or(|time| record.created > time);
        name && id && labels && ancestor && before && since
    }

    fn takes_surroundings(&self, state: &State, container: &Container) -> bool {
        let (filter, record) = (self.filter, &container.record);
        let network = filter.networks.is_empty()
            || filter.networks.iter().any(|wanted| {
                let found = state.find_network(wanted).ok();
                found.is_some_and(|id| record.networks.contains_key(&id))
                    || record.spec.network.mode.to_string() == *wanted
            });
        let volume = filter.volumes.is_empty()
            || filter.volumes.iter().any(|wanted| {
                record.mounts.iter().any(|mount| {
                    mount.volume.as_ref().is_some_and(|name| name.as_str() == wanted)
                        || mount.target.to_str() == Some(wanted)
                        || mount.source.to_str() == Some(wanted)
                })
            });
        let published = |port| record.spec.network.ports.iter().any(|binding| binding.container == port);
        let publish = filter.publish.is_empty() || filter.publish.iter().any(|port| published(*port));
        let expose = filter.expose.is_empty()
            || filter.expose.iter().any(|port| record.process.exposed.contains(port));
        network && volume && publish && expose
    }
}
