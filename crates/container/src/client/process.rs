//! Shims as child processes: somebody must ask for their exit status, or zombies stay.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A shim that this process has started.
///
/// Dropping it is right at any time: a shim that has ended is reaped, one that has not is left alone and
/// reaped when it ends. Best is to drop it when the shim has closed its connections: it ends at once then.
#[derive(Debug)]
pub struct ShimProcess(Option<Child>);

impl ShimProcess {
    pub(super) fn new(child: Child) -> Self {
        Self(Some(child))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.0.as_ref().map_or(0, Child::id)
    }

    /// Waits until it ends.
    ///
    /// # Errors
    /// The kernel's.
    pub fn wait(mut self) -> io::Result<ExitStatus> {
        match self.0.take() {
            Some(mut child) => child.wait(),
            None => Ok(ExitStatus::default()),
        }
    }
}

impl Drop for ShimProcess {
    fn drop(&mut self) {
        let Some(mut child) = self.0.take() else { return };
        if matches!(child.try_wait(), Ok(None)) {
            leave(child);
        }
    }
}

/// Shims nobody holds any more. While there are any, a thread looks after them.
static LEFT: Mutex<Vec<Child>> = Mutex::new(Vec::new());

fn left() -> MutexGuard<'static, Vec<Child>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

fn leave(child: Child) {
    let mut left = left();
    left.push(child);
    if left.len() == 1 {
        // Without a thread they are reaped with the next one that can be started.
        let _ = std::thread::Builder::new().name("shim-reaper".into()).stack_size(64 * 1024).spawn(reap);
    }
}

fn reap() {
    const LONGEST: Duration = Duration::from_secs(1);
    let mut pause = Duration::from_millis(1);
    loop {
        std::thread::sleep(pause);
        let mut left = left();
        let before = left.len();
        left.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        if left.is_empty() {
            return;
        }
        pause = if left.len() < before { Duration::from_millis(1) } else { (pause * 2).min(LONGEST) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::process::Command;

    #[test]
    fn a_dropped_process_is_reaped_when_it_ends() {
        let child = Command::new("sleep").arg("0.01").spawn().unwrap();
        let proc = format!("/proc/{}", child.id());
        drop(ShimProcess::new(child));
        while Path::new(&proc).exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
