//! The shim: the process that stands by one container (or one exec'd process) for its whole life.

/// Runs this process as a shim; see [`protocol`](crate::protocol) for what it is given and says.
pub fn main() -> ! {
    todo!()
}
