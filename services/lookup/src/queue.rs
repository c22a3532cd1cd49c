//! The queue in Redis: a list or a stream, and the dead-letter list beside either.
//!
//! Keys, for a queue named `q`: `q` itself; `q:dead` the dead letters; for lists `q:workers` (a hash of heartbeats, by
//! worker) and `q:taken:WORKER:LANE` (what a lane has taken).

mod dead;
mod list;
mod stream;

pub(crate) use dead::{DeadLetter, DeadLetters};
pub(crate) use list::ListQueue;
pub(crate) use stream::StreamQueue;

use crate::redis_link::{Link, LinkError};
use clap::ValueEnum;
use redis::Pipeline;

/// The kind of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A list of JSON texts, added by LPUSH.
    List,
    /// A stream, read by a consumer group. Entries have a field `task` with the JSON, or the fields id, ipv4 and mac.
    Stream,
}

/// What was taken from the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The task as it was put in.
    pub(crate) payload: Vec<u8>,
    /// The id of its stream entry; empty for lists.
    pub(crate) key: String,
}

/// What becomes of an entry of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is done.
    Done,
    /// It goes to the dead-letter list.
    Dead {
        /// Why.
        reason: String,
    },
    /// It stays in the queue.
    Unfinished,
}

/// A queue as a worker sees it.
#[derive(Debug)]
pub(crate) enum Queue {
    List(ListQueue),
    Stream(StreamQueue),
}

impl Queue {
    /// Waits for entries, a second at most, and takes up to `count` for a lane that has none.
    pub(crate) async fn take(&self, link: &Link, lane: usize, count: usize) -> Result<Vec<Entry>, LinkError> {
        match self {
            Self::List(queue) => queue.take(link, lane, count).await,
            Self::Stream(queue) => queue.take(link, count).await,
        }
    }

    /// What an earlier `take` of this lane took, if its answer was lost.
    pub(crate) async fn taken(&self, link: &Link, lane: usize) -> Result<Vec<Entry>, LinkError> {
        match self {
            Self::List(queue) => queue.taken(link, lane).await,
            // Its entries become claimable and are claimed.
            Self::Stream(_) => Ok(Vec::new()),
        }
    }

    /// Removes a batch from the queue, in one transaction. Repeating it changes nothing.
    pub(crate) async fn finish(
        &self,
        link: &Link,
        lane: usize,
        batch: &[(Entry, Outcome)],
    ) -> Result<(), LinkError> {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        match self {
            Self::List(queue) => queue.finish(&mut pipeline, lane, batch),
            Self::Stream(queue) => queue.finish(&mut pipeline, batch),
        }
        link.send(&pipeline).await
    }

    /// Shows that this worker lives, and takes back what dead ones had taken. Returns how many tasks.
    pub(crate) async fn keep(&self, link: &Link) -> Result<usize, LinkError> {
        match self {
            Self::List(queue) => queue.keep(link).await,
            Self::Stream(queue) => queue.keep(link).await,
        }
    }

    /// Signs this worker off.
    pub(crate) async fn leave(&self, link: &Link) -> Result<(), LinkError> {
        match self {
            Self::List(queue) => queue.leave(link).await,
            Self::Stream(queue) => queue.leave(link).await,
        }
    }
}

/// Adds a task to the end of a queue.
pub(crate) fn add(pipeline: &mut Pipeline, kind: Kind, name: &str, task: &[u8]) {
    match kind {
        Kind::List => pipeline.cmd("LPUSH").arg(name).arg(task).ignore(),
        Kind::Stream => pipeline.cmd("XADD").arg(name).arg("*").arg("task").arg(task).ignore(),
    };
}
