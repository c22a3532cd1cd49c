//! Making everything true, whatever is there.

use super::bridge::{Ensured, Failed};
use super::{CreateNetworkError, DesiredState, Inner, ReconcileError, Reconciled, State, name, sysctl};
use crate::firewall::Rules;
use crate::model::NetworkSpec;
use crate::netlink::{Batch, link};

impl Inner {
    pub(super) fn reconcile(&self, desired: &DesiredState) -> Result<Reconciled, ReconcileError> {
        let mut state = self.state();
        let mut rules = Rules::new(std::mem::take(&mut state.rules.unrouted));
        desired.networks.iter().cloned().for_each(|network| rules.add_network(network));
        desired.publications.iter().cloned().for_each(|publication| rules.publish(publication));
        state.rules = rules;
        self.make_true(&mut state)
    }

    pub(super) fn repair(&self) -> Result<Reconciled, ReconcileError> {
        self.make_true(&mut self.state())
    }

    /// Rules first: while a bridge is made, nothing unwanted passes it.
    fn make_true(&self, state: &mut State) -> Result<Reconciled, ReconcileError> {
        let mut first_error = None;
        let mut keep = |error: ReconcileError| first_error = first_error.take().or(Some(error));
        let networks: Vec<NetworkSpec> = state.rules.networks().cloned().collect();
        for spec in &networks {
            match sysctl::forward(spec, &self.run_dir, &self.route) {
                Ok(Some(unrouted)) => state.rules.unrouted = unrouted,
                Ok(None) => {}
                Err(source) => {
                    keep(failed(spec, Failed { action: "switch forwarding on".into(), source }).into())
                }
            }
        }
        if let Err(source) = self.firewall.replace(&state.rules) {
            keep(ReconcileError::Firewall(source));
        }
        let mut done = Reconciled::default();
        let links = link::all(&self.route).map_err(ReconcileError::List)?;
        for spec in &networks {
            if let Err(error) = self.have_bridge(state, spec, &links, &mut done) {
                keep(error.into());
            }
        }
        if let Err(error) = self.remove_strays(state, &links, &mut done) {
            keep(error);
        }
        first_error.map_or(Ok(done), Err)
    }

    fn have_bridge(
        &self,
        state: &mut State,
        spec: &NetworkSpec,
        links: &[link::Link],
        done: &mut Reconciled,
    ) -> Result<(), CreateNetworkError> {
        let existing = links.iter().find(|link| link.name == spec.bridge.as_str()).cloned();
        if existing.as_ref().is_some_and(|link| !self.owns(link, &spec.id)) {
            let (network, bridge) = (spec.name.clone(), spec.bridge.clone());
            return Err(CreateNetworkError::ForeignInterface { network, bridge });
        }
        let bridge = match self.ensure(spec, existing).map_err(|error| failed(spec, error))? {
            Ensured::Existed(bridge) => bridge,
            Ensured::Made(bridge) => {
                done.created.push(spec.bridge.clone());
                bridge
            }
        };
        state.bridges.insert(spec.id.clone(), bridge);
        self.take_back_ports(spec, bridge.index, links);
        Ok(())
    }

    /// Ports that lost their bridge, because somebody deleted it, come back. Best effort: their container may end at
    /// this moment.
    fn take_back_ports(&self, spec: &NetworkSpec, bridge: u32, links: &[link::Link]) {
        let mut batch = Batch::default();
        let lost = |link: &&link::Link| link.kind == "veth" && link.master != Some(bridge);
        for link in links.iter().filter(lost) {
            if name::marked(&self.instance, &link.alias).as_ref() == Some(&spec.id) {
                link::set_port(&mut batch, link.index, bridge, !spec.icc);
            }
        }
        let _ = self.route.send_each(&mut batch);
    }

    /// Bridges and ports of this instance whose network nobody knows.
    fn remove_strays(
        &self,
        state: &State,
        links: &[link::Link],
        done: &mut Reconciled,
    ) -> Result<(), ReconcileError> {
        let unknown = |id: &crate::model::NetworkId| state.rules.network(id).is_none();
        let stray =
            |link: &&link::Link| name::marked(&self.instance, &link.alias).is_some_and(|id| unknown(&id));
        let bridges = links.iter().filter(stray).filter(|link| link.kind == "bridge");
        done.removed.extend(bridges.filter_map(|link| link.name.parse().ok()));
        self.remove_links(unknown).map_err(|source| ReconcileError::Leftovers { source })
    }
}

fn failed(spec: &NetworkSpec, failed: Failed) -> CreateNetworkError {
    CreateNetworkError::Kernel { network: spec.name.clone(), action: failed.action, source: failed.source }
}
