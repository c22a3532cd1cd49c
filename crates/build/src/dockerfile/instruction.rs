//! The typed tree of a Dockerfile.

use std::time::Duration;

use super::heredoc::Heredoc;

/// The physical lines of a Dockerfile and its name.
#[derive(Debug, Clone)]
pub struct Source {
    pub(super) name: String,
    pub(super) lines: Vec<String>,
}

impl Source {
    pub(super) fn new(name: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { name: name.to_owned(), lines: text.lines().map(str::to_owned).collect() }
    }
}

/// One instruction and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Instruction {
    /// 1-based number of its first line.
    pub line: usize,
    /// 1-based number of its last line, here-documents included.
    pub last_line: usize,
    /// As written, with continuation lines joined and without here-documents.
    pub text: String,
    /// What it says.
    pub kind: Kind,
}

/// What an instruction says. Strings are unexpanded unless said otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `FROM`
    From(From),
    /// `RUN`
    Run(Run),
    /// `CMD`
    Cmd(Command),
    /// `ENTRYPOINT`
    Entrypoint(Command),
    /// `COPY`
    Copy(Transfer),
    /// `ADD`
    Add(Transfer),
    /// `ENV`: names and values.
    Env(Vec<(String, String)>),
    /// `ARG`
    Arg(Vec<ArgDefault>),
    /// `LABEL`: names and values.
    Label(Vec<(String, String)>),
    /// `WORKDIR`
    Workdir(String),
    /// `USER`
    User(String),
    /// `EXPOSE`
    Expose(Vec<String>),
    /// `VOLUME`
    Volume(Vec<String>),
    /// `STOPSIGNAL`
    StopSignal(String),
    /// `SHELL`: always a list, never expanded.
    Shell(Vec<String>),
    /// `HEALTHCHECK`
    Healthcheck(Healthcheck),
    /// `ONBUILD`: the instruction to be stored, here-documents included.
    Onbuild(String),
    /// `MAINTAINER`
    Maintainer(String),
}

/// `FROM [--platform=…] image [AS name]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// A reference, the name of an earlier stage, or `scratch`.
    pub image: String,
    /// Name of the stage, in lower case.
    pub alias: Option<String>,
    /// `--platform`
    pub platform: Option<String>,
}

/// A command in one of its two forms; never expanded by the builder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A string for the shell.
    Shell(String),
    /// A program with its arguments.
    Exec(Vec<String>),
}

/// `RUN [flags] command`
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The command; without its here-documents.
    pub command: Command,
    /// Here-documents of the command, in order.
    pub heredocs: Vec<Heredoc>,
    /// `--mount`
    pub mounts: Vec<MountFlag>,
    /// `--network`
    pub network: Option<crate::RunNetwork>,
    /// `--security`
    pub security: Security,
}

/// `RUN --security`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Security {
    /// The default profile.
    #[default]
    Sandbox,
    /// Every privilege.
    Insecure,
}

/// `RUN --mount=type=…`: every option it may have; which of them are meaningful depends on the kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MountFlag {
    /// `type`
    pub kind: MountKind,
    /// `id`
    pub id: Option<String>,
    /// `target`
    pub target: Option<String>,
    /// `source`
    pub source: Option<String>,
    /// `from`: a stage or an image.
    pub from: Option<String>,
    /// Writing is refused; absent means the kind's default.
    pub read_only: Option<bool>,
    /// `required` of secrets and agents.
    pub required: bool,
    /// `mode`, permission bits.
    pub mode: Option<u32>,
    /// `uid`
    pub uid: Option<u32>,
    /// `gid`
    pub gid: Option<u32>,
    /// `size` of a tmpfs in bytes.
    pub size: Option<u64>,
    /// `sharing` of a cache: `shared`, `private` or `locked`.
    pub sharing: Option<String>,
    /// `env`: variable that receives a secret.
    pub env: Option<String>,
}

/// What is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MountKind {
    /// Files of the context, a stage or an image.
    #[default]
    Bind,
    /// A directory that outlives the build.
    Cache,
    /// Memory.
    Tmpfs,
    /// A secret of the request.
    Secret,
    /// An SSH agent.
    Ssh,
}

/// `COPY` or `ADD`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Transfer {
    /// What to copy, in order; here-documents come from [`Transfer::heredocs`].
    pub sources: Vec<String>,
    /// Contents written in the Dockerfile itself.
    pub heredocs: Vec<Heredoc>,
    /// Where to.
    pub destination: String,
    /// `--from`: a stage by name or number, or an image; the context if absent.
    pub from: Option<String>,
    /// `--chown`
    pub chown: Option<String>,
    /// `--chmod`
    pub chmod: Option<String>,
    /// `--link`: the layer does not depend on what is below.
    pub link: bool,
    /// `--parents`: keep the directories of the source.
    pub parents: bool,
    /// `--exclude`: patterns left out.
    pub exclude: Vec<String>,
    /// `ADD --checksum`
    pub checksum: Option<String>,
    /// `ADD --keep-git-dir`
    pub keep_git_dir: bool,
    /// `ADD --unpack`: absent means that local archives are unpacked.
    pub unpack: Option<bool>,
}

/// One name of an `ARG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgDefault {
    /// The name; never expanded.
    pub name: String,
    /// The default, unexpanded.
    pub value: Option<String>,
}

/// `HEALTHCHECK`; absent options mean the engine's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthcheck {
    /// What is run.
    pub test: HealthcheckTest,
    /// Time between two checks.
    pub interval: Option<Duration>,
    /// Time a check may take.
    pub timeout: Option<Duration>,
    /// Time in which failures do not count.
    pub start_period: Option<Duration>,
    /// Time between two checks in the start period.
    pub start_interval: Option<Duration>,
    /// Failures in a row that make a container unhealthy.
    pub retries: Option<u32>,
}

/// What a health check runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthcheckTest {
    /// Nothing, also not what the base image has.
    None,
    /// A command.
    Command(Command),
}
