//! The system calls that the standard library and rustix do not offer safely; all of the crate's `unsafe`.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};

/// A netlink socket, bound to a port of the kernel's choice and to multicast groups (a bit each). Refusals carry the
/// kernel's text and not the refused request.
pub(crate) fn netlink_socket(protocol: Option<Protocol>, groups: u32) -> io::Result<OwnedFd> {
    let fd =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
    rustix::net::bind(&fd, &SocketAddrNetlink::new(0, groups))?;
    enable(&fd, libc::NETLINK_CAP_ACK);
    enable(&fd, libc::NETLINK_EXT_ACK);
    Ok(fd)
}

/// Switches a netlink option on; kernels that do not know it (before 4.3, 4.12) go on without.
fn enable(fd: &OwnedFd, option: libc::c_int) {
    let on: libc::c_int = 1;
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is open for the length of the call, and the value is a live `c_int` of the given length.
    unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_NETLINK, option, (&raw const on).cast(), length) };
}

/// Puts the calling thread into a network namespace of its own.
pub(crate) fn unshare_network() -> io::Result<()> {
    // SAFETY: `NEWNET` leaves the descriptor table shared, which is all that makes the call unsafe.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }?;
    Ok(())
}

/// Puts the calling thread into this network namespace.
pub(crate) fn enter_network(namespace: BorrowedFd<'_>) -> io::Result<()> {
    rustix::thread::move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network))?;
    Ok(())
}
