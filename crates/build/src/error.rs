//! What can go wrong in a build.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::runner::RunnerError;

/// Why there is no image. `Display` names the Dockerfile's line and shows it where one is to blame.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The Dockerfile could not be read.
    #[error("cannot read the Dockerfile {}", path.display())]
    ReadDockerfile {
        /// The path tried.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The build context is not a readable directory.
    #[error("cannot read the build context {}", path.display())]
    Context {
        /// The path tried.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A command of the Dockerfile failed.
    #[error("{}: the command exited with code {code}{}{at}{}", at.place(), if *oom_killed { " (out of memory)" } else { "" }, Tail(output_tail))]
    Command {
        /// Where.
        at: Excerpt,
        /// Its exit code.
        code: i32,
        /// The kernel killed it for want of memory.
        oom_killed: bool,
        /// The last lines it wrote.
        output_tail: String,
    },
    /// A command could not be started.
    #[error("{}: the command could not be run{at}", at.place())]
    Run {
        /// Where.
        at: Excerpt,
        /// Why.
        source: RunnerError,
    },
    /// The build was stopped from outside.
    #[error("the build was cancelled")]
    Cancelled,
}

/// A place in a Dockerfile together with the lines that stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Name of the Dockerfile as the user knows it.
    pub file: String,
    /// 1-based number of the first line.
    pub line: usize,
    /// The lines, as written.
    pub lines: Vec<String>,
}

impl Excerpt {
    /// `file:line`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// The lines with their numbers, each begun by a line break.
impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = (self.line + self.lines.len()).to_string().len();
        (self.line..)
            .zip(&self.lines)
            .try_for_each(|(number, text)| write!(f, "\n {number:>width$} | {text}"))
    }
}

/// The end of a command's output, indented, or nothing.
struct Tail<'a>(&'a str);

impl fmt::Display for Tail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, "\nits last output:")?;
        self.0.lines().try_for_each(|line| write!(f, "\n   {line}"))
    }
}
