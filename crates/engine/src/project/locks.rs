//! One `up`, `down` or `run` of a project at a time.

use crate::error::EngineError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use time::OffsetDateTime;
use tokio::sync::Notify;

/// Which projects are being worked on.
#[derive(Debug, Default, Clone)]
pub(crate) struct Locks {
    held: Arc<Mutex<BTreeMap<String, Holder>>>,
    /// Told whenever a project is given back.
    freed: Arc<Notify>,
}

/// Who works on a project.
#[derive(Debug, Clone)]
struct Holder {
    what: &'static str,
    since: OffsetDateTime,
    /// The engine goes on by itself with what an earlier one was killed in.
    recovering: bool,
}

/// The right to work on a project; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Guard {
    locks: Locks,
    project: String,
}

impl Locks {
    /// Takes the right to work on a project; waits for work that this engine goes on with after an earlier one died,
    /// because no user does that work.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub(crate) async fn take_after_recovery(
        &self,
        project: &str,
        what: &'static str,
    ) -> Result<Guard, EngineError> {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            if !self.is_recovering(project) {
                return self.take(project, what);
            }
            freed.await;
        }
    }

    /// Takes the right to go on with work that an earlier engine was killed in.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub(crate) fn take_to_recover(&self, project: &str, what: &'static str) -> Result<Guard, EngineError> {
        self.hold(project, what, true)
    }

    fn is_recovering(&self, project: &str) -> bool {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(project)
            .is_some_and(|holder| holder.recovering)
    }

    /// Takes the right to work on a project.
    ///
    /// # Errors
    /// A conflict that says who works on it and since when: waiting would hide that two users change one project.
    pub(crate) fn take(&self, project: &str, what: &'static str) -> Result<Guard, EngineError> {
        self.hold(project, what, false)
    }

    fn hold(&self, project: &str, what: &'static str, recovering: bool) -> Result<Guard, EngineError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(holder) = held.get(project) {
            let seconds = (OffsetDateTime::now_utc() - holder.since).whole_seconds();
            return Err(EngineError::Conflict(format!(
                "the project `{project}` is busy: another `{}` began {seconds} s ago; wait until it is done, or interrupt it",
                holder.what
            )));
        }
        held.insert(project.to_owned(), Holder { what, since: OffsetDateTime::now_utc(), recovering });
        Ok(Guard { locks: self.clone(), project: project.to_owned() })
    }

    /// Waits until nobody works on a project, and takes the right to.
    pub(crate) async fn wait(&self, project: &str, what: &'static str) -> Guard {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // From here on a release is not missed, also when it comes before the wait.
            freed.as_mut().enable();
            if let Ok(guard) = self.take(project, what) {
                return guard;
            }
            freed.await;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut held = self.locks.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(&self.project);
        drop(held);
        self.locks.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_is_next() {
        let locks = Locks::default();
        let guard = locks.take("shop", "up").unwrap();
        let waiting = tokio::spawn({
            let locks = locks.clone();
            async move { locks.wait("shop", "run").await }
        });
        tokio::task::yield_now().await;
        drop(guard);
        let guard = waiting.await.unwrap();
        let error = locks.take("shop", "up").unwrap_err().to_string();
        assert!(error.contains("another `run` began"), "{error}");
        drop(guard);
    }

    #[test]
    fn a_second_worker_is_told_who_is_first() {
        let locks = Locks::default();
        let guard = locks.take("shop", "up").unwrap();
        let error = locks.take("shop", "down").unwrap_err().to_string();
        assert!(error.contains("the project `shop` is busy: another `up` began"), "{error}");
        assert!(locks.take("other", "up").is_ok());
        drop(guard);
        assert!(locks.take("shop", "down").is_ok());
    }
}
