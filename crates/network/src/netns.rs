//! Network namespaces: made without a mount point, held by a descriptor.
//!
//! A namespace lives as long as this handle, or a process inside it, does. Nothing names it on the host, so nothing
//! is left behind whatever dies when: before the container's process exists the engine's death frees it, afterwards
//! the process holds it and the next engine finds it as `/proc/<pid>/ns/net`. A bind mount, the usual way, would be
//! copied into the mount namespace of every container started meanwhile and pinned by it.
//!
//! A thread of its own makes or enters the namespace, opens there what is needed later (a netlink socket stays in
//! the namespace where it was opened), and ends; no other thread ever changes its namespace.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::dns::DnsSockets;
use crate::netlink::{Batch, Socket, link};
use crate::sys;

/// A network namespace, and what was opened inside it.
#[derive(Debug)]
pub struct Netns {
    file: File,
    path: PathBuf,
    route: Socket,
    dns: Mutex<Option<DnsSockets>>,
}

/// What a new namespace is prepared for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetnsOptions {
    /// Open the sockets of the embedded DNS server on 127.0.0.11.
    pub dns: bool,
    /// Allow IPv6 on interfaces other than `lo`.
    pub ipv6: bool,
}

/// A namespace could not be made, entered or prepared.
#[derive(Debug, thiserror::Error)]
#[error("network namespace{}: cannot {action}", path.as_ref().map(|p| format!(" {}", p.display())).unwrap_or_default())]
pub struct NetnsError {
    /// What failed, such as `unshare`.
    pub action: &'static str,
    /// The namespace, when it exists already.
    pub path: Option<PathBuf>,
    /// The cause.
    #[source]
    pub source: io::Error,
}

impl Netns {
    /// A namespace that somebody else made: `/proc/<pid>/ns/net` of a running container (for `container:` mode or
    /// after an engine restart), or a path of the user's.
    ///
    /// # Errors
    /// The path cannot be opened or is no network namespace.
    pub fn existing(path: &Path) -> Result<Self, NetnsError> {
        let at = |action| move |source| NetnsError { action, path: Some(path.to_owned()), source };
        let file = File::open(path).map_err(at("open it"))?;
        let route = run_inside(file.as_fd(), Socket::route).map_err(at("enter it"))?;
        Ok(Self { path: handle_path(&file), file, route, dns: Mutex::new(None) })
    }

    /// Where another process can open it while this handle lives: `/proc/<this process>/fd/<n>`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A fresh namespace with `lo` up.
    pub(crate) fn create(options: NetnsOptions) -> Result<Self, NetnsError> {
        let made = std::thread::scope(|scope| {
            let thread =
                std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || prepare(options));
            thread.map_err(failed("start a thread"))?.join().unwrap_or_else(|_| Err(panicked()))
        })?;
        Ok(made)
    }

    /// Runs `work` on a thread inside the namespace.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        run_inside(self.file.as_fd(), work)
    }

    /// The socket for links, addresses and routes inside.
    pub(crate) fn route(&self) -> &Socket {
        &self.route
    }

    /// The DNS sockets: those opened at the start, or new ones.
    pub(crate) fn dns_sockets(&self) -> Result<DnsSockets, NetnsError> {
        let prepared = self.dns.lock().unwrap_or_else(PoisonError::into_inner).take();
        match prepared {
            Some(sockets) => Ok(sockets),
            None => self.run(|| DnsSockets::open(false)).map_err(failed("open DNS sockets")),
        }
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

const STACK: usize = 128 * 1024;
const LOOPBACK_INDEX: u32 = 1;

fn prepare(options: NetnsOptions) -> Result<Netns, NetnsError> {
    sys::unshare_network().map_err(failed("unshare"))?;
    let file = File::open("/proc/thread-self/ns/net").map_err(failed("open the new namespace"))?;
    let route = Socket::route().map_err(failed("open a netlink socket"))?;
    write_defaults(options);
    let mut batch = Batch::default();
    link::set_up(&mut batch, LOOPBACK_INDEX);
    route.send(&mut batch).map_err(failed("bring lo up"))?;
    let dns = match options.dns {
        true => Some(DnsSockets::open(true).map_err(failed("open DNS sockets"))?),
        false => None,
    };
    Ok(Netns { path: handle_path(&file), file, route, dns: Mutex::new(dns) })
}

/// Settings for interfaces that come later. `arp_notify`: a container that comes back under its address tells the
/// bridge at once on which port it is now. Best effort: a kernel without IPv6 has none to switch off.
fn write_defaults(options: NetnsOptions) {
    let _ = std::fs::write("/proc/sys/net/ipv4/conf/default/arp_notify", "1");
    if !options.ipv6 {
        let _ = std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    }
}

fn run_inside<T: Send>(
    namespace: BorrowedFd<'_>,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    std::thread::scope(|scope| {
        let enter = || sys::enter_network(namespace).and_then(|()| work());
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, enter)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the helper thread panicked")))
    })
}

/// Runs `work` on a thread in a namespace of its own, which is gone afterwards.
pub(crate) fn run_in_new<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let enter = || sys::unshare_network().and_then(|()| work());
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, enter)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the helper thread panicked")))
    })
}

fn handle_path(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()))
}

fn failed(action: &'static str) -> impl Fn(io::Error) -> NetnsError {
    move |source| NetnsError { action, path: None, source }
}

fn panicked() -> NetnsError {
    failed("prepare")(io::Error::other("the helper thread panicked"))
}
