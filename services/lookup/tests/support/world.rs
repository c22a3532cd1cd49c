use std::rc::Rc;

use super::{Answer, ClickHouse, Clock, Lookup, Redis, Scripted, all_installed};

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
        all_installed().then(|| Self::on(tempfile::tempdir().unwrap(), kind, answer, None))
    }

    /// The same, where both servers have a clock that can be set.
    pub fn with_clock(kind: &'static str, answer: Answer) -> Option<(Self, Rc<Clock>)> {
        let dir = all_installed().then(|| tempfile::tempdir().unwrap())?;
        let clock = Rc::new(Clock::new(dir.path()));
        Some((Self::on(dir, kind, answer, Some(Rc::clone(&clock))), clock))
    }

    fn on(dir: tempfile::TempDir, kind: &'static str, answer: Answer, clock: Option<Rc<Clock>>) -> Self {
        let redis = Redis::with_clock(dir.path(), clock.clone());
        let clickhouse = ClickHouse::with_clock(dir.path(), clock);
        let paste = Scripted::start(answer);
        let lookup =
            Lookup::new(dir.path(), &[&redis], &clickhouse, &paste.url()).with("LOOKUP_QUEUE_KIND", kind);
        lookup.ok("seed --rows 1000");
        Self { redis, clickhouse, paste, lookup, kind, dir }
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
