//! A container's published ports.

use super::addresses;
use crate::{
    Engine,
    error::EngineError,
    records::{ContainerRecord, RunRecord},
    spec::{HostPort, PortBinding, Protocol},
};
use network::{Endpoint, PortRequest, PortReservation, ProxyTarget, Publication, ReserveError};
use std::net::IpAddr;

/// The ports that are tried for a port published without a number: Linux' usual ephemeral range.
const EPHEMERAL: std::ops::RangeInclusive<u16> = 32768..=60999;

/// What the firewall is told about a container's published ports.
pub(crate) fn publication(record: &ContainerRecord, run: &RunRecord) -> Publication {
    let first = main_endpoint(&run.endpoints);
    Publication {
        container: record.id.to_string(),
        ipv4: first.and_then(|endpoint| endpoint.ipv4),
        ipv6: first.and_then(|endpoint| endpoint.ipv6),
        ports: run.ports.clone(),
    }
}

/// Serves what rules cannot carry, to the container's address on its main network.
pub(super) fn serve(
    reservation: &mut Option<PortReservation>,
    endpoints: &[Endpoint],
) -> Result<(), EngineError> {
    let main = main_endpoint(endpoints);
    if let (Some(reservation), Some(address)) = (reservation, main.and_then(|main| addresses(main).next())) {
        let served = reservation.serve(ProxyTarget { address });
        served.map_err(EngineError::network("serve the published ports"))?;
    }
    Ok(())
}

/// The place in the network of the default route, by which answers leave.
fn main_endpoint(endpoints: &[Endpoint]) -> Option<&Endpoint> {
    endpoints.iter().find(|endpoint| endpoint.is_default_gateway).or(endpoints.first())
}

impl Engine {
    /// Reserves every published port, and with `-P` every exposed one.
    pub(super) fn reserve_ports(
        &self,
        record: &ContainerRecord,
    ) -> Result<Option<PortReservation>, EngineError> {
        let network = &record.spec.network;
        let host_binding = self.host_binding(record);
        let mut requests: Vec<PortRequest> =
            network.ports.iter().map(|port| port_request(port, host_binding)).collect();
        if network.publish_all {
            let exposed = record.process.exposed.iter();
            let unpublished =
                exposed.filter(|port| !network.ports.iter().any(|bound| bound.container == **port));
            requests.extend(unpublished.map(|port| {
                let binding = PortBinding { container: *port, host_ip: None, host_port: HostPort::Ephemeral };
                port_request(&binding, host_binding)
            }));
        }
        if requests.is_empty() {
            return Ok(None);
        }
        PortReservation::reserve(&requests).map(Some).map_err(|error| self.name_holder(error))
    }

    /// Names the container that has a port which cannot be had.
    fn name_holder(&self, error: ReserveError) -> EngineError {
        let ReserveError::Taken { port, protocol, .. } = error else { return error.into() };
        let state = self.state();
        let holder = state.containers.values().find(|container| {
            let published = container.state.phase.run().into_iter().flat_map(|run| &run.ports);
            published.into_iter().any(|one| (one.host_port, one.protocol) == (port, protocol))
        });
        match holder {
            Some(holder) => EngineError::PortHeld { port, protocol, container: holder.record.name.clone() },
            None => error.into(),
        }
    }

    /// The address of the host that ports without one are bound to, by the network of the default route.
    fn host_binding(&self, record: &ContainerRecord) -> Option<IpAddr> {
        let id = self.gateway_network(record)?;
        self.state().networks.get(&id)?.spec.host_binding
    }
}

fn port_request(binding: &PortBinding, host_binding: Option<IpAddr>) -> PortRequest {
    PortRequest {
        host_ip: binding.host_ip.or(host_binding),
        host_ports: match binding.host_port {
            HostPort::Ephemeral => EPHEMERAL,
            HostPort::Fixed(port) => port..=port,
            HostPort::Range(first, last) => first..=last,
        },
        container_port: binding.container.port,
        protocol: match binding.container.protocol {
            Protocol::Tcp => network::Protocol::Tcp,
            Protocol::Udp => network::Protocol::Udp,
        },
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::ContainerPort;

    #[test]
    fn a_port_without_an_address_is_bound_to_the_networks_own() {
        let binding = |host_ip| PortBinding {
            container: ContainerPort { port: 80, protocol: Protocol::Tcp },
            host_ip,
            host_port: HostPort::Fixed(8080),
        };
        let [lo, own] = ["127.0.0.1", "192.0.2.7"].map(|text| text.parse::<IpAddr>().ok());
        assert_eq!(port_request(&binding(None), lo).host_ip, lo);
        assert_eq!(port_request(&binding(own), lo).host_ip, own);
        assert_eq!(port_request(&binding(None), None).host_ip, None);
    }
}
