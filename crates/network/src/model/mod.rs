//! The nouns of the crate: values without input or output, which travel to and from the engine's records.

mod endpoint;
mod id;
mod interface;
mod network;
mod port;

pub use endpoint::{Endpoint, MacAddress, ParseMacError};
pub use id::{Instance, NetworkId, ParseNetworkIdError};
pub use interface::{InterfaceName, ParseInterfaceNameError};
pub use network::{NetworkSpec, Subnet};
pub use port::{ParseProtocolError, PortRequest, Protocol, Publication, PublishedPort};
