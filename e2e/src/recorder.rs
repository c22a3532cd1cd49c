use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
};

/// A request that was recorded.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Method and path with query, without the version before the path.
    pub line: String,
    /// The JSON body; null for none.
    pub body: Value,
}

/// An engine that does nothing: it says yes to every call of the Docker Engine API and records what it was asked.
#[derive(Debug)]
pub struct Recorder {
    dir: tempfile::TempDir,
    requests: Arc<Mutex<Receiver<Recorded>>>,
}

impl Recorder {
    /// Begins to listen on a socket.
    ///
    /// # Panics
    /// When there is no place for it.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let listener = UnixListener::bind(dir.path().join("sock")).expect("a socket can be bound");
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let sender = sender.clone();
                std::thread::spawn(move || serve(connection, |request| drop(sender.send(request))));
            }
        });
        Self { dir, requests: Arc::new(Mutex::new(requests)) }
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("sock")
    }

    /// A directory beside the socket.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What was asked since the last time. The client that asked must have ended.
    ///
    /// # Panics
    /// Never, unless another thread panicked in here.
    pub fn take(&self) -> Vec<Recorded> {
        self.requests.lock().expect("nobody panicked").try_iter().collect()
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

/// Answers the requests of one connection until its end.
fn serve(connection: UnixStream, mut record: impl FnMut(Recorded)) {
    let Ok(reader) = connection.try_clone() else { return };
    let (mut reader, mut writer) = (BufReader::new(reader), connection);
    while let Some(request) = request(&mut reader) {
        let answer = answer(&request.line);
        record(request);
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn request(reader: &mut BufReader<UnixStream>) -> Option<Recorded> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let unversioned = target.strip_prefix("/v1.").and_then(|rest| rest.find('/').map(|at| &rest[at..]));
    let line = format!("{method} {}", unversioned.unwrap_or(target));
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|count| *count > 0)?;
        let Some((name, value)) = header.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Recorded { line, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}

fn answer(line: &str) -> String {
    let json = |status: &str, body: &str| {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    if line.ends_with("/_ping") {
        let body = if line.starts_with("HEAD") { "" } else { "OK" };
        return format!(
            "HTTP/1.1 200 OK\r\nApi-Version: 1.47\r\nOSType: linux\r\nContent-Length: 2\r\n\r\n{body}"
        );
    }
    if line.starts_with("POST /containers/create") {
        return json("201 Created", &format!(r#"{{"Id":"{}","Warnings":[]}}"#, "a".repeat(64)));
    }
    if line.starts_with("POST") || line.starts_with("DELETE") {
        return "HTTP/1.1 204 No Content\r\n\r\n".to_owned();
    }
    json("200 OK", "{}")
}
