//! `compose run`.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use compose::model::Project;
use engine::project::RunOptions;
use serde_json::{Value, json};

use super::progress::Progress;
use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, quote};
use crate::failure::{Failure, Outcome};
use crate::project::load;
use crate::verbs::containers::create::{Object, Streams, binds, environment, pairs, publish};
use crate::verbs::containers::run::start_and_join;
use crate::verbs::containers::session::{Session, check_terminal};

/// The command.
pub(crate) const RUN: Verb = verb::<RunService>("run", "Run a command in a new container of a service")
    .examples(
        "Examples:\n  berth compose run --rm web ./manage.py migrate\n  berth compose run --rm -T db dump > file\n\n\
         What the service depends on is brought up first. Its ports are published only with --service-ports,\n\
         so that it can run beside the service's own containers. The exit code is the command's.",
    );

/// Run a command in a new container of a service, beside the service's own.
#[derive(Debug, Args)]
pub(crate) struct RunService {
    /// Run in the background and print the id
    #[arg(short, long)]
    detach: bool,
    /// Remove the container when it exits
    #[arg(long)]
    rm: bool,
    /// Name of the container
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Set a variable; without a value it is taken from here
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Read variables from a file
    #[arg(long, value_name = "FILE")]
    env_from_file: Vec<PathBuf>,
    /// Mount a volume or a path: [NAME|PATH:]TARGET[:ro]
    #[arg(short, long, value_name = "VOLUME")]
    volume: Vec<String>,
    /// Publish a port: [[IP:]HOST:]PORT[/tcp|udp]
    #[arg(short, long, value_name = "PORT")]
    publish: Vec<String>,
    /// Publish the service's own ports
    #[arg(short = 'P', long)]
    service_ports: bool,
    /// Have the service's names in its networks
    #[arg(long)]
    use_aliases: bool,
    /// User or uid, and group or gid
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// Working directory
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// Run this instead of the entrypoint; empty removes it
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,
    /// Set a label
    #[arg(short, long, value_name = "KEY[=VALUE]")]
    label: Vec<String>,
    /// Add a capability
    #[arg(long, value_name = "NAME")]
    cap_add: Vec<String>,
    /// Take a capability away
    #[arg(long, value_name = "NAME")]
    cap_drop: Vec<String>,
    /// No terminal
    #[arg(short = 'T', long = "no-TTY", visible_alias = "no-tty")]
    no_tty: bool,
    /// Send standard input
    #[arg(short, long, overrides_with = "interactive", default_value_t = true, action = clap::ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          hide_default_value = true)]
    interactive: bool,
    /// As without -T
    #[arg(short, long, hide = true)]
    tty: bool,
    /// Leave alone what the service depends on
    #[arg(long)]
    no_deps: bool,
    /// Build images though they are there
    #[arg(long)]
    build: bool,
    /// Remove containers of services that are not in the file
    #[arg(long)]
    remove_orphans: bool,
    /// Service, then the command and its arguments
    #[arg(
        value_name = "SERVICE [COMMAND [ARG...]]",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    service_and_command: Vec<String>,
}

impl Run for RunService {
    async fn run(self, context: &Context) -> Outcome {
        let (service, command) = self.service_and_command.split_at(1);
        let project = load(&context.globals, service, false)?;
        let streams = match self.detach {
            true => Streams::default(),
            false => Streams { stdin: self.interactive, stdout: true, stderr: true },
        };
        let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let tty = !self.no_tty && !self.detach && (terminal || self.tty);
        check_terminal(tty, streams.stdin)?;
        let id =
            self.make(context, &project, &service[0], &self.body(&project, command, streams, tty)?).await?;
        let session = Session { tty, stdin: streams.stdin, forward_signals: true, detach_keys: None };
        start_and_join(context, &id, self.rm, streams, session).await
    }
}

impl RunService {
    /// Has the engine make the container, and shows what it tells; gives the container's id.
    async fn make(
        &self,
        context: &Context,
        project: &Project,
        service: &str,
        container: &Value,
    ) -> Result<String, Failure> {
        let options = RunOptions {
            service: service.to_owned(),
            build: self.build,
            no_deps: self.no_deps,
            remove_orphans: self.remove_orphans,
            service_ports: self.service_ports,
            use_aliases: self.use_aliases,
        };
        let body = json!({"project": project, "options": options, "name": self.name, "container": container});
        let path = format!("/berth/projects/{}/run", quote(project.name.as_str()));
        let mut lines = context.engine.lines(Call::post(&path).json(&body)).await?;
        let (mut progress, mut id) = (Progress::new(false), None);
        loop {
            let told = lines.next().await?;
            if let Some(made) = told.as_ref().and_then(|told| told["container"].as_str()) {
                id = Some(made.to_owned());
            } else if progress.tell(told)? {
                break;
            }
        }
        id.ok_or_else(|| Failure::new("the engine did not tell which container it made"))
    }

    /// What the container shall have beside what its service says, in the shape of Docker's request.
    fn body(
        &self,
        project: &Project,
        command: &[String],
        streams: Streams,
        tty: bool,
    ) -> Result<Value, Failure> {
        let (mut config, mut host) = (Object::default(), Object::default());
        config.list("Cmd", command);
        config.list("Env", &environment(&self.env_from_file, &self.env)?);
        config.option("User", self.user.clone());
        config.option("WorkingDir", self.workdir.clone());
        config.option("Entrypoint", self.entrypoint.as_deref().map(entrypoint).transpose()?);
        config.object("Labels", pairs(&self.label));
        config.flag("Tty", tty);
        config.flag("OpenStdin", streams.stdin);
        config.flag("StdinOnce", streams.stdin);
        config.flag("AttachStdin", streams.stdin);
        config.flag("AttachStdout", streams.stdout);
        config.flag("AttachStderr", streams.stderr);
        let volumes: Vec<String> = self.volume.iter().map(|text| project_volume(project, text)).collect();
        let (bound, anonymous) = binds(&volumes)?;
        host.list("Binds", &bound);
        config.object("Volumes", anonymous);
        let ports = publish(&self.publish)?;
        config.object("ExposedPorts", ports.exposed());
        host.object("PortBindings", ports.bindings);
        host.list("CapAdd", &self.cap_add);
        host.list("CapDrop", &self.cap_drop);
        host.flag("AutoRemove", self.rm);
        config.object("HostConfig", host.0);
        Ok(Value::Object(config.0))
    }
}

/// The words of an entry point; one empty word removes it.
fn entrypoint(text: &str) -> Result<Vec<String>, Failure> {
    let words = compose::split_words(text);
    let words = words.map_err(|reason| Failure::new(format!("invalid --entrypoint {text:?}: {reason}")))?;
    Ok(if words.is_empty() { vec![String::new()] } else { words })
}

/// A volume of the project is called by its key.
fn project_volume(project: &Project, text: &str) -> String {
    let Some((source, rest)) = text.split_once(':') else { return text.to_owned() };
    match project.volumes.get(source) {
        Some(volume) => format!("{}:{rest}", volume.name),
        None => text.to_owned(),
    }
}
