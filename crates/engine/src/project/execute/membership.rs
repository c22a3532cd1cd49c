//! Containers that stay while a network of theirs is made anew: they leave the old one and join the new one.

use super::super::plan::ContainerRef;
use super::{Shared, StepError, lock};
use crate::error::EngineError;
use crate::id::ContainerId;
use crate::spec::EndpointSpec;

impl Shared {
    /// Takes a container out of a network and remembers its place there. A container that is gone is out.
    pub(super) async fn leave(&self, container: &ContainerRef, network: &str) -> Result<(), StepError> {
        let Some(place) = self.place_in(container, network)? else { return Ok(()) };
        self.engine.network_disconnect(network, &container.id, true).await?;
        lock(&self.left).insert((container.id.clone(), network.to_owned()), place);
        Ok(())
    }

    /// Puts a container into the new network: at its fixed address, unless the new network has no such one.
    pub(super) async fn rejoin(&self, container: &ContainerRef, network: &str) -> Result<(), StepError> {
        let Some(place) = lock(&self.left).remove(&(container.id.clone(), network.to_owned())) else {
            return Ok(());
        };
        let anywhere = EndpointSpec { ipv4: None, ipv6: None, ..place.clone() };
        let is_fixed = place != anywhere;
        match self.engine.network_connect(network, &container.id, place).await {
            Err(error) if is_fixed && !matches!(error, EngineError::NoSuchContainer(_)) => {
                self.engine.network_connect(network, &container.id, anywhere).await?;
                self.teller
                    .warning(format!(
                        "{} has another address in {network} now: {}",
                        container.name,
                        crate::chain(&error)
                    ))
                    .await;
                Ok(())
            }
            Ok(()) | Err(EngineError::NoSuchContainer(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn place_in(&self, container: &ContainerRef, network: &str) -> Result<Option<EndpointSpec>, StepError> {
        let id = ContainerId::try_from(container.id.clone())
            .map_err(|error| StepError::Failed(error.to_string()))?;
        let state = self.engine.state();
        let network = state.find_network(network)?;
        Ok(state.container(&id).ok().and_then(|known| known.record.networks.get(&network).cloned()))
    }
}
