//! `exec` and `attach`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::create::{Object, Streams, environment};
use super::run::{attach, started};
use super::session::{Joined, Session, Waiting, check_terminal, join};
use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, quote};
use crate::failure::{Exit, Failure, Outcome};
use crate::project::targets;
use crate::terminal::{End, Size};

/// The command `exec`.
pub(crate) const EXEC: Verb = verb::<Exec>("exec", "Run a command in a running container")
    .takes_one()
    .examples("Examples:\n  berth exec -it web bash\n  berth exec -u www -e DEBUG=1 web env");
/// The command `attach`.
pub(crate) const ATTACH: Verb = verb::<Attach>("attach", "Join the streams of a running container")
    .takes_one()
    .examples("In a terminal ctrl-p ctrl-q leaves the container running.");

/// Run a command in a running container.
#[derive(Debug, Args)]
pub(crate) struct Exec {
    #[command(flatten)]
    flags: ExecFlags,
    /// Keep standard input open
    #[arg(short, long)]
    interactive: bool,
    /// Give the command a terminal
    #[arg(short, long)]
    tty: bool,
    /// Keys that leave a terminal
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// Container or service, then the command and its arguments
    #[arg(value_names = ["NAME", "COMMAND"], required = true, num_args = 2.., trailing_var_arg = true, allow_hyphen_values = true)]
    container_and_command: Vec<String>,
}

/// How a command is executed: Docker's and Compose's common flags.
#[derive(Debug, Args)]
pub(crate) struct ExecFlags {
    /// Run it in the background
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Set a variable
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Read variables from a file
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// User or uid, and group or gid
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// Working directory
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// Give all privileges
    #[arg(long)]
    privileged: bool,
}

impl Run for Exec {
    async fn run(self, context: &Context) -> Outcome {
        let (container, command) = self.container_and_command.split_at(1);
        let targets = targets(context, container).await?;
        let Some(target) = targets.first() else {
            return Err(Failure::new(format!("service {:?} has no container: start it first", container[0])));
        };
        let joined =
            JoinFlags { tty: self.tty, stdin: self.interactive, detach_keys: self.detach_keys.as_deref() };
        execute(context, &target.id, command, &self.flags, joined).await
    }
}

/// How the user's terminal takes part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JoinFlags<'a> {
    /// Give the command a terminal.
    pub(crate) tty: bool,
    /// Send standard input.
    pub(crate) stdin: bool,
    /// `--detach-keys`.
    pub(crate) detach_keys: Option<&'a str>,
}

/// Executes a command in a container, and takes its exit code.
///
/// # Errors
/// The engine refuses: 126 and 127 for the command, else 1.
pub(crate) async fn execute(
    context: &Context,
    container: &str,
    command: &[String],
    flags: &ExecFlags,
    joined: JoinFlags<'_>,
) -> Outcome {
    let stdin = joined.stdin && !flags.detach;
    check_terminal(joined.tty, stdin)?;
    let create = format!("/containers/{}/exec", quote(container));
    let answer = context.engine.json(Call::post(&create).json(&flags.body(command, joined)?)).await?;
    let id = answer["Id"].as_str().unwrap_or_default();
    let start = format!("/exec/{id}/start");
    let body = json!({"Detach": flags.detach, "Tty": joined.tty, "ConsoleSize": console_size(joined.tty)});
    if flags.detach {
        context.engine.text(Call::post(&start).json(&body)).await.map_err(started)?;
        return Ok(Exit::SUCCESS);
    }
    let connection = context.engine.hijack(Call::post(&start).json(&body)).await.map_err(started)?;
    let session = Session { tty: joined.tty, stdin, forward_signals: false, detach_keys: joined.detach_keys };
    if join(connection, Joined::Exec(&context.engine, id), session).await? == End::Detached {
        return Ok(Exit::SUCCESS);
    }
    let document = context.engine.json(Call::get(&format!("/exec/{id}/json"))).await?;
    Ok(Exit(document["ExitCode"].as_i64().unwrap_or_default().clamp(0, 255) as u8))
}

impl ExecFlags {
    fn body(&self, command: &[String], joined: JoinFlags<'_>) -> Result<Value, Failure> {
        let mut body = Object::default();
        body.list("Cmd", command);
        body.flag("Tty", joined.tty);
        body.flag("AttachStdin", joined.stdin && !self.detach);
        body.flag("AttachStdout", !self.detach);
        body.flag("AttachStderr", !self.detach);
        body.option("DetachKeys", joined.detach_keys);
        body.list("Env", &environment(&self.env_file, &self.env)?);
        body.option("User", self.user.clone());
        body.option("WorkingDir", self.workdir.clone());
        body.flag("Privileged", self.privileged);
        body.option("ConsoleSize", console_size(joined.tty));
        Ok(Value::Object(body.0))
    }
}

fn console_size(tty: bool) -> Option<Vec<u16>> {
    Size::now().filter(|_| tty).map(|size| vec![size.height, size.width])
}

/// Join the streams of a running container.
#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// Do not send standard input
    #[arg(long)]
    no_stdin: bool,
    /// Pass signals on to the container
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_name = "BOOL", hide_default_value = true)]
    sig_proxy: bool,
    /// Keys that leave a terminal
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// Name or id
    #[arg(value_name = "NAME")]
    container: String,
}

impl Run for Attach {
    async fn run(self, context: &Context) -> Outcome {
        let targets = targets(context, std::slice::from_ref(&self.container)).await?;
        let id = targets.first().map_or(self.container.as_str(), |target| target.id.as_str());
        let document = context.engine.json(Call::get(&format!("/containers/{}/json", quote(id)))).await?;
        let state = &document["State"];
        if !state["Running"].as_bool().unwrap_or_default() {
            return Err(Failure::new("cannot attach to a stopped container, start it first"));
        }
        if state["Paused"].as_bool().unwrap_or_default() {
            return Err(Failure::new("cannot attach to a paused container, unpause it first"));
        }
        let id = document["Id"].as_str().unwrap_or(id);
        let tty = document["Config"]["Tty"].as_bool().unwrap_or_default();
        let stdin = !self.no_stdin && document["Config"]["OpenStdin"].as_bool().unwrap_or_default();
        check_terminal(tty, stdin)?;
        let waiting = Waiting::for_exit(context, id, "").await?;
        let streams = Streams { stdin, stdout: true, stderr: true };
        let connection = attach(context, id, streams, self.detach_keys.as_deref()).await?;
        let session =
            Session { tty, stdin, forward_signals: self.sig_proxy, detach_keys: self.detach_keys.as_deref() };
        match join(connection, Joined::Container(&context.engine, id), session).await? {
            End::Detached => Ok(Exit::SUCCESS),
            End::Closed => waiting.outcome().await,
        }
    }
}
