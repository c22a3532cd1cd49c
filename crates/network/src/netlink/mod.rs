//! Netlink, synchronous and no more than is needed: messages are built into a [`Batch`], one `sendmsg` carries the
//! whole batch, and the kernel has answered all of it when the call returns.

mod batch;
pub(crate) mod link;
mod parse;
pub(crate) mod route;
mod socket;

pub(crate) use batch::{Attributes, Batch};
pub(crate) use parse::{attributes, find, messages, string, u32_host};
pub(crate) use socket::{Socket, errno, subscribe_netfilter};

/// Flags of a request's header (`linux/netlink.h`).
pub(crate) mod flags {
    /// Every request has it.
    pub(crate) const REQUEST: u16 = 0x1;
    /// Answer even when all went well.
    pub(crate) const ACK: u16 = 0x4;
    /// Replace what exists.
    pub(crate) const REPLACE: u16 = 0x100;
    /// Fail if it exists.
    pub(crate) const EXCL: u16 = 0x200;
    /// Make it if it does not exist.
    pub(crate) const CREATE: u16 = 0x400;
    /// Add behind what exists.
    pub(crate) const APPEND: u16 = 0x800;
    /// List everything.
    pub(crate) const DUMP: u16 = 0x300;
}
