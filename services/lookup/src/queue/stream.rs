//! A stream with a consumer group as a queue.

mod lease;

use self::lease::{FORGET, Idle, RESTART, Suspects};
use super::{DeadLetter, Entry, Outcome};
use crate::redis_link::{BLOCK, Link, LinkError};
use redis::{Pipeline, Value, cmd};
use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Takes an entry out of the group and puts a dead letter in its place, if that has not been done.
const BURY: &str = "if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) > 0 then
  redis.call('XDEL', KEYS[1], ARGV[2])
  redis.call('LPUSH', KEYS[2], ARGV[3])
end";
/// A consumer without entries is removed after this time.
const FORGOTTEN: Duration = Duration::from_secs(3600);
/// Entries in one command.
const SOME: usize = 1000;

/// A queue in a stream.
#[derive(Debug)]
pub(crate) struct StreamQueue {
    name: String,
    group: String,
    worker: String,
    lease: Duration,
    /// Entries that this worker has taken and not ended.
    held: Mutex<HashSet<String>>,
    /// Entries that were claimed from others and wait for a lane.
    claimed: Mutex<Vec<Entry>>,
    suspects: Mutex<Suspects>,
}

/// Entries as Redis answers them: ids with fields. Of one that was deleted, the fields or all of it are missing.
type Entries = Vec<Option<(String, Option<Vec<(Vec<u8>, Vec<u8>)>>)>>;

impl StreamQueue {
    /// The queue `name` for a worker whose name is nobody else's.
    pub(crate) fn new(name: &str, group: &str, worker: &str, lease: Duration) -> Self {
        let (name, group, worker) = (name.to_owned(), group.to_owned(), worker.to_owned());
        let (held, claimed, suspects) = Default::default();
        Self { name, group, worker, lease, held, claimed, suspects }
    }

    pub(super) async fn take(&self, link: &Link, count: usize) -> Result<Vec<Entry>, LinkError> {
        let claimed = {
            let mut claimed = lock(&self.claimed);
            let rest = claimed.len().saturating_sub(count);
            claimed.split_off(rest)
        };
        if !claimed.is_empty() {
            return Ok(claimed);
        }
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(&self.group).arg(&self.worker).arg("COUNT").arg(count);
        read.arg("BLOCK").arg(BLOCK.as_millis() as u64).arg("STREAMS").arg(&self.name).arg(">");
        let answer: Result<Option<Vec<(String, Entries)>>, LinkError> = link.command(&read).await;
        if let Err(LinkError::Redis(error)) = &answer
            && error.code() == Some("NOGROUP")
        {
            self.make_group(link).await?;
            return Ok(Vec::new());
        }
        let entries = answer?.unwrap_or_default().into_iter().flat_map(|(_, entries)| entries);
        Ok(self.hold(entries.collect()))
    }

    async fn make_group(&self, link: &Link) -> Result<(), LinkError> {
        let mut make = cmd("XGROUP");
        make.arg("CREATE").arg(&self.name).arg(&self.group).arg("0").arg("MKSTREAM");
        match link.command::<()>(&make).await {
            Err(LinkError::Redis(error)) if error.code() == Some("BUSYGROUP") => Ok(()),
            other => other,
        }
    }

    fn hold(&self, entries: Entries) -> Vec<Entry> {
        let mut held = lock(&self.held);
        let entries = entries
            .into_iter()
            .flatten()
            .map(|(key, fields)| Entry { payload: payload(fields.unwrap_or_default()), key });
        // What is held already was claimed from ourselves.
        entries.filter(|entry| held.insert(entry.key.clone())).collect()
    }

    pub(super) fn finish(&self, pipeline: &mut Pipeline, batch: &[(Entry, Outcome)]) {
        for (Entry { payload, key }, outcome) in batch {
            match outcome {
                Outcome::Done => {
                    pipeline.cmd("XACK").arg(&self.name).arg(&self.group).arg(key).ignore();
                    pipeline.cmd("XDEL").arg(&self.name).arg(key).ignore();
                }
                Outcome::Dead { reason } => {
                    let letter = DeadLetter::new(payload, reason).to_json();
                    let line = pipeline
                        .cmd("EVAL")
                        .arg(BURY)
                        .arg(2)
                        .arg(&self.name)
                        .arg(format!("{}:dead", self.name));
                    line.arg(&self.group).arg(key).arg(letter).ignore();
                }
                // Others claim it when its lease is over.
                Outcome::Unfinished => {}
            }
        }
        let mut held = lock(&self.held);
        for (entry, _) in batch {
            held.remove(&entry.key);
        }
    }

    pub(super) async fn keep(&self, link: &Link) -> Result<usize, LinkError> {
        // What was seen before an outage says nothing: nobody could renew.
        self.look_after(link).await.inspect_err(|_| lock(&self.suspects).clear())
    }

    async fn look_after(&self, link: &Link) -> Result<usize, LinkError> {
        self.make_group(link).await?;
        self.renew(link).await?;
        let idle = self.idle(link).await?;
        let dead = lock(&self.suspects).look(&idle, self.lease);
        let claimed = if lock(&self.claimed).is_empty() { self.claim(link, &dead).await? } else { 0 };
        let restart = link.command(self.script(RESTART).arg(&self.group)).await?;
        if let 1.. = restart {
            tracing::warn!(entries = restart, "the clock of Redis was set back: leases start anew");
        }
        self.forget_consumers(link).await?;
        Ok(claimed)
    }

    fn script(&self, text: &str) -> redis::Cmd {
        cmd("EVAL").arg(text).arg(1).arg(&self.name).clone()
    }

    /// Starts the lease of what is held anew.
    async fn renew(&self, link: &Link) -> Result<(), LinkError> {
        let held: Vec<String> = lock(&self.held).iter().cloned().collect();
        for some in held.chunks(SOME) {
            let mut claim = cmd("XCLAIM");
            claim.arg(&self.name).arg(&self.group).arg(&self.worker).arg(0).arg(some).arg("JUSTID");
            link.command::<Value>(&claim).await?;
        }
        Ok(())
    }

    /// Entries of the group that nobody has renewed for a while, the oldest first.
    async fn idle(&self, link: &Link) -> Result<Vec<Idle>, LinkError> {
        let mut pending = cmd("XPENDING");
        pending.arg(&self.name).arg(&self.group);
        pending.arg("IDLE").arg(Suspects::threshold(self.lease).as_millis() as u64);
        link.command(pending.arg("-").arg("+").arg(SOME)).await
    }

    /// Takes entries over whose lease is over, unless another worker is faster.
    async fn claim(&self, link: &Link, ids: &[String]) -> Result<usize, LinkError> {
        if ids.is_empty() {
            return Ok(0);
        }
        let mut claim = cmd("XCLAIM");
        claim.arg(&self.name).arg(&self.group).arg(&self.worker).arg(self.lease.as_millis() as u64).arg(ids);
        let entries = self.hold(link.command(&claim).await?);
        let count = entries.len();
        lock(&self.claimed).extend(entries);
        Ok(count)
    }

    async fn forget_consumers(&self, link: &Link) -> Result<(), LinkError> {
        let consumers: Vec<HashMap<String, Value>> =
            link.command(cmd("XINFO").arg("CONSUMERS").arg(&self.name).arg(&self.group)).await?;
        for consumer in consumers {
            let number =
                |key| consumer.get(key).and_then(|value| redis::from_redis_value_ref::<u64>(value).ok());
            let name =
                consumer.get("name").and_then(|value| redis::from_redis_value_ref::<String>(value).ok());
            let (Some(0), Some(idle), Some(name)) = (number("pending"), number("idle"), name) else {
                continue;
            };
            if idle > FORGOTTEN.as_millis() as u64 && name != self.worker {
                self.remove_consumer(link, &name).await?;
            }
        }
        Ok(())
    }

    async fn remove_consumer(&self, link: &Link, name: &str) -> Result<(), LinkError> {
        link.command(self.script(FORGET).arg(&self.group).arg(name)).await
    }

    pub(super) async fn leave(&self, _link: &Link) -> Result<(), LinkError> {
        // A consumer with entries must stay until they are claimed; one without is forgotten later.
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The task's JSON: the field `task`, or an object of all fields.
fn payload(fields: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<u8> {
    if let Some((_, task)) = fields.iter().find(|(name, _)| name == b"task") {
        return task.clone();
    }
    let text = |bytes: &[u8]| serde_json::Value::String(String::from_utf8_lossy(bytes).into_owned());
    let object: serde_json::Map<_, _> = fields
        .iter()
        .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), text(value)))
        .collect();
    serde_json::Value::Object(object).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_may_be_one_field_or_three() {
        let field = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        assert_eq!(payload(vec![field("task", "{}")]), b"{}");
        let three = payload(vec![field("id", "1"), field("ipv4", "10.0.0.1"), field("mac", "001a2b3c4d5e")]);
        assert!(crate::Task::parse(&three).is_ok());
    }
}
