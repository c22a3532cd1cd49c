use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

/// What a scripted paste service does with a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Answers a URL.
    Url,
    /// Answers this status, header line and body.
    Status(u16, &'static str, &'static str),
    /// Closes the connection without an answer.
    HangUp,
    /// Never answers.
    Silence,
    /// Answers when it is told another answer, so.
    Held,
}

/// A paste service that answers what it is told to, and counts.
#[derive(Clone)]
pub struct Scripted {
    pub port: u16,
    answer: Arc<Mutex<Answer>>,
    seen: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Scripted {
    pub fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let scripted = Self { port, answer: Arc::new(Mutex::new(answer)), seen: Arc::default() };
        let server = scripted.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                std::thread::spawn(move || server.connection(stream));
            }
        });
        scripted
    }

    pub fn now(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// Posts so far.
    pub fn posts(&self) -> usize {
        self.seen.lock().unwrap().values().sum()
    }

    /// Posts by idempotency key.
    pub fn seen(&self) -> BTreeMap<String, usize> {
        self.seen.lock().unwrap().clone()
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api/api_post.php", self.port)
    }

    fn answer(&self) -> Answer {
        loop {
            let answer = self.answer.lock().unwrap().clone();
            if answer != Answer::Held {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn connection(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut writer = stream;
        while let Some(key) = request(&mut reader) {
            let number = {
                let mut seen = self.seen.lock().unwrap();
                *seen.entry(key).or_default() += 1;
                seen.values().sum::<usize>()
            };
            let (status, header, body) = match self.answer() {
                Answer::Held => return None,
                Answer::Url => (200, "", format!("http://127.0.0.1/paste{number}")),
                Answer::Status(status, header, body) => (status, header, body.to_owned()),
                Answer::HangUp => return None,
                Answer::Silence => {
                    std::thread::sleep(Duration::from_secs(600));
                    return None;
                }
            };
            let end = if header.is_empty() { "" } else { "\r\n" };
            write!(
                writer,
                "HTTP/1.1 {status} x\r\n{header}{end}Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .ok()?;
        }
        None
    }
}

/// Reads a request; its idempotency key.
fn request(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut length, mut key, mut line) = (0, String::new(), String::new());
    while reader.read_line(&mut line).ok()? > 2 {
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        } else if let Some(value) = lower.strip_prefix("idempotency-key:") {
            key = value.trim().to_owned();
        }
        line.clear();
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok()?;
    (length > 0).then_some(key)
}
