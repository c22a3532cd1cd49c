//! A stream with a consumer group as a queue.

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
const FORGET: Duration = Duration::from_secs(3600);

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
}

/// Entries as Redis answers them: ids with fields, or nothing where the entry was deleted.
type Entries = Vec<(String, Option<Vec<(Vec<u8>, Vec<u8>)>>)>;

impl StreamQueue {
    /// The queue `name` for a worker whose name is nobody else's.
    pub(crate) fn new(name: &str, group: &str, worker: &str, lease: Duration) -> Self {
        let (name, group, worker) = (name.to_owned(), group.to_owned(), worker.to_owned());
        Self { name, group, worker, lease, held: Mutex::default(), claimed: Mutex::default() }
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
        self.make_group(link).await?;
        self.renew(link).await?;
        let claimed = if lock(&self.claimed).is_empty() { self.claim(link).await? } else { 0 };
        self.forget_consumers(link).await?;
        Ok(claimed)
    }

    /// Starts the lease of what is held anew.
    async fn renew(&self, link: &Link) -> Result<(), LinkError> {
        let held: Vec<String> = lock(&self.held).iter().cloned().collect();
        for some in held.chunks(1000) {
            let mut claim = cmd("XCLAIM");
            claim.arg(&self.name).arg(&self.group).arg(&self.worker).arg(0).arg(some).arg("JUSTID");
            link.command::<Value>(&claim).await?;
        }
        Ok(())
    }

    async fn claim(&self, link: &Link) -> Result<usize, LinkError> {
        let mut claim = cmd("XAUTOCLAIM");
        claim.arg(&self.name).arg(&self.group).arg(&self.worker).arg(self.lease.as_millis() as u64);
        // The answer has two parts in Redis 6.2 and three from 7.0 on.
        let answer: Vec<Value> = link.command(claim.arg("0-0").arg("COUNT").arg(1000)).await?;
        let entries: Entries = answer
            .into_iter()
            .nth(1)
            .map(redis::from_redis_value)
            .transpose()
            .map_err(redis::RedisError::from)?
            .unwrap_or_default();
        let entries = self.hold(entries);
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
            if idle > FORGET.as_millis() as u64 && name != self.worker {
                self.remove_consumer(link, &name).await?;
            }
        }
        Ok(())
    }

    async fn remove_consumer(&self, link: &Link, name: &str) -> Result<(), LinkError> {
        link.command(cmd("XGROUP").arg("DELCONSUMER").arg(&self.name).arg(&self.group).arg(name)).await
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
