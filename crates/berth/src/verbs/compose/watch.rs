//! The foreground of `up`: the services' output until they end or the user stops them.

use compose::model::Project;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use time::OffsetDateTime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::follow::{Follow, Style};
use crate::cli::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::project::{Member, Target, in_order, members};
use crate::verbs::containers::lifecycle::post;
use crate::verbs::containers::logs::LogChoice;
use crate::verbs::containers::session::Waiting;

/// What is watched.
pub(super) struct Watch<'a> {
    /// The project.
    pub(super) project: &'a Project,
    /// Services whose output is shown.
    pub(super) services: Vec<String>,
    /// Output before this time is not shown.
    pub(super) since: OffsetDateTime,
    /// Show each line's time.
    pub(super) timestamps: bool,
    /// How prefixes look.
    pub(super) style: Style,
    /// Seconds between stop signal and SIGKILL.
    pub(super) timeout: Option<i64>,
    /// When it ends.
    pub(super) end: WatchEnd,
}

/// When the watching ends by itself.
pub(super) enum WatchEnd {
    /// All containers have ended.
    WithAll,
    /// One has: the others are stopped.
    WithTheFirst,
    /// This service has: the others are stopped, and its exit code is taken.
    CodeOf(String),
}

/// Why the watching ended.
enum Reason {
    All,
    One(i64),
    Interrupted,
}

impl Watch<'_> {
    /// Shows output; Ctrl-C stops the containers, and a second one kills them.
    pub(super) async fn run(&self, context: &Context) -> Outcome {
        let mut signals = Signals::catch()?;
        let all = members(&context.engine, self.project.name.as_str()).await?;
        let all = in_order(Some(self.project), &all);
        let targets: Vec<Target> = all.iter().filter(|member| self.shows(member)).map(Target::of).collect();
        let reason = tokio::select! {
            reason = self.watch(context, &all, &targets) => reason?,
            () = signals.next() => Reason::Interrupted,
        };
        match reason {
            Reason::All => Ok(Exit::SUCCESS),
            Reason::One(code) => {
                self.stop(context, &all, &mut signals).await?;
                Ok(Exit(code.clamp(0, 255) as u8))
            }
            Reason::Interrupted => {
                output::note("\nstopping… (press Ctrl-C again to kill)");
                self.stop(context, &all, &mut signals).await?;
                Ok(Exit(130))
            }
        }
    }

    fn shows(&self, member: &Member) -> bool {
        !member.one_off && self.services.contains(&member.service)
    }

    async fn watch(&self, context: &Context, all: &[Member], targets: &[Target]) -> Result<Reason, Failure> {
        let choice = LogChoice {
            follow: true,
            tail: "all".to_owned(),
            since: Some(format!("{}.{:09}", self.since.unix_timestamp(), self.since.nanosecond())),
            timestamps: self.timestamps,
            until: None,
        };
        let follow = Follow::new(targets, self.style);
        let output = follow.run(context, &choice);
        let first = self.first_exit(context, all);
        tokio::pin!(output, first);
        tokio::select! {
            ended = &mut output => {
                ended?;
                match self.end {
                    WatchEnd::WithAll => Ok(Reason::All),
                    _ => first.await,
                }
            }
            reason = &mut first => reason,
        }
    }

    /// Waits for the exit that ends the watching; without one for ever.
    async fn first_exit(&self, context: &Context, all: &[Member]) -> Result<Reason, Failure> {
        let counts = |member: &&Member| match &self.end {
            WatchEnd::WithAll => false,
            WatchEnd::WithTheFirst => self.shows(member),
            WatchEnd::CodeOf(service) => member.service == *service,
        };
        let exit =
            async |member: &Member| Waiting::for_exit(context, &member.id, "not-running").await?.code().await;
        let mut exits: FuturesUnordered<_> = all.iter().filter(counts).map(exit).collect();
        match exits.next().await {
            Some(code) => code.map(Reason::One),
            None => std::future::pending().await,
        }
    }

    /// Stops what runs, dependents first; an interruption kills.
    async fn stop(&self, context: &Context, all: &[Member], signals: &mut Signals) -> Result<(), Failure> {
        let time = self.timeout.map(|seconds| seconds.to_string()).unwrap_or_default();
        let mut by_level: Vec<&Member> = all.iter().filter(|member| !member.one_off).collect();
        by_level.reverse();
        let stopping = async {
            for group in by_level.chunk_by(|a, b| a.service == b.service) {
                join_all(group.iter().map(|member| async {
                    output::note(&format!("Container {}  Stopping", member.name));
                    // It may have ended by itself.
                    let _ = post(context, &member.id, "stop", &[("t", &time)]).await;
                    output::note(&format!("Container {}  Stopped", member.name));
                }))
                .await;
            }
        };
        tokio::select! {
            () = stopping => {}
            () = signals.next() => {
                // Those that have ended already say no.
                join_all(by_level.iter().map(|member| post(context, &member.id, "kill", &[]))).await;
            }
        }
        Ok(())
    }
}

/// Ctrl-C and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn catch() -> Result<Signals, Failure> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
