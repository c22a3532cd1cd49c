//! The work on batches.

use crate::{
    Task,
    clickhouse::ClickHouse,
    dependency::Dependency,
    metrics::{Ending, Metrics},
    pastebin::{PasteError, Pastebin},
    queue::{Entry, Outcome, Queue},
    redis_link::{BLOCK, Link, LinkError},
    results::{Record, Saved, Writer},
};
use futures_util::future::join_all;
use serde::Serialize;
use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Answers of rubbish to a task before it is a dead letter.
const ATTEMPTS: u32 = 8;

/// Everything that work needs.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) queue: Queue,
    pub(crate) batch: usize,
    /// Without a sign of life for this time, the worker's tasks are taken over.
    pub(crate) lease: std::time::Duration,
    /// For blocking commands; one lane at a time takes, so that entries gather while all are busy.
    pub(crate) taking: tokio::sync::Mutex<Link>,
    pub(crate) link: Link,
    pub(crate) redis: Arc<Dependency>,
    pub(crate) clickhouse: ClickHouse,
    pub(crate) database: Arc<Dependency>,
    pub(crate) pastebin: Pastebin,
    pub(crate) paste: Arc<Dependency>,
    pub(crate) results: Writer,
    pub(crate) metrics: Metrics,
    /// Nothing more is taken.
    pub(crate) stop: CancellationToken,
    /// What is under way is given up.
    pub(crate) deadline: CancellationToken,
}

/// What is sent to the paste service.
#[derive(Debug, Serialize)]
struct Found<'a> {
    id: &'a str,
    username: &'a str,
    ipv4: String,
    mac: String,
}

/// Tasks of a batch with their outcomes so far.
#[derive(Debug)]
struct Batch {
    entries: Vec<Entry>,
    outcomes: Mutex<Vec<Outcome>>,
}

impl Worker {
    /// Takes batches and brings them to an end, until told to stop.
    pub(crate) async fn lane(&self, lane: usize) {
        let mut sure = None;
        while !self.stop.is_cancelled() {
            let taken = tokio::select! {
                taken = self.take(lane, &mut sure) => taken,
                () = self.nothing_is_taken_any_more() => return,
            };
            if !taken.is_empty() {
                self.batch(lane, taken).await;
            }
        }
    }

    /// A blocking command that was sent before the deadline could still take what another lane gives back after it: it is
    /// left only when the server has ended it too.
    async fn nothing_is_taken_any_more(&self) {
        self.deadline.cancelled().await;
        tokio::time::sleep(BLOCK).await;
    }

    /// Takes entries; none when there are none or they cannot be had.
    ///
    /// `sure` is the number of breaks of the link up to which it is certain that the lane holds nothing. When it has broken
    /// since, an answer may be lost, or the removal of a batch undone by a failover: what the lane holds comes first.
    async fn take(&self, lane: usize, sure: &mut Option<u64>) -> Vec<Entry> {
        let link = self.taking.lock().await;
        if self.stop.is_cancelled() {
            return Vec::new();
        }
        let call = self.redis.begin().await;
        let breaks = link.breaks();
        let held = match *sure == Some(breaks) {
            true => Ok(Vec::new()),
            false => self.queue.taken(&link, lane).await,
        };
        // In one call: where reading is answered and taking is not, the breaker must not believe that all is well.
        let result = match held {
            Ok(held) if held.is_empty() => self.queue.take(&link, lane, self.batch).await,
            held => held,
        };
        match result {
            Ok(taken) => {
                call.succeeded();
                *sure = Some(breaks);
                taken
            }
            Err(error) => {
                call.failed(&error, None);
                *sure = None;
                Vec::new()
            }
        }
    }

    async fn batch(&self, lane: usize, entries: Vec<Entry>) {
        let (start, count) = (Instant::now(), entries.len());
        self.metrics.taken.inc_by(count as u64);
        self.metrics.batch.observe(count as f64);
        self.metrics.in_flight.inc_by(count as i64);
        let outcomes = Mutex::new(vec![Outcome::Unfinished; count]);
        let batch = Batch { entries, outcomes };
        tokio::select! {
            () = self.work(&batch) => {}
            () = self.deadline.cancelled() => {}
        }
        self.finish(lane, batch.into_outcomes()).await;
        self.metrics.in_flight.dec_by(count as i64);
        self.metrics.latency.observe(start.elapsed().as_secs_f64());
    }

    async fn finish(&self, lane: usize, batch: Vec<(Entry, Outcome)>) {
        let unfinished = batch.iter().filter(|(_, outcome)| *outcome == Outcome::Unfinished).count();
        let call = || async { Ok(self.queue.finish(&self.link, lane, &batch).await?) };
        let grace = async {
            self.deadline.cancelled().await;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        };
        tokio::select! {
            result = self.redis.insist::<(), LinkError, _>(u32::MAX, call) => {
                if result.is_ok() {
                    self.metrics.returned.inc_by(unfinished as u64);
                }
            }
            () = grace => tracing::warn!(lane, "the batch stays with this worker until others take it back"),
        }
    }

    async fn work(&self, batch: &Batch) {
        let tasks = self.parse(batch);
        let ids = tasks.iter().map(|(task, _)| task.id.clone()).collect();
        let asked = Instant::now();
        let Ok(known) = self.results.known(ids).await else { return };
        let (known, new): (Vec<_>, Vec<_>) =
            tasks.into_iter().partition(|(task, _)| known.contains(&task.id));
        for (_, places) in known {
            batch.end(&places, &Outcome::Done);
            self.metrics.ended(Ending::Known);
        }
        let devices: Vec<_> = new.iter().map(|(task, _)| task.device).collect();
        let call = || self.clickhouse.lookup(&devices);
        let Ok(found) = self.database.insist(u32::MAX, call).await else { return };
        join_all(new.iter().map(async |(task, places)| match found.get(&task.device) {
            Some(username) => self.hand_over(batch, places, task, username, asked).await,
            None => {
                batch.end(places, &Outcome::Done);
                self.metrics.ended(Ending::NoAccount);
            }
        }))
        .await;
    }

    /// The tasks of a batch, each with the places of its entries. What is malformed ends here.
    fn parse(&self, batch: &Batch) -> Vec<(Task, Vec<usize>)> {
        let mut tasks: Vec<(Task, Vec<usize>)> = Vec::with_capacity(batch.entries.len());
        let mut by_id: HashMap<String, usize> = HashMap::new();
        for (place, entry) in batch.entries.iter().enumerate() {
            match Task::parse(&entry.payload) {
                Err(error) => self.bury(batch, &[place], &error),
                Ok(task) => match by_id.get(&task.id) {
                    Some(first) => tasks[*first].1.push(place),
                    None => {
                        by_id.insert(task.id.clone(), tasks.len());
                        tasks.push((task, vec![place]));
                    }
                },
            }
        }
        tasks
    }

    /// Sends a result and saves its URL, if its id was not known at `asked`.
    async fn hand_over(&self, batch: &Batch, places: &[usize], task: &Task, username: &str, asked: Instant) {
        let ending = match self.send(task, username, asked).await {
            Err(error) => return self.bury(batch, places, &error),
            Ok(None) => Ending::Known,
            Ok(Some(url)) => match self.results.save(Record { id: task.id.clone(), url }).await {
                Err(_) => return,
                Ok(saved) => {
                    if saved == Saved::Before {
                        self.metrics.duplicates.inc();
                    }
                    Ending::Saved
                }
            },
        };
        batch.end(places, &Outcome::Done);
        self.metrics.ended(ending);
    }

    /// The URL of a task's paste; none when another worker has saved one meanwhile.
    async fn send(&self, task: &Task, username: &str, asked: Instant) -> Result<Option<String>, PasteError> {
        let Task { id, device } = task;
        let found = Found { id, username, ipv4: device.ipv4.to_string(), mac: device.mac.to_string() };
        let text = serde_json::to_string(&found).unwrap_or_default();
        let asked = Mutex::new(asked);
        let call = async || match self.saved_meanwhile(id, &asked).await {
            true => Ok(None),
            false => self.pastebin.paste(id, &text).await.map(Some),
        };
        self.paste.insist(ATTEMPTS, call).await
    }

    /// Whether another worker has saved a task. It is asked for only if this one may have looked dead since `asked`.
    async fn saved_meanwhile(&self, id: &str, asked: &Mutex<Instant>) -> bool {
        let now = Instant::now();
        let before = std::mem::replace(&mut *asked.lock().unwrap_or_else(PoisonError::into_inner), now);
        if now - before < self.lease / 2 {
            return false;
        }
        self.results.known(vec![id.to_owned()]).await.is_ok_and(|known| !known.is_empty())
    }

    fn bury(&self, batch: &Batch, places: &[usize], error: &(dyn Error + 'static)) {
        let reason = chain(error);
        tracing::warn!(reason, "a task goes to the dead-letter list");
        batch.end(places, &Outcome::Dead { reason });
        self.metrics.ended(Ending::DeadLetter);
    }
}

impl Batch {
    fn end(&self, places: &[usize], outcome: &Outcome) {
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        for place in places {
            outcomes[*place] = outcome.clone();
        }
    }

    fn into_outcomes(self) -> Vec<(Entry, Outcome)> {
        let outcomes = self.outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.entries.into_iter().zip(outcomes).collect()
    }
}

/// An error with its causes, each cut to a length that fits a line of a log.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = excerpt(error);
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {}", excerpt(error));
        cause = error.source();
    }
    text
}

/// A failed pipeline names each of its thousand commands.
fn excerpt(error: &dyn Error) -> String {
    const LONGEST: usize = 400;
    let text = error.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text,
    }
}
