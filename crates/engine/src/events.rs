//! The hub through which events reach clients.

use crate::{
    Engine,
    error::EngineError,
    event::{Event, EventKind, EventQuery},
    feed::Feed,
    id::ContainerId,
    op::EventFilter,
    records::ContainerRecord,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};
use time::OffsetDateTime;
use tokio::sync::broadcast;

/// Events that are remembered for `--since`.
const REMEMBERED: usize = 256;

/// Events that a slow listener may be behind before it misses some.
const BACKLOG: usize = 1024;

/// Remembers the last events and passes new ones on.
#[derive(Debug)]
pub(crate) struct Hub {
    sender: broadcast::Sender<Event>,
    past: Mutex<VecDeque<Event>>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG), past: Mutex::default() }
    }
}

impl Hub {
    pub(crate) fn publish(&self, event: Event) {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        if past.len() == REMEMBERED {
            past.pop_front();
        }
        past.push_back(event.clone());
        let _ = self.sender.send(event);
    }

    /// What was remembered since then, and everything from now on, without a gap.
    fn subscribe(&self, since: Option<OffsetDateTime>) -> (Vec<Event>, broadcast::Receiver<Event>) {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = match since {
            None => Vec::new(),
            Some(since) => past.iter().filter(|event| event.time >= since).cloned().collect(),
        };
        (remembered, self.sender.subscribe())
    }

    pub(crate) fn listeners(&self) -> usize {
        self.sender.receiver_count()
    }
}

impl Engine {
    /// Events as they happen, after those of the past that were asked for.
    pub async fn events(&self, query: EventQuery) -> Result<Feed<Event>, EngineError> {
        let (past, mut receiver) = self.inner.events.subscribe(query.since);
        let (sender, feed) = Feed::new(16);
        tokio::spawn(async move {
            for event in past.into_iter().filter(|event| matches(&query.filter, event)) {
                if query.until.is_some_and(|until| event.time > until) || sender.send(event).await.is_err() {
                    return;
                }
            }
            let ended = async {
                match query.until {
                    Some(until) => {
                        let left = until - OffsetDateTime::now_utc();
                        tokio::time::sleep(left.try_into().unwrap_or_default()).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::pin!(ended);
            loop {
                tokio::select! {
                    () = &mut ended => return,
                    () = sender.closed() => return,
                    received = receiver.recv() => match received {
                        Ok(event) if matches(&query.filter, &event) => {
                            if sender.send(event).await.is_err() {
                                return;
                            }
                        }
                        Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                        Err(broadcast::error::RecvError::Closed) => return,
                    },
                }
            }
        });
        Ok(feed)
    }

    /// Tells that something happened to a container.
    pub(crate) fn container_event(&self, record: &ContainerRecord, action: &str, more: &[(&str, String)]) {
        let mut attributes = record.process.labels.clone();
        attributes.insert("name".to_owned(), record.name.clone());
        attributes.insert("image".to_owned(), record.spec.image.clone());
        attributes.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        self.tell(EventKind::Container, action, record.id.as_str(), attributes);
    }

    /// As [`Engine::container_event`], for a container that may be gone.
    pub(crate) fn container_event_of(&self, id: &ContainerId, action: &str, more: &[(&str, String)]) {
        if let Ok(record) = self.look(id, |container| std::sync::Arc::clone(&container.record)) {
            self.container_event(&record, action, more);
        }
    }

    pub(crate) fn tell(
        &self,
        kind: EventKind,
        action: &str,
        actor: &str,
        attributes: BTreeMap<String, String>,
    ) {
        self.inner.events.publish(Event {
            time: OffsetDateTime::now_utc(),
            kind,
            action: action.to_owned(),
            actor: actor.to_owned(),
            attributes,
        });
    }
}

fn matches(filter: &EventFilter, event: &Event) -> bool {
    let any = |wanted: &[String], test: &dyn Fn(&str) -> bool| {
        wanted.is_empty() || wanted.iter().any(|one| test(one))
    };
    let named = |kind: EventKind, wanted: &[String]| {
        let name = event.attributes.get("name").map(String::as_str);
        wanted.is_empty()
            || event.kind == kind
                && wanted
                    .iter()
                    .any(|one| event.actor.starts_with(one.as_str()) || name == Some(one.as_str()))
    };
    any(&filter.types, &|kind| kind == event.kind.as_str())
        && any(&filter.actions, &|action| {
            event.action == action || event.action.split(':').next() == Some(action)
        })
        && named(EventKind::Container, &filter.containers)
        && named(EventKind::Image, &filter.images)
        && named(EventKind::Network, &filter.networks)
        && named(EventKind::Volume, &filter.volumes)
        && filter.labels.iter().all(|label| label.matches(&event.attributes))
}
