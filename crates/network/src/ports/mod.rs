//! Published ports on the host's side: reserved by binding them, served where rules cannot.
//!
//! Rules carry IPv4 (from other hosts, from the host itself and from containers) and IPv6 to containers that have an
//! IPv6 address. What is left, IPv6 to a container without it and connections to `::1`, the engine passes on itself;
//! such connections end with the engine, and the container sees the host's address as their source.

mod bind;
mod error;
mod held;
mod holder;
mod listening;
mod proxy;
mod reservation;

pub use error::ReserveError;
pub use holder::PortHolder;
pub use reservation::{PortReservation, ProxyTarget};
