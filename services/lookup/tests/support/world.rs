use super::{Answer, ClickHouse, Lookup, Redis, Scripted, all_installed};

/// Everything around the service: real servers, a scripted paste service, and a table of a thousand accounts.
pub struct World {
    pub redis: Redis,
    pub clickhouse: ClickHouse,
    pub paste: Scripted,
    pub lookup: Lookup,
    pub kind: &'static str,
    pub dir: tempfile::TempDir,
}

/// The kinds of queue.
pub const KINDS: [&str; 2] = ["list", "stream"];

impl World {
    /// A world for a kind of queue, whose paste service answers so; none when a server is not installed.
    pub fn new(kind: &'static str, answer: Answer) -> Option<Self> {
        if !all_installed() {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let (redis, clickhouse) = (Redis::start(dir.path()), ClickHouse::start(dir.path()));
        let paste = Scripted::start(answer);
        let lookup =
            Lookup::new(dir.path(), &[&redis], &clickhouse, &paste.url()).with("LOOKUP_QUEUE_KIND", kind);
        lookup.ok("seed --rows 1000");
        Some(Self { redis, clickhouse, paste, lookup, kind, dir })
    }

    /// With a setting of the service.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.lookup = self.lookup.with(name, value);
        self
    }

    /// Tasks that were given up.
    pub fn dead(&self) -> usize {
        self.redis.ask(&["LLEN", "lookup:dead"])
    }
}
