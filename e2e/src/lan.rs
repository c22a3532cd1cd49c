//! Another machine beside a host, and small clients and servers in network namespaces.

use crate::{Host, Netns, Outcome};
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc,
    time::Duration,
};

/// How long an answer on the same machine may take.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// Another machine, one cable away from a host.
#[derive(Debug)]
pub struct Neighbour {
    netns: Netns,
}

impl Neighbour {
    /// The host's address on the cable.
    pub const HOST: &'static str = "203.0.113.1";
    /// The neighbour's own address.
    pub const SELF: &'static str = "203.0.113.2";

    /// Lays the cable.
    ///
    /// # Panics
    /// When that fails.
    pub fn of(host: &Host) -> Self {
        let name = |path: PathBuf| path.file_name().expect("it is named").to_string_lossy().into_owned();
        let here = name(host.netns().path());
        let there = format!("{here}-n");
        let netns = Netns::new(&there);
        for line in [
            format!("-n {here} link add uplink2 type veth peer name lan0 netns {there}"),
            format!("-n {here} addr add {}/24 dev uplink2", Self::HOST),
            format!("-n {here} link set uplink2 up"),
            format!("-n {there} addr add {}/24 dev lan0", Self::SELF),
            format!("-n {there} link set lan0 up"),
        ] {
            Outcome::of(Command::new("ip").args(line.split(' '))).ok();
        }
        Self { netns }
    }

    /// Its network namespace.
    pub fn netns(&self) -> &Netns {
        &self.netns
    }
}

/// Who calls, as a server of [`serve_tcp`] sees it; nothing when nobody answers.
///
/// # Panics
/// When the address is none.
pub fn caller(namespace: &Path, address: &str) -> String {
    let (path, address) = (namespace.to_owned(), address.parse::<SocketAddr>().expect("an address"));
    let call = move || {
        Netns::enter_path(&path);
        let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIME).ok()?;
        stream.set_read_timeout(Some(ANSWER_TIME)).ok()?;
        let mut peer = String::new();
        stream.read_to_string(&mut peer).ok()?;
        Some(peer)
    };
    std::thread::spawn(call).join().expect("the client ends").unwrap_or_default()
}

/// The page at `http://ADDRESS/`, fetched inside a network namespace; nothing when nobody answers.
///
/// # Panics
/// When the address is none.
pub fn fetch(namespace: &Path, address: &str) -> String {
    let (path, address) = (namespace.to_owned(), address.parse::<SocketAddr>().expect("an address"));
    let call = move || {
        Netns::enter_path(&path);
        let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIME).ok()?;
        stream.set_read_timeout(Some(ANSWER_TIME)).ok()?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
        let mut response = String::new();
        stream.read_to_string(&mut response).ok()?;
        Some(response.split_once("\r\n\r\n")?.1.trim().to_owned())
    };
    std::thread::spawn(call).join().expect("the client ends").unwrap_or_default()
}

/// Listens in a network namespace, and says who calls to everybody who connects.
///
/// # Panics
/// When the address is taken.
pub fn serve_tcp(namespace: &Path, address: &str) {
    let (path, address) = (namespace.to_owned(), address.to_owned());
    in_thread(
        move || {
            Netns::enter_path(&path);
            TcpListener::bind(address).expect("the address is free")
        },
        |listener| {
            while let Ok((mut stream, peer)) = listener.accept() {
                let _ = write!(stream, "{}", peer.ip());
            }
        },
    );
}

/// Sends every datagram back that comes to a port in a network namespace.
///
/// # Panics
/// When the port is taken.
pub fn echo_udp(namespace: &Path, address: &str) {
    let (path, address) = (namespace.to_owned(), address.to_owned());
    in_thread(
        move || {
            Netns::enter_path(&path);
            UdpSocket::bind(address).expect("the address is free")
        },
        |socket| {
            let mut buffer = [0; 512];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&buffer[..length], peer);
            }
        },
    );
}

/// Prepares a socket in a thread of its own, waits for that, and lets the thread serve.
fn in_thread<S: 'static>(
    prepare: impl FnOnce() -> S + Send + 'static,
    serve: impl FnOnce(S) + Send + 'static,
) {
    let (ready, is_ready) = mpsc::channel();
    std::thread::spawn(move || {
        let socket = prepare();
        ready.send(()).expect("the test waits");
        serve(socket);
    });
    is_ready.recv().expect("the server is there");
}

/// Whether a datagram sent from a network namespace comes back.
///
/// # Panics
/// When no socket can be made.
pub fn echoes(namespace: &Path, address: &str) -> bool {
    let (path, address) = (namespace.to_owned(), address.parse::<SocketAddr>().expect("an address"));
    let call = move || {
        Netns::enter_path(&path);
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a port is free");
        socket.set_read_timeout(Some(ANSWER_TIME)).expect("a time-out can be set");
        let mut buffer = [0; 16];
        socket.send_to(b"ping", address).is_ok()
            && socket.recv(&mut buffer).is_ok_and(|length| &buffer[..length] == b"ping")
    };
    std::thread::spawn(call).join().expect("the client ends")
}
