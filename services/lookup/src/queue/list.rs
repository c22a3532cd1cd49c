//! A list as a queue. A lane moves entries into a list of its own, so that nothing is only in its memory.

use super::{DeadLetter, Entry, Outcome};
use crate::redis_link::{BLOCK, Link, LinkError};
use redis::{Pipeline, cmd};
use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// Heartbeats have to be seen standing still this often, beside the lease, before a worker counts as dead.
const OBSERVATIONS: u32 = 3;

/// Keys looked at in one search for orphans.
const SCANNED: usize = 1000;

/// Moves entries, the oldest first: all at once, so that the log of Redis has two commands of it and not one for each.
const TAKE: &str = "redis.call('HSETNX', KEYS[3], ARGV[2], 0)
local count = tonumber(ARGV[1])
if count == 0 then return {} end
local found = redis.call('LRANGE', KEYS[1], -count, -1)
if #found == 0 then return {} end
local taken = {}
for i = #found, 1, -1 do taken[#taken + 1] = found[i] end
redis.call('LTRIM', KEYS[1], 0, -1 - #found)
redis.call('LPUSH', KEYS[2], unpack(taken))
return taken";
/// Moves one entry out of a lane's list, if it still is there.
const MOVE: &str =
    "if redis.call('LREM', KEYS[1], 1, ARGV[1]) > 0 then redis.call(ARGV[3], KEYS[2], ARGV[2]) end";
/// Puts a dead worker's entries back where they are next, the oldest first.
const RECLAIM: &str = "if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then return -1 end
local count = 0
while count < 1000 and redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'RIGHT') do count = count + 1 end
return count";

/// A queue in a list.
#[derive(Debug)]
pub(crate) struct ListQueue {
    name: String,
    worker: String,
    lease: Duration,
    seen: Mutex<HashMap<String, Seen>>,
    /// Where the search for orphans goes on.
    cursor: AtomicU64,
}

/// A heartbeat that stood still.
#[derive(Debug)]
struct Seen {
    beat: String,
    since: Instant,
    observations: u32,
}

impl ListQueue {
    /// The queue `name` for a worker with `lanes` lanes whose name is nobody else's.
    pub(crate) fn new(name: &str, worker: &str, lanes: usize, lease: Duration) -> Self {
        let worker = format!("{worker}/{lanes}");
        Self { name: name.to_owned(), worker, lease, seen: Mutex::default(), cursor: AtomicU64::new(0) }
    }

    fn taken_key(&self, worker: &str, lane: usize) -> String {
        format!("{}:taken:{worker}:{lane}", self.name)
    }

    fn workers_key(&self) -> String {
        format!("{}:workers", self.name)
    }

    pub(super) async fn take(&self, link: &Link, lane: usize, count: usize) -> Result<Vec<Entry>, LinkError> {
        let taken = self.taken_key(&self.worker, lane);
        let block =
            cmd("BLMOVE").arg(&self.name).arg(&taken).arg("RIGHT").arg("LEFT").arg(BLOCK.as_secs()).clone();
        let first: Option<Vec<u8>> = link.command(&block).await?;
        let Some(first) = first else { return Ok(Vec::new()) };
        let mut more = cmd("EVAL");
        more.arg(TAKE).arg(3).arg(&self.name).arg(&taken).arg(self.workers_key());
        let rest: Vec<Vec<u8>> = link.command(more.arg(count.saturating_sub(1)).arg(&self.worker)).await?;
        Ok(std::iter::once(first).chain(rest).map(entry).collect())
    }

    pub(super) async fn taken(&self, link: &Link, lane: usize) -> Result<Vec<Entry>, LinkError> {
        let key = self.taken_key(&self.worker, lane);
        let entries: Vec<Vec<u8>> = link.command(cmd("LRANGE").arg(key).arg(0).arg(-1)).await?;
        Ok(entries.into_iter().map(entry).collect())
    }

    pub(super) fn finish(&self, pipeline: &mut Pipeline, lane: usize, batch: &[(Entry, Outcome)]) {
        let taken = self.taken_key(&self.worker, lane);
        let mut put = |entry: &Entry, to: &str, what: &[u8], how: &str| {
            let line = pipeline.cmd("EVAL").arg(MOVE).arg(2).arg(&taken).arg(to);
            line.arg(&entry.payload).arg(what).arg(how).ignore();
        };
        for (entry, outcome) in batch {
            match outcome {
                Outcome::Done => {}
                Outcome::Dead { reason } => {
                    let letter = DeadLetter::new(&entry.payload, reason).to_json();
                    put(entry, &format!("{}:dead", self.name), &letter, "LPUSH");
                }
                Outcome::Unfinished => put(entry, &self.name, &entry.payload, "RPUSH"),
            }
        }
        pipeline.cmd("DEL").arg(&taken).ignore();
    }

    pub(super) async fn keep(&self, link: &Link) -> Result<usize, LinkError> {
        let beats = self.beat(link).await;
        // What was seen before an outage says nothing: nobody's heart could beat.
        let beats = beats.inspect_err(|_| self.lock().clear())?;
        self.adopt_orphans(link, &beats).await?;
        let mut count = 0;
        for (worker, beat) in self.standing_still(beats) {
            count += self.reclaim(link, &worker, &beat).await?;
        }
        Ok(count)
    }

    async fn beat(&self, link: &Link) -> Result<HashMap<String, String>, LinkError> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("HINCRBY").arg(self.workers_key()).arg(&self.worker).arg(1).ignore();
        pipeline.cmd("HGETALL").arg(self.workers_key());
        let (beats,) = link.send(&pipeline).await?;
        Ok(beats)
    }

    /// Registers workers of whom only taken entries are there, so that these are taken back when the lease is over.
    ///
    /// A command that was sent before its worker signed off or was given up may be carried out after that. Looks at some
    /// keys at a time.
    async fn adopt_orphans(&self, link: &Link, beats: &HashMap<String, String>) -> Result<(), LinkError> {
        let (prefix, cursor) = (format!("{}:taken:", self.name), self.cursor.load(Ordering::Relaxed));
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(literal(&prefix) + "*").arg("COUNT").arg(SCANNED);
        let (next, keys): (u64, Vec<String>) = link.command(&scan).await?;
        self.cursor.store(next, Ordering::Relaxed);
        let workers = keys.iter().filter_map(|key| Some(key.strip_prefix(&prefix)?.rsplit_once(':')?.0));
        for worker in workers.filter(|worker| !beats.contains_key(*worker)) {
            tracing::warn!(worker, "nobody owns the tasks that this worker had: they are taken back");
            link.command::<()>(cmd("HSETNX").arg(self.workers_key()).arg(worker).arg(0)).await?;
        }
        Ok(())
    }

    /// The workers whose heartbeat has stood still for the lease, by this process' monotonic clock.
    fn standing_still(&self, beats: HashMap<String, String>) -> Vec<(String, String)> {
        let mut seen = self.lock();
        seen.retain(|worker, _| beats.contains_key(worker));
        let mut dead = Vec::new();
        for (worker, beat) in beats.into_iter().filter(|(worker, _)| *worker != self.worker) {
            let new = || Seen { beat: beat.clone(), since: Instant::now(), observations: 0 };
            let last = seen.entry(worker.clone()).or_insert_with(new);
            if last.beat != beat {
                *last = new();
            }
            last.observations += 1;
            if last.observations > OBSERVATIONS && last.since.elapsed() >= self.lease {
                dead.push((worker, beat));
            }
        }
        dead
    }

    async fn reclaim(&self, link: &Link, worker: &str, beat: &str) -> Result<usize, LinkError> {
        let lanes = worker.rsplit_once('/').and_then(|(_, lanes)| lanes.parse().ok()).unwrap_or(0);
        let mut total = 0;
        for lane in 0..lanes {
            loop {
                let mut script = cmd("EVAL");
                script
                    .arg(RECLAIM)
                    .arg(3)
                    .arg(self.taken_key(worker, lane))
                    .arg(&self.name)
                    .arg(self.workers_key());
                let count: i64 = link.command(script.arg(worker).arg(beat)).await?;
                match usize::try_from(count) {
                    Err(_) => return Ok(total),
                    Ok(0) => break,
                    Ok(count) => total += count,
                }
            }
        }
        link.command::<()>(cmd("HDEL").arg(self.workers_key()).arg(worker)).await?;
        Ok(total)
    }

    pub(super) async fn leave(&self, link: &Link) -> Result<(), LinkError> {
        let mut empty = true;
        let lanes = self.worker.rsplit_once('/').and_then(|(_, lanes)| lanes.parse().ok()).unwrap_or(0);
        for lane in 0..lanes {
            empty &= self.taken(link, lane).await?.is_empty();
        }
        match empty {
            true => link.command(cmd("HDEL").arg(self.workers_key()).arg(&self.worker)).await,
            // Others will take it back.
            false => Ok(()),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pattern that matches a text and nothing else.
fn literal(text: &str) -> String {
    let sign = |sign: char| if "*?[]^\\".contains(sign) { vec!['\\', sign] } else { vec![sign] };
    text.chars().flat_map(sign).collect()
}

fn entry(payload: Vec<u8>) -> Entry {
    Entry { payload, key: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beats(beat: u32) -> HashMap<String, String> {
        [("other/2".to_owned(), beat.to_string()), ("me/1".to_owned(), "1".to_owned())].into()
    }

    #[test]
    fn a_name_is_no_pattern() {
        assert_eq!(literal("a*[b]?\\:"), r"a\*\[b\]\?\\:");
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_is_dead_when_its_heart_stands_still_for_the_lease() {
        let queue = ListQueue::new("q", "me", 1, Duration::from_secs(10));
        for _ in 0..10 {
            assert!(queue.standing_still(beats(1)).is_empty(), "however often one looks");
        }
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(queue.standing_still(beats(2)).is_empty(), "it beats");
        tokio::time::advance(Duration::from_secs(11)).await;
        for _ in 1..OBSERVATIONS {
            assert!(queue.standing_still(beats(2)).is_empty(), "seen too seldom");
        }
        assert_eq!(queue.standing_still(beats(2)), [("other/2".to_owned(), "2".to_owned())]);
    }
}
