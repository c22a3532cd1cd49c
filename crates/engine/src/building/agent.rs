//! A socket in front of an SSH agent of the host.
//!
//! An agent talks to its own user and to root only; the command of a build may be somebody else.

use build::Access;
use std::{
    fs::{self, File, Permissions},
    io,
    net::Shutdown,
    os::fd::AsRawFd,
    os::unix::{
        fs::{PermissionsExt, chown},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

/// Connections that are served at once.
const MOST: usize = 64;

/// A socket that passes everything on to an agent, until it is dropped.
#[derive(Debug)]
pub(super) struct AgentProxy {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl AgentProxy {
    /// Listens at `path` for whoever `access` lets in; `agent` must answer now.
    pub(super) fn start(path: &Path, agent: &Path, access: Access) -> io::Result<Self> {
        connect(agent)?;
        let listener = bind(path)?;
        chown(path, Some(access.uid), Some(access.gid))?;
        fs::set_permissions(path, Permissions::from_mode(access.mode))?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, agent) = (Arc::clone(&stop), agent.to_owned());
        let thread = std::thread::Builder::new()
            .name("ssh-agent".to_owned())
            .spawn(move || serve(&listener, &agent, &stopped))?;
        Ok(Self { path: path.to_owned(), stop, thread: Some(thread) })
    }
}

impl Drop for AgentProxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the thread up.
        let woken = connect(&self.path).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            // It does not panic; and if it did, there is nothing left of it to care for.
            let _ = thread.join();
        }
    }
}

/// Paths of sockets must be short; through a directory's descriptor every path is.
fn through<T>(path: &Path, use_short: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let directory = File::open(path.parent().unwrap_or(Path::new("/")))?;
    let name = path.file_name().unwrap_or_default();
    use_short(&Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name))
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    through(path, |short| UnixListener::bind(short))
}

fn connect(path: &Path) -> io::Result<UnixStream> {
    through(path, |short| UnixStream::connect(short))
}

fn serve(listener: &UnixListener, agent: &Path, stop: &AtomicBool) {
    let open = Arc::new(AtomicUsize::new(0));
    for client in listener.incoming() {
        if stop.load(Ordering::Acquire) {
            return;
        }
        let (Ok(client), true) = (client, open.load(Ordering::Acquire) < MOST) else { continue };
        let Ok(agent) = connect(agent) else { continue };
        open.fetch_add(1, Ordering::AcqRel);
        let counted = Arc::clone(&open);
        std::thread::spawn(move || {
            both_ways(&client, &agent);
            counted.fetch_sub(1, Ordering::AcqRel);
        });
    }
}

/// Passes bytes on in both directions until one side ends.
fn both_ways(client: &UnixStream, agent: &UnixStream) {
    let pass = |mut from: &UnixStream, mut to: &UnixStream| {
        // A side that goes away ends the conversation.
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| pass(agent, client));
        pass(client, agent);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn bytes_go_both_ways_and_the_socket_ends() {
        let dir = tempfile::tempdir().unwrap();
        // Longer than a socket's address.
        let long = dir.path().join("d".repeat(120));
        fs::create_dir(&long).unwrap();
        let (agent, path) = (dir.path().join("agent"), long.join("proxy"));
        let listener = UnixListener::bind(&agent).unwrap();
        let answering = std::thread::spawn(move || {
            drop(listener.accept().unwrap());
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            stream.read_to_end(&mut asked).unwrap();
            stream.write_all(&[b"re: ", asked.as_slice()].concat()).unwrap();
        });
        let proxy = AgentProxy::start(&path, &agent, Access { mode: 0o600, uid: 7, gid: 8 }).unwrap();
        let meta = fs::metadata(&path).unwrap();
        assert_eq!((meta.mode() & 0o777, meta.uid(), meta.gid()), (0o600, 7, 8));
        let mut client = connect(&path).unwrap();
        client.write_all(b"hello").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "re: hello");
        answering.join().unwrap();
        drop(proxy);
        assert!(connect(&path).is_err());
        assert!(
            AgentProxy::start(&long.join("x"), &dir.path().join("no"), Access { mode: 0, uid: 0, gid: 0 })
                .is_err()
        );
    }
}
