use std::{
    io::{Read, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

/// What a proxy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Passes everything on.
    Pass,
    /// Takes everything and passes nothing on: accepts, and never answers.
    Silence,
    /// Passes nothing on, and answers this to every request (of Redis: to every command).
    Say(&'static [u8]),
}

/// A proxy in front of a server that does what it is told to.
#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    server: u16,
    mode: Arc<Mutex<Mode>>,
}

impl Proxy {
    pub fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = Self { port, server, mode: Arc::new(Mutex::new(Mode::Pass)) };
        let this = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                this.connection(client);
            }
        });
        proxy
    }

    pub fn now(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    fn mode(&self) -> Mode {
        *self.mode.lock().unwrap()
    }

    fn connection(&self, client: TcpStream) {
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.server)) else { return };
        let (this, back) = (self.clone(), self.clone());
        let (mut from_server, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        std::thread::spawn(move || this.forth(client, server));
        std::thread::spawn(move || {
            each_part(&mut from_server, |part| match back.mode() {
                Mode::Pass => to_client.write_all(part).is_ok(),
                _ => true,
            });
            let _ = to_client.shutdown(Shutdown::Both);
        });
    }

    fn forth(&self, mut client: TcpStream, mut server: TcpStream) {
        let mut answers = client.try_clone().unwrap();
        each_part(&mut client, |part| match self.mode() {
            Mode::Pass => server.write_all(part).is_ok(),
            Mode::Silence => true,
            Mode::Say(answer) => (0..requests(part)).all(|_| answers.write_all(answer).is_ok()),
        });
        let _ = server.shutdown(Shutdown::Both);
    }
}

/// Hands over what arrives until the end, or until the taker has enough.
fn each_part(stream: &mut impl Read, mut take: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if !take(&buffer[..count]) {
            return;
        }
    }
}

/// Requests that begin in a part: each command of Redis begins a line with `*`, each of HTTP a part.
fn requests(part: &[u8]) -> usize {
    let further = part.windows(2).filter(|pair| pair == b"\n*").count();
    further + usize::from(part.starts_with(b"*") || part.starts_with(b"POST") || part.starts_with(b"GET"))
}
