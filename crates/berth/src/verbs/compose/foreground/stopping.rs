//! The end of the foreground: stopping, and killing when the user does not want to wait.

use futures_util::future::join_all;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Foreground;
use super::output::Screen;
use crate::cli::Context;
use crate::failure::Failure;
use crate::project::{Member, in_order, members};
use crate::verbs::containers::lifecycle::post;

/// Rounds of looking for what still runs: the engine may have had a start under way when it was told to leave off.
const ROUNDS: usize = 3;

/// Stops what runs, dependents first.
pub(super) async fn stop_all(
    context: &Context,
    settings: &Foreground<'_>,
    screen: &Screen,
) -> Result<(), Failure> {
    let time = settings.timeout.map(|seconds| seconds.to_string()).unwrap_or_default();
    for _ in 0..ROUNDS {
        let mut running = running(context, settings).await?;
        if running.is_empty() {
            break;
        }
        running.reverse();
        for group in running.chunk_by(|a, b| a.service == b.service) {
            join_all(group.iter().map(|member| async {
                screen.note(&format!("Container {}  Stopping", member.name));
                // It may have ended by itself.
                let _ = post(context, &member.id, "stop", &[("t", &time)]).await;
                screen.note(&format!("Container {}  Stopped", member.name));
            }))
            .await;
        }
    }
    Ok(())
}

/// Kills what runs.
pub(super) async fn kill_all(context: &Context, settings: &Foreground<'_>) -> Result<(), Failure> {
    for _ in 0..ROUNDS {
        let running = running(context, settings).await?;
        if running.is_empty() {
            break;
        }
        // Those that have ended meanwhile say no.
        join_all(running.iter().map(|member| post(context, &member.id, "kill", &[]))).await;
    }
    Ok(())
}

/// What runs of the services that were asked for, each after what it depends on.
async fn running(context: &Context, settings: &Foreground<'_>) -> Result<Vec<Member>, Failure> {
    let all = members(&context.engine, settings.project.name.as_str()).await?;
    let mut all = in_order(Some(settings.project), &all);
    let is_asked = |member: &Member| settings.asked.is_empty() || settings.asked.contains(&member.service);
    all.retain(|member| member.is_running() && !member.one_off && is_asked(member));
    Ok(all)
}

/// Ctrl-C and SIGTERM.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Catches them from now on.
    ///
    /// # Errors
    /// When they cannot be caught.
    pub(super) fn catch() -> Result<Signals, Failure> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
