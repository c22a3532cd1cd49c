//! Requests about containers.

use super::{ContainerAction, filters};
use crate::{
    action::Action,
    convert,
    error::BadRequest,
    input::{Input, Query},
    routes::{Table, routes},
};
use bollard_stubs::models::{ContainerUpdateBody, HostConfig};
use engine::{
    op::{AttachOptions, LogQuery, PutOptions, RemoveOptions, StopOptions, UpdateRequest, WaitCondition},
    spec::{ContainerName, Signal},
};
use hyper::{header, header::HeaderValue};
use std::path::PathBuf;

pub(crate) const ROUTES: Table = routes! {
    GET "/containers/json" None "List containers" => list;
    POST "/containers/create" Document "Create a container" => create;
    POST "/containers/prune" None "Remove stopped containers" => |input| done(ContainerAction::Prune(filters::prune(&input.query)?));
    GET "/containers/{id}/json" None "Inspect a container" => |input| done(ContainerAction::Inspect {
        id: input.param(0), size: input.query.flag("size") });
    GET "/containers/{id}/top" None "List its processes" => top;
    GET "/containers/{id}/logs" None "Read its output" => logs;
    GET "/containers/{id}/changes" None "What differs from its image" => |input| done(ContainerAction::Changes { id: input.param(0) });
    GET "/containers/{id}/export" None "Its files as a tar archive" => |input| done(ContainerAction::Export { id: input.param(0) });
    GET "/containers/{id}/stats" None "What it uses, once or as a stream" => stats;
    POST "/containers/{id}/resize" None "Size of its terminal" => resize;
    POST "/containers/{id}/start" Document "Start it" => |input| done(ContainerAction::Start { id: input.param(0) });
    POST "/containers/{id}/stop" None "Stop it" => |input| done(ContainerAction::Stop {
        id: input.param(0), options: stop_options(&input.query)? });
    POST "/containers/{id}/restart" None "Restart it" => |input| done(ContainerAction::Restart {
        id: input.param(0), options: stop_options(&input.query)? });
    POST "/containers/{id}/kill" None "Send it a signal" => kill;
    POST "/containers/{id}/update" Document "Change its limits or restart policy" => update;
    POST "/containers/{id}/rename" None "Give it another name" => rename;
    POST "/containers/{id}/pause" None "Freeze it" => |input| done(ContainerAction::Pause { id: input.param(0) });
    POST "/containers/{id}/unpause" None "Thaw it" => |input| done(ContainerAction::Unpause { id: input.param(0) });
    POST "/containers/{id}/attach" None "Attach to its streams" => attach;
    GET "/containers/{id}/attach/ws" None "Attach over a WebSocket" => attach_websocket;
    POST "/containers/{id}/wait" None "Wait until it exits or is removed" => wait;
    DELETE "/containers/{id}" None "Remove it" => |input| done(ContainerAction::Remove {
        id: input.param(0),
        options: RemoveOptions { force: input.query.flag("force"), volumes: input.query.flag("v") } });
    HEAD "/containers/{id}/archive" None "What a path in it is" => |input| done(ContainerAction::ArchiveStat {
        id: input.param(0), path: path(&input.query)? });
    GET "/containers/{id}/archive" None "Files of it as a tar archive" => |input| done(ContainerAction::ArchiveGet {
        id: input.param(0), path: path(&input.query)? });
    PUT "/containers/{id}/archive" Stream "Unpack a tar archive in it" => archive_put;
};

fn done(action: ContainerAction) -> Result<Action, BadRequest> {
    Ok(Action::Container(Box::new(action)))
}

fn list(input: Input) -> Result<Action, BadRequest> {
    done(ContainerAction::List(Box::new(filters::containers(&input.query)?)))
}

fn create(input: Input) -> Result<Action, BadRequest> {
    let spec = convert::create::container_spec(
        input.query.get("name"),
        input.query.owned("platform"),
        input.json()?,
    )?;
    done(ContainerAction::Create(Box::new(spec)))
}

fn top(input: Input) -> Result<Action, BadRequest> {
    let arguments = input.query.get("ps_args").unwrap_or_default().split_whitespace();
    done(ContainerAction::Top { id: input.param(0), ps_args: arguments.map(str::to_owned).collect() })
}

fn logs(input: Input) -> Result<Action, BadRequest> {
    let query = &input.query;
    let (stdout, stderr) = (query.flag("stdout"), query.flag("stderr"));
    if !stdout && !stderr {
        return Err(BadRequest::field("stdout", "you must choose at least one stream: stdout, stderr"));
    }
    let tail = query.get("tail").filter(|tail| *tail != "all");
    done(ContainerAction::Logs {
        id: input.param(0),
        timestamps: query.flag("timestamps"),
        query: LogQuery {
            stdout,
            stderr,
            follow: query.flag("follow"),
            // Docker's tools read anything but a number of lines as "all".
            tail: tail.and_then(|tail| tail.parse().ok()),
            since: filters::time(query, "since")?,
            until: filters::time(query, "until")?,
        },
    })
}

fn stats(input: Input) -> Result<Action, BadRequest> {
    done(ContainerAction::Stats {
        id: input.param(0),
        stream: input.query.flag_or("stream", true),
        one_shot: input.query.flag("one-shot"),
    })
}

/// The size of a terminal: `h` and `w`.
pub(crate) fn terminal_size(query: &Query) -> Result<(u16, u16), BadRequest> {
    let columns = query.number("w")?.unwrap_or_default();
    let rows = query.number("h")?.unwrap_or_default();
    Ok((columns, rows))
}

fn resize(input: Input) -> Result<Action, BadRequest> {
    let (columns, rows) = terminal_size(&input.query)?;
    done(ContainerAction::Resize { id: input.param(0), columns, rows })
}

fn signal(query: &Query) -> Result<Option<Signal>, BadRequest> {
    let parsed = query.get("signal").map(Signal::parse).transpose();
    parsed.map_err(|error| BadRequest::field("signal", error.to_string()))
}

fn stop_options(query: &Query) -> Result<StopOptions, BadRequest> {
    Ok(StopOptions { signal: signal(query)?, timeout: query.number("t")? })
}

fn kill(input: Input) -> Result<Action, BadRequest> {
    let signal = signal(&input.query)?.unwrap_or(Signal::KILL);
    done(ContainerAction::Kill { id: input.param(0), signal })
}

fn update(input: Input) -> Result<Action, BadRequest> {
    let body: ContainerUpdateBody = input.json()?;
    let as_json = serde_json::to_value(body).map_err(BadRequest::Body)?;
    let mut host: HostConfig = serde_json::from_value(as_json).map_err(BadRequest::Body)?;
    let restart =
        host.restart_policy.is_some().then(|| convert::create::restart_policy(&host)).transpose()?;
    host.restart_policy = None;
    let request = UpdateRequest { resources: convert::create::resources_of(&host)?, restart };
    done(ContainerAction::Update { id: input.param(0), request: Box::new(request) })
}

fn rename(input: Input) -> Result<Action, BadRequest> {
    let name = ContainerName::parse(input.query.get("name").unwrap_or_default());
    let name = name.map_err(|error| BadRequest::field("name", error.to_string()))?;
    done(ContainerAction::Rename { id: input.param(0), name })
}

fn attach(input: Input) -> Result<Action, BadRequest> {
    attach_over(input, None)
}

fn attach_websocket(input: Input) -> Result<Action, BadRequest> {
    let key = input.headers.get(header::SEC_WEBSOCKET_KEY).cloned().ok_or(BadRequest::NoWebSocket)?;
    match input.upgrade {
        Some(_) => attach_over(input, Some(key)),
        None => Err(BadRequest::NoWebSocket),
    }
}

fn attach_over(input: Input, websocket: Option<HeaderValue>) -> Result<Action, BadRequest> {
    let query = &input.query;
    done(ContainerAction::Attach {
        id: input.param(0),
        options: AttachOptions {
            stdin: query.flag("stdin"),
            stdout: query.flag("stdout"),
            stderr: query.flag("stderr"),
        },
        logs: query.flag("logs"),
        stream: query.flag("stream"),
        detach_keys: query.owned("detachKeys"),
        upgrade: input.upgrade,
        websocket,
    })
}

fn wait(input: Input) -> Result<Action, BadRequest> {
    let condition = match input.query.get("condition").unwrap_or_default() {
        "" | "not-running" => WaitCondition::NotRunning,
        "next-exit" => WaitCondition::NextExit,
        "removed" => WaitCondition::Removed,
        other => {
            let reason = format!("{other:?} is none of not-running, next-exit, removed");
            return Err(BadRequest::field("condition", reason));
        }
    };
    done(ContainerAction::Wait { id: input.param(0), condition })
}

fn path(query: &Query) -> Result<PathBuf, BadRequest> {
    query.get("path").map(PathBuf::from).ok_or_else(|| BadRequest::field("path", "must be given"))
}

fn archive_put(mut input: Input) -> Result<Action, BadRequest> {
    done(ContainerAction::ArchivePut {
        id: input.param(0),
        path: path(&input.query)?,
        options: PutOptions {
            no_overwrite_dir_non_dir: input.query.flag("noOverwriteDirNonDir"),
            copy_uid_gid: input.query.flag("copyUIDGID"),
        },
        body: input.take_stream()?,
    })
}
