//! Published ports on the host's side: reserved by binding them, served where rules cannot.

mod reservation;

pub use reservation::{PortHolder, PortReservation, ProxyTarget, ReserveError};
