//! The address plan: pure functions from what is asked for and what is already there.

mod address;
mod network;

pub use address::{AddressError, AddressPool, AddressWish, Addresses};
pub use network::{HostRoute, NetworkRequest, Occupied, PlanNetworkError, SubnetRequest, plan_network};
