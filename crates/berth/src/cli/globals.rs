//! Settings that hold for every command, from flags and environment.

use std::env;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::host::Host;
use crate::client::Client;
use crate::contexts::{Contexts, DEFAULT};
use crate::failure::Failure;

/// Where the engine keeps its state unless told otherwise.
const DEFAULT_ROOT: &str = "/var/lib/berth";
/// Where the engine keeps its socket and other runtime files unless told otherwise.
const DEFAULT_RUN: &str = "/run/berth";

/// The settings that hold for every command.
#[derive(Debug, Clone)]
pub(crate) struct Globals {
    /// Directory of the engine's state.
    pub(crate) root: PathBuf,
    /// Directory of the engine's runtime files.
    pub(crate) run: PathBuf,
    /// Where the engine listens.
    pub(crate) host: Host,
    /// What said so.
    pub(crate) chosen: Chosen,
    /// Why the engine that was chosen cannot be talked to: its context is gone or broken. `host` is this machine's own
    /// then, for commands that need no engine.
    pub(crate) unusable: Option<String>,
    /// Whether an engine may be started when nothing answers: only this machine's own is ours to start.
    pub(crate) start_engine: bool,
    /// Log filter for the engine: `error`, `warn`, `info`, `debug` or `trace`.
    pub(crate) log_level: Option<String>,
    /// Which project is meant.
    pub(crate) project: ProjectFlags,
}

/// What chose the engine that commands talk to. The first of these that is there wins: `--host`, `--context`,
/// `BERTH_HOST`, `BERTH_CONTEXT`, `--run` and `BERTH_RUN`, `DOCKER_HOST`, `berth context use`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// `--host`.
    Flag,
    /// An environment variable that names a host.
    Variable(&'static str),
    /// A context, by name.
    Context(String),
}

/// Flags that choose a project, as Compose has them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProjectFlags {
    /// `-f`: compose files, in order.
    pub(crate) files: Vec<String>,
    /// `-p`: the project's name.
    pub(crate) name: Option<String>,
    /// `--project-directory`.
    pub(crate) directory: Option<PathBuf>,
    /// `--profile`.
    pub(crate) profiles: Vec<String>,
    /// `--env-file`.
    pub(crate) env_files: Vec<PathBuf>,
}

/// The form in which a command was given: decides what its names mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `berth VERB`: Docker's meaning; a name that is no container's is looked up in the project of
    /// the current directory.
    Plain,
    /// `berth container VERB` and the like: Docker's meaning only.
    Host,
    /// `berth compose VERB`: Compose's meaning only.
    Project,
}

/// What a running command knows: its settings, its form, the engine.
pub(crate) struct Context {
    /// The settings.
    pub(crate) globals: Globals,
    /// The form the command was given in.
    pub(crate) form: Form,
    /// The engine, connected on first use.
    pub(crate) engine: Client,
}

impl Context {
    /// A context that has not talked to the engine yet.
    pub(crate) fn new(globals: Globals, form: Form) -> Context {
        let engine = Client::new(&globals);
        Context { globals, form, engine }
    }
}

/// The flags of every command, added to the root.
pub(crate) fn global_args(command: Command) -> Command {
    let path = |id: &'static str, value: &'static str, help: &'static str| {
        Arg::new(id).long(id).value_name(value).help(help).global(true).help_heading("Global options")
    };
    command
        .arg(path("root", "DIR", "State of the engine [default: /var/lib/berth, env BERTH_ROOT]"))
        .arg(path("run", "DIR", "Its socket and processes [default: /run/berth, env BERTH_RUN]"))
        .arg(
            path("host", "HOST", "Talk to the engine at unix://PATH, ssh://HOST or tcp://HOST:PORT [env BERTH_HOST, DOCKER_HOST]")
                .short('H'),
        )
        .arg(path("context", "NAME", "Talk to the engine of this context [env BERTH_CONTEXT]"))
        .arg(path("log-level", "LEVEL", "What the engine logs: error, warn, info, debug, trace"))
}

/// The flags that choose a project, added to the root and to `berth compose`.
pub(crate) fn project_args(command: Command) -> Command {
    let heading = "Project options";
    command
        .arg(
            Arg::new("file")
                .short('f')
                .long("file")
                .value_name("FILE")
                .action(ArgAction::Append)
                .help("Compose file; may be given several times, `-` is standard input")
                .help_heading(heading),
        )
        .arg(
            Arg::new("project-name")
                .short('p')
                .long("project-name")
                .value_name("NAME")
                .help("Name of the project")
                .help_heading(heading),
        )
        .arg(
            Arg::new("project-directory")
                .long("project-directory")
                .value_name("DIR")
                .help("What relative paths in the file are relative to")
                .help_heading(heading),
        )
        .arg(
            Arg::new("profile")
                .long("profile")
                .value_name("NAME")
                .action(ArgAction::Append)
                .help("Also the services of this profile")
                .help_heading(heading),
        )
        .arg(
            Arg::new("env-file")
                .long("env-file")
                .value_name("FILE")
                .action(ArgAction::Append)
                .help("Variables for interpolation, instead of `.env`")
                .help_heading(heading),
        )
}

impl Globals {
    /// Settings from the parsed root command and the environment.
    ///
    /// # Errors
    /// A host that cannot be connected to.
    pub(crate) fn from_matches(matches: &ArgMatches) -> Result<Globals, Failure> {
        let root = setting(matches, "root", "BERTH_ROOT").unwrap_or_else(|| DEFAULT_ROOT.into());
        let run = setting(matches, "run", "BERTH_RUN").unwrap_or_else(|| DEFAULT_RUN.into());
        let (root, run) = (absolute(&root)?, absolute(&run)?);
        let own = Host::Unix(run.join("berth.sock"));
        let (host, chosen, unusable) = match chosen(matches)? {
            Choice::Host(host, chosen) => (host, chosen, None),
            Choice::Context(name) if name == DEFAULT => (own.clone(), Chosen::Context(name), None),
            Choice::Context(name) => match context_host(&name) {
                Ok(host) => (host, Chosen::Context(name), None),
                Err(error) => (own.clone(), Chosen::Context(name), Some(error.message().to_owned())),
            },
        };
        Ok(Globals {
            start_engine: host == own,
            root,
            run,
            host,
            chosen,
            unusable,
            log_level: matches.get_one::<String>("log-level").cloned(),
            project: ProjectFlags::from_matches(matches),
        })
    }

    /// Whether commands can talk to the engine that was chosen. None is taken in its place: what was meant for another
    /// machine must not happen on this one.
    ///
    /// # Errors
    /// The context is gone or broken.
    pub(crate) fn usable(&self) -> Result<(), Failure> {
        match &self.unusable {
            None => Ok(()),
            Some(reason) => Err(Failure::new(reason).with_hint(
                "`berth context ls` shows what there is. After `berth context use default`, or with `--context default`, \
                 commands go to the engine of this machine.",
            )),
        }
    }

    /// The socket of this machine's own engine.
    pub(crate) fn own_socket(&self) -> PathBuf {
        self.run.join("berth.sock")
    }
}

/// What says which engine is meant.
enum Choice {
    Host(Host, Chosen),
    Context(String),
}

fn context_host(name: &str) -> Result<Host, Failure> {
    Ok(Host::parse(&Contexts::of_user()?.get(name)?.host)?)
}

/// See [`Chosen`] for the order.
fn chosen(matches: &ArgMatches) -> Result<Choice, Failure> {
    let flag = |id: &str| matches.get_one::<String>(id).cloned();
    if let Some(text) = flag("host") {
        return Ok(Choice::Host(Host::parse(&text)?, Chosen::Flag));
    }
    if let Some(name) = flag("context") {
        return Ok(Choice::Context(name));
    }
    if let Some(choice) = variable_host("BERTH_HOST")? {
        return Ok(choice);
    }
    if let Some(name) = variable("BERTH_CONTEXT") {
        return Ok(Choice::Context(name));
    }
    if setting(matches, "run", "BERTH_RUN").is_some() {
        return Ok(Choice::Context(DEFAULT.to_owned()));
    }
    if let Some(choice) = variable_host("DOCKER_HOST")? {
        return Ok(choice);
    }
    // Without a home there is no choice to read.
    let stored = Contexts::of_user().ok().map(|contexts| contexts.current()).transpose()?;
    Ok(Choice::Context(stored.unwrap_or_else(|| DEFAULT.to_owned())))
}

fn variable_host(name: &'static str) -> Result<Option<Choice>, Failure> {
    let Some(text) = variable(name) else { return Ok(None) };
    let host = Host::parse(&text).map_err(|error| Failure::new(format!("{name}: {error}")))?;
    Ok(Some(Choice::Host(host, Chosen::Variable(name))))
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

impl ProjectFlags {
    /// The project flags of one command level.
    pub(crate) fn from_matches(matches: &ArgMatches) -> ProjectFlags {
        let many = |id: &str| -> Vec<String> {
            matches.get_many::<String>(id).map(|v| v.cloned().collect()).unwrap_or_default()
        };
        ProjectFlags {
            files: many("file"),
            name: matches.get_one::<String>("project-name").cloned(),
            directory: matches.get_one::<String>("project-directory").map(PathBuf::from),
            profiles: many("profile"),
            env_files: many("env-file").into_iter().map(PathBuf::from).collect(),
        }
    }

    /// Adds the flags given at a deeper level, which win where only one can be.
    pub(crate) fn extend(&mut self, deeper: ProjectFlags) {
        self.files.extend(deeper.files);
        self.profiles.extend(deeper.profiles);
        self.env_files.extend(deeper.env_files);
        self.name = deeper.name.or(self.name.take());
        self.directory = deeper.directory.or(self.directory.take());
    }
}

fn setting(matches: &ArgMatches, flag: &str, variable: &str) -> Option<String> {
    matches.get_one::<String>(flag).cloned().or_else(|| self::variable(variable))
}

fn absolute(path: &str) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|e| Failure::new(format!("cannot resolve the path {path:?}: {e}")))
}
