//! What can go wrong in a build.

use std::fmt;
use std::io;
use std::path::PathBuf;

use beneath::AccountError;
use image::{CommitError, LoadError, PutImageError, ReferenceError, ResolveError, StoreError};

pub use crate::builder::{KeyError, OutputError};
pub use crate::cache::CacheError;
pub use crate::context::IgnoreError;
use crate::dockerfile::ParseError;
use crate::expand::ExpandError;
pub use crate::fetch::SourceError;
pub use crate::glob::GlobError;
use crate::remote::FetchError;
use crate::runner::RunnerError;
pub use crate::transfer::TransferError;
pub use crate::tree::WalkError;

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
    /// A `.dockerignore` file cannot be used.
    #[error(transparent)]
    Ignore(#[from] IgnoreError),
    /// The Dockerfile asks to be refused for its findings.
    #[error("the Dockerfile breaks {}, and its check directive says that this is an error", rules.join(", "))]
    Findings {
        /// Names of the rules.
        rules: Vec<String>,
    },
    /// The Dockerfile does not parse.
    #[error(transparent)]
    Parse(Box<ParseError>),
    /// A stage that is not in the Dockerfile was asked for.
    #[error("there is no stage {target:?} in the Dockerfile; it has {}", stages.join(", "))]
    Target {
        /// As given.
        target: String,
        /// Names or numbers of the stages.
        stages: Vec<String>,
    },
    /// A context of elsewhere could not be brought here.
    #[error("cannot use the build context {name}")]
    Bring {
        /// Its address, without passwords.
        name: String,
        /// Why.
        source: Box<StepError>,
    },
    /// Keys of files cannot be given to the build.
    #[error("--ssh {id}")]
    Keys {
        /// Id of the keys.
        id: String,
        /// Why.
        source: KeyError,
    },
    /// An image of an OCI layout could not be taken as a context.
    #[error("cannot use the build context {}", directory.display())]
    Layout {
        /// The layout.
        directory: PathBuf,
        /// Why.
        source: Box<LoadError>,
    },
    /// A platform other than this machine's was asked for.
    #[error("cannot build for platform {platform:?}; this machine builds {own:?} only")]
    Platform {
        /// As given.
        platform: String,
        /// What can be built.
        own: String,
    },
    /// A name for the result is not valid.
    #[error("cannot tag the result as {tag:?}")]
    Tag {
        /// As given.
        tag: String,
        /// What is wrong with it.
        source: ReferenceError,
    },
    /// An image named by `FROM` or `--from` is not there.
    #[error("{}: the image cannot be used{at}", at.place())]
    Image {
        /// Where it is named.
        at: Excerpt,
        /// Why.
        source: Box<ResolveError>,
    },
    /// An image named by `FROM` or `--from` could not be fetched.
    #[error("{}: cannot fetch the image {image}{at}", at.place())]
    Pull {
        /// Where it is named.
        at: Excerpt,
        /// Its reference.
        image: String,
        /// Why.
        source: FetchError,
    },
    /// An instruction could not be carried out.
    #[error("{}: the instruction failed{at}", at.place())]
    Step {
        /// Where.
        at: Excerpt,
        /// Why.
        source: Box<StepError>,
    },
    /// A command of the Dockerfile failed.
    #[error("{}: the command exited with code {code}{}{at}{}{}", at.place(), if *oom_killed { " (out of memory)" } else { "" }, Tail(output_tail), look_at(*code, *oom_killed))]
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
    /// The image could not be stored.
    #[error("the image could not be stored")]
    Put(#[from] PutImageError),
    /// The result could not be written where it was wanted.
    #[error("cannot write the result to {}", to.display())]
    Output {
        /// Where to.
        to: PathBuf,
        /// Why.
        source: Box<OutputError>,
    },
    /// The cache could not be copied to where it was wanted.
    #[error("cannot write the build cache")]
    CacheExport(#[source] CacheError),
    /// The image store failed.
    #[error("the image store failed")]
    Store(#[from] StoreError),
    /// The build was stopped from outside.
    #[error("the build was cancelled")]
    Cancelled,
}

impl From<ParseError> for BuildError {
    fn from(error: ParseError) -> Self {
        Self::Parse(Box::new(error))
    }
}

/// Why an instruction could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// Its variables.
    #[error(transparent)]
    Expand(#[from] ExpandError),
    /// Its files.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// `--exclude`
    #[error(transparent)]
    Pattern(#[from] GlobError),
    /// Its sources on other hosts.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The owner it names.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Its layer.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The image store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A working directory of the build itself.
    #[error("cannot {action} {}", path.display())]
    Scratch {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A value that has no meaning there.
    #[error("{value:?} is not {expected}")]
    Value {
        /// As written, variables replaced.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A trigger of the base image.
    #[error("the base image's ONBUILD trigger is not valid: {0}")]
    Trigger(Box<ParseError>),
    /// A secret or an agent that the step cannot do without.
    #[error("the {what} {id:?} is required and was not given; give it with {flag}{id}")]
    NotGiven {
        /// What it is.
        what: &'static str,
        /// Its id.
        id: String,
        /// The beginning of the option that gives it.
        flag: &'static str,
    },
    /// A privilege that the request does not allow.
    #[error(
        "RUN --security=insecure gives the command every privilege on this host, and is not allowed; \
         if that is meant, build with --allow security.insecure"
    )]
    NotAllowed,
    /// Something of the language that this version does not do.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
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

/// What to look at, where the code tells; begun by a line break.
fn look_at(code: i32, oom_killed: bool) -> &'static str {
    match code {
        _ if oom_killed => "\nlook at: how much memory the command needs, and how much this host has left",
        126 => {
            "\nlook at: the command was found and cannot be executed; is it a program of this platform, with the \
             permission to be executed, and is the interpreter in its first line there?"
        }
        127 => {
            "\nlook at: a command was not found; does an earlier step install it, and does PATH lead to it?"
        }
        137 => "\nlook at: the command was killed (SIGKILL)",
        _ => "",
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
