//! The address plan: pure functions from what is asked for and what is already there.

mod address;
mod error;
mod network;
mod options;
mod pools;
mod request;

pub use address::{AddressPool, AddressWish, Addresses};
pub use error::{AddressError, PlanNetworkError};
pub use network::plan_network;
pub use request::{HostRoute, NetworkRequest, Occupied, SubnetRequest};
