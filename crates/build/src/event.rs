//! What a build tells while it goes on, and at its end. Events travel to clients as JSON lines.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One thing that happened. Steps are numbered from 1 over all stages that are built.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum BuildEvent {
    /// The Dockerfile is read and planned.
    Planned {
        /// Number of steps that will be reported.
        steps: usize,
    },
    /// An image is fetched from a registry.
    Pulling {
        /// Its reference.
        image: String,
    },
    /// A step begins.
    StepStarted {
        /// Its number.
        step: usize,
        /// Name or number of its stage.
        stage: String,
        /// 1-based line of the Dockerfile.
        line: usize,
        /// The instruction as written, continuation lines joined.
        text: String,
    },
    /// A `RUN` command wrote something.
    Output {
        /// The step that runs it.
        step: usize,
        /// Which of its streams.
        stream: Stream,
        /// The text; invalid UTF-8 is replaced.
        text: String,
    },
    /// A step ended well.
    StepFinished {
        /// Its number.
        step: usize,
        /// Its layer was taken from the cache.
        cached: bool,
        /// Wall-clock time it took.
        elapsed: Duration,
    },
    /// Something a user should look at, though the build goes on.
    Warning(Warning),
    /// The image is in the store.
    Finished(BuildResult),
}

/// A finding that does not stop the build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Name of the rule, such as `StageNameCasing`.
    pub rule: String,
    /// Name of the Dockerfile.
    pub file: String,
    /// 1-based line.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
    /// The lines that stand there, if they are known.
    #[serde(default)]
    pub lines: Vec<String>,
}

/// Which output of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The image that was built.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildResult {
    /// Its id, `sha256:…`: the digest of its configuration. Empty when only its files were wanted.
    pub image: String,
    /// The references it now has because of this build, in full form.
    pub tags: Vec<String>,
    /// Steps that were needed.
    pub steps: usize,
    /// Steps whose layer came from the cache.
    pub cached: usize,
}
