//! Commands executed in running containers.

use super::Action;
use crate::{
    convert,
    error::BadRequest,
    hijack::{self, Framing},
    input::Input,
    reply::{self, Reply},
    routes::{Table, routes},
};
use bollard_stubs::models::{ExecInspectResponse, ProcessConfig};
use container::protocol::StreamName;
use engine::{
    Engine, EngineError,
    op::{Attachment, Connected, ExecSpec, ExecStart},
    snapshot::ExecSnapshot,
};
use hyper::{StatusCode, upgrade::OnUpgrade};
use serde::Deserialize;
use std::{io, path::PathBuf};
use tokio::io::AsyncWriteExt as _;

/// What can be asked about executed commands.
#[derive(Debug)]
pub(crate) enum ExecAction {
    Create { container: String, spec: Box<ExecSpec> },
    Start { id: String, start: ExecStart, upgrade: Option<OnUpgrade> },
    Inspect { id: String },
    Resize { id: String, columns: u16, rows: u16 },
}

pub(crate) const ROUTES: Table = routes! {
    POST "/containers/{id}/exec" Document "Prepare a command in a container" => create;
    POST "/exec/{id}/start" Document "Start a prepared command" => start;
    GET "/exec/{id}/json" None "Inspect a command" => |input| Ok(Action::Exec(ExecAction::Inspect { id: input.param(0) }));
    POST "/exec/{id}/resize" None "Size of its terminal" => |input| {
        let (columns, rows) = super::containers::terminal_size(&input.query)?;
        Ok(Action::Exec(ExecAction::Resize { id: input.param(0), columns, rows }))
    };
};

/// The request body of `exec create`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct CreateBody {
    attach_stdin: bool,
    attach_stdout: bool,
    attach_stderr: bool,
    console_size: Option<[u16; 2]>,
    detach_keys: Option<String>,
    tty: bool,
    env: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    privileged: bool,
    user: Option<String>,
    working_dir: Option<String>,
}

/// The request body of `exec start`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct StartBody {
    detach: bool,
    console_size: Option<[u16; 2]>,
}

/// `[height, width]` as columns and rows.
fn console_size(size: Option<[u16; 2]>) -> Option<(u16, u16)> {
    size.map(|[rows, columns]| (columns, rows)).filter(|(columns, rows)| *columns > 0 && *rows > 0)
}

fn create(input: Input) -> Result<Action, BadRequest> {
    let body: CreateBody = input.json()?;
    let command = body.cmd.unwrap_or_default();
    if command.is_empty() {
        return Err(BadRequest::field("Cmd", "no exec command specified"));
    }
    let spec = ExecSpec {
        command,
        env: body.env.unwrap_or_default(),
        working_dir: body.working_dir.filter(|dir| !dir.is_empty()).map(PathBuf::from),
        user: body.user.filter(|user| !user.is_empty()),
        tty: body.tty,
        privileged: body.privileged,
        attach_stdin: body.attach_stdin,
        attach_stdout: body.attach_stdout,
        attach_stderr: body.attach_stderr,
        detach_keys: body.detach_keys.filter(|keys| !keys.is_empty()),
        console_size: console_size(body.console_size),
    };
    Ok(Action::Exec(ExecAction::Create { container: input.param(0), spec: Box::new(spec) }))
}

fn start(input: Input) -> Result<Action, BadRequest> {
    let body: StartBody = input.json_or_default()?;
    let start = ExecStart { detach: body.detach, console_size: console_size(body.console_size) };
    Ok(Action::Exec(ExecAction::Start { id: input.param(0), start, upgrade: input.upgrade }))
}

pub(crate) async fn execute(engine: &Engine, action: ExecAction) -> Result<Reply, EngineError> {
    match action {
        ExecAction::Create { container, spec } => {
            let id = engine.exec_create(&container, *spec).await?;
            Ok(reply::json_with(StatusCode::CREATED, &serde_json::json!({"Id": id.to_string()})))
        }
        ExecAction::Start { id, start, upgrade } => run(engine, &id, start, upgrade).await,
        ExecAction::Inspect { id } => {
            Ok(reply::json(&convert::legacy::exec(&inspect(&engine.exec_inspect(&id).await?))))
        }
        ExecAction::Resize { id, columns, rows } => {
            engine.exec_resize(&id, columns, rows).await?;
            Ok(reply::empty(StatusCode::OK))
        }
    }
}

async fn run(
    engine: &Engine,
    id: &str,
    start: ExecStart,
    upgrade: Option<OnUpgrade>,
) -> Result<Reply, EngineError> {
    let exec = engine.exec_inspect(id).await?;
    let keys = hijack::detach_keys(exec.spec.tty, exec.spec.detach_keys.as_deref())?;
    let framing = Framing::of(exec.spec.tty);
    match upgrade {
        Some(upgrade) if !start.detach => {
            if exec.running || exec.exit_code.is_some() {
                return Err(EngineError::Conflict(format!("the command {id} has been started already")));
            }
            let (engine, id) = (engine.clone(), id.to_owned());
            tokio::spawn(hijack::take_over(upgrade, framing, keys, async move |client| {
                begin(&engine, &id, start, framing, client).await
            }));
            Ok(hijack::switching(framing))
        }
        _ => match engine.exec_start(id, start).await? {
            None => Ok(reply::empty(StatusCode::OK)),
            Some(attachment) => {
                Ok(hijack::output(framing, futures_util::stream::empty(), without_input(attachment)))
            }
        },
    }
}

/// Starts a command whose client has its connection already, as Docker does: some clients lose what comes together with
/// the reply's head. That it cannot be started is told in the stream.
async fn begin(
    engine: &Engine,
    id: &str,
    start: ExecStart,
    framing: Framing,
    client: &mut hijack::Client,
) -> io::Result<Option<Connected>> {
    match engine.exec_start(id, start).await {
        Ok(None) => Ok(None),
        Ok(Some(attachment)) => Ok(attachment.connect().await),
        Err(error) => {
            let text = format!("berth: {}\r\n", crate::error::chain(&error));
            client.write_all(&framing.frame(StreamName::Stderr, text.as_bytes())).await?;
            Ok(None)
        }
    }
}

/// The stream of a command whose client can send nothing: its input has ended.
async fn without_input(attachment: Attachment) -> Option<Connected> {
    let mut connected = attachment.connect().await?;
    // A command that is over already needs to hear of no end.
    let _ = connected.stream.shutdown().await;
    Some(connected)
}

fn inspect(exec: &ExecSnapshot) -> ExecInspectResponse {
    let (entrypoint, arguments) = match exec.spec.command.split_first() {
        Some((first, rest)) => (first.clone(), rest.to_vec()),
        None => (String::new(), Vec::new()),
    };
    ExecInspectResponse {
        can_remove: Some(false),
        detach_keys: Some(exec.spec.detach_keys.clone().unwrap_or_default()),
        id: Some(exec.id.to_string()),
        running: Some(exec.running),
        exit_code: exec.exit_code,
        process_config: Some(ProcessConfig {
            privileged: Some(exec.spec.privileged),
            user: exec.spec.user.clone(),
            tty: Some(exec.spec.tty),
            entrypoint: Some(entrypoint),
            arguments: Some(arguments),
        }),
        open_stdin: Some(exec.spec.attach_stdin),
        open_stderr: Some(exec.spec.attach_stderr),
        open_stdout: Some(exec.spec.attach_stdout),
        container_id: Some(exec.container.to_string()),
        pid: Some(exec.pid.unwrap_or_default().into()),
    }
}
