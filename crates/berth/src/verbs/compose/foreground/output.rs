//! The terminal that progress and output share.

use std::cell::RefCell;

use container::protocol::StreamName;
use serde_json::Value;
use time::OffsetDateTime;

use crate::cli::Context;
use crate::failure::Failure;
use crate::output;
use crate::verbs::compose::follow::Whole;
use crate::verbs::compose::progress::Progress;
use crate::verbs::containers::logs::{LogChoice, open};

/// A container whose log is followed.
pub(super) struct Followed {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) prefix: String,
}

/// Progress and output on one terminal: output scrolls above the block that progress draws.
pub(super) struct Screen {
    progress: RefCell<Progress>,
}

impl Screen {
    pub(super) fn new(progress: Progress) -> Screen {
        Screen { progress: RefCell::new(progress) }
    }

    /// Shows the engine's word; true when it was the last one.
    ///
    /// # Errors
    /// The engine failed, or went away.
    pub(super) fn progress(&self, told: Option<Value>) -> Result<bool, Failure> {
        self.progress.borrow_mut().tell(told)
    }

    /// Leaves what stands there: nothing more is drawn over it.
    pub(super) fn release(&self) {
        self.progress.borrow_mut().release();
    }

    /// A line of the command's own.
    pub(super) fn note(&self, text: &str) {
        self.progress.borrow_mut().above(|_| output::note(text));
    }

    fn write(&self, stream: StreamName, text: &[u8]) -> Result<(), Failure> {
        if text.is_empty() {
            return Ok(());
        }
        let mut written = Ok(());
        self.progress.borrow_mut().above(|_| match stream {
            StreamName::Stdout => written = output::write(text),
            StreamName::Stderr => output::error_bytes(text),
        });
        written
    }

    /// Shows a container's output until it ends.
    ///
    /// # Errors
    /// Standard output is gone, or the engine.
    pub(super) async fn follow(
        &self,
        context: &Context,
        followed: Followed,
        since: OffsetDateTime,
        timestamps: bool,
    ) -> Result<Followed, Failure> {
        let choice = LogChoice {
            follow: true,
            tail: "all".to_owned(),
            since: Some(format!("{}.{:09}", since.unix_timestamp(), since.nanosecond())),
            timestamps,
            until: None,
        };
        let mut frames = match open(context, &followed.id, &choice).await {
            Ok(frames) => frames,
            Err(_) if super::state(context, &followed.id).await?.is_null() => return Ok(followed),
            Err(failure) => return Err(failure),
        };
        let (mut out, mut err) = (Whole::default(), Whole::default());
        while let Some((stream, bytes)) = frames.next().await? {
            let lines = if stream == StreamName::Stdout { &mut out } else { &mut err };
            self.write(stream, &lines.prefixed(&bytes, &followed.prefix))?;
        }
        self.write(StreamName::Stdout, &out.rest(&followed.prefix))?;
        self.write(StreamName::Stderr, &err.rest(&followed.prefix))?;
        Ok(followed)
    }
}
