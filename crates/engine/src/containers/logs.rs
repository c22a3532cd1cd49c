//! Reading logs.

use crate::{
    Engine,
    error::EngineError,
    feed::Feed,
    id::ContainerId,
    op::{LogLine, LogQuery, OutputStream, WaitCondition},
    spec::LogDriver,
};
use container::{
    log::{LogEntry, LogReader},
    protocol::StreamName,
};
use std::{os::fd::OwnedFd, path::PathBuf};
use tokio::{
    io::unix::AsyncFd,
    sync::{mpsc::Sender, oneshot},
};

/// Lines that may be ready before the client takes them.
const READ_AHEAD: usize = 16;

impl Engine {
    /// The json-file log of a container.
    pub(crate) fn log_path(&self, id: &ContainerId) -> PathBuf {
        self.container_dir(id).join(format!("{id}-json.log"))
    }

    /// The lines of a container's log, and with `follow` those it goes on to write, until it exits.
    pub async fn logs(&self, reference: &str, query: LogQuery) -> Result<Feed<LogLine>, EngineError> {
        let id = self.state().find(reference)?;
        let (driver, runs) = self.look(&id, |container| {
            (container.record.spec.log.driver, container.state.phase.run().is_some())
        })?;
        if driver == LogDriver::None {
            return Err(EngineError::NotImplemented(
                "configured logging driver does not support reading".to_owned(),
            ));
        }
        let follow = query.follow && runs;
        let wanted = container::log::LogQuery {
            tail: query.tail.and_then(|lines| u64::try_from(lines).ok()),
            since: query.since,
            until: query.until,
            follow,
            stdout: query.stdout,
            stderr: query.stderr,
        };
        let ended = match follow {
            true => Some(self.waiter(&id, WaitCondition::NotRunning)?),
            false => None,
        };
        let path = self.log_path(&id);
        let reader = self.blocking(move |_| {
            LogReader::open(&path, wanted).map_err(|error| EngineError::Io {
                action: "read the log",
                path: error.path,
                source: error.source,
            })
        });
        let reader = reader.await?;
        let (sender, feed) = Feed::new(READ_AHEAD);
        tokio::spawn(async move {
            let (stop, stopped) = oneshot::channel();
            if let Some(ended) = ended {
                tokio::spawn(async move {
                    ended.exit().await;
                    let _ = stop.send(());
                });
                pass_on(reader, &sender, stopped).await;
            } else {
                drop(stop);
                pass_on(reader, &sender, stopped).await;
            }
        });
        Ok(feed)
    }
}

/// Sends entries until the log ends: at its end, or when following, after the container's.
async fn pass_on(mut reader: LogReader, sender: &Sender<LogLine>, mut stopped: oneshot::Receiver<()>) {
    loop {
        match reader.next_entry() {
            Ok(Some(entry)) => {
                if sender.send(line(entry)).await.is_err() {
                    return;
                }
            }
            Ok(None) if !reader.is_following() => return,
            Ok(None) => {
                let Some(watch) = reader.watch() else { return };
                let Ok(copy) = watch.try_clone_to_owned() else { return };
                let Ok(changed) = watched(copy) else { return };
                tokio::select! {
                    _ = changed.readable() => {}
                    () = sender.closed() => return,
                    _ = &mut stopped => {
                        drop(changed);
                        reader.stop_following();
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a log cannot be read on");
                return;
            }
        }
    }
}

/// Lets the runtime watch a descriptor.
#[expect(
    deprecated,
    reason = "its successor is unsafe because of types that lie about their descriptor; this one owns it"
)]
fn watched(descriptor: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(descriptor)
}

fn line(entry: LogEntry) -> LogLine {
    LogLine {
        stream: match entry.stream {
            StreamName::Stdout => OutputStream::Stdout,
            StreamName::Stderr => OutputStream::Stderr,
        },
        time: entry.time,
        text: entry.text.into_bytes().into(),
    }
}
