//! A client of the engine that speaks bytes.

use std::{
    io::{Read as _, Write as _},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// How long it waits for the engine: a bound against hanging, not a measurement.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));

/// A connection to an engine's socket.
#[derive(Debug)]
pub struct Raw(UnixStream);

impl Raw {
    /// Connects.
    ///
    /// # Panics
    /// When the engine does not accept.
    pub fn new(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).expect("the engine accepts");
        stream.set_read_timeout(PATIENCE).expect("a time limit can be set");
        stream.set_write_timeout(PATIENCE).expect("a time limit can be set");
        Self(stream)
    }

    /// Sends what the engine may refuse to read to its end.
    pub fn send(&mut self, bytes: &[u8]) -> &mut Self {
        let _ = self.0.write_all(bytes);
        self
    }

    /// Sends a request without a body.
    pub fn get(&mut self, path: &str) -> &mut Self {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
    }

    /// Sends a request with a JSON document, or none.
    pub fn post(&mut self, path: &str, document: &str) -> &mut Self {
        self.post_with(path, "", document)
    }

    /// Sends a request that asks for the connection itself.
    pub fn hijack(&mut self, path: &str, document: &str) -> &mut Self {
        self.post_with(path, "Connection: Upgrade\r\nUpgrade: tcp\r\n", document)
    }

    fn post_with(&mut self, path: &str, headers: &str, document: &str) -> &mut Self {
        let length = document.len();
        let kind = "Content-Type: application/json";
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: x\r\n{kind}\r\nContent-Length: {length}\r\n{headers}\r\n");
        self.send(head.as_bytes()).send(document.as_bytes())
    }

    /// Ends its own half.
    pub fn end(&mut self) -> &mut Self {
        let _ = self.0.shutdown(Shutdown::Write);
        self
    }

    /// The status of the answer; none if the connection ended without one. The rest of the head is still to be read.
    pub fn status(&mut self) -> Option<u16> {
        let mut head = [0; 12];
        self.0.read_exact(&mut head).ok()?;
        std::str::from_utf8(&head[9..]).ok()?.parse().ok()
    }

    /// Reads up to and with some bytes.
    ///
    /// # Panics
    /// When they do not come.
    pub fn read_until(&mut self, end: &str) -> String {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(end.as_bytes()) {
            let read = self.0.read(&mut byte);
            assert_eq!(
                read.ok(),
                Some(1),
                "{end:?} did not come after {:?}",
                String::from_utf8_lossy(&bytes)
            );
            bytes.push(byte[0]);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The status and the rest of the connection, without the head.
    ///
    /// # Panics
    /// When no answer comes.
    pub fn rest(&mut self) -> (u16, Vec<u8>) {
        let status = self.status().expect("an answer");
        self.read_until("\r\n\r\n");
        (status, self.to_end())
    }

    /// All that still comes.
    ///
    /// # Panics
    /// When the connection breaks.
    pub fn to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).expect("the connection ends well");
        bytes
    }
}
