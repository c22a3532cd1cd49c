//! The runtime under runc's command line: `berth oci create|start|state|kill|delete|…`.
//!
//! Other engines (containerd, Podman, Docker) run it as they run runc. What such programs read — the state's
//! JSON, file names, some error texts — is as theirs expect it; everything else is our own.

mod args;
mod console;
mod create;
mod error;
mod events;
mod exec;
mod features;
mod foreground;
mod help;
mod lifecycle;
mod list;
mod log;
mod options;
mod ps;
mod spec;
mod state;
mod store;
mod systemd;
mod update;

use std::ffi::OsString;
use std::io::Write;

use args::Args;
use error::OciError;
use log::Log;
use options::Global;
use store::Store;

/// Runs `berth oci ARGS…` and returns the exit code. The process must have one thread.
pub fn main(args: impl IntoIterator<Item = OsString>) -> i32 {
    let args = match args.into_iter().map(OsString::into_string).collect::<Result<Vec<_>, _>>() {
        Ok(args) => args,
        Err(arg) => return complain(&Log::none(), &OciError::NotUtf8(arg), None),
    };
    let (global, rest) = match Global::parse(args) {
        Ok(parsed) => parsed,
        Err(error) => return complain(&Log::none(), &error, None),
    };
    let log = match Log::open(&global) {
        Ok(log) => log,
        Err(error) => return complain(&Log::none(), &error, None),
    };
    let command = rest.first().cloned();
    match dispatch(&global, &log, rest) {
        Ok(code) => code,
        Err(error) => complain(&log, &error, command.as_deref()),
    }
}

/// Tells an error, on the log and on standard error, and returns the exit code.
fn complain(log: &Log, error: &OciError, command: Option<&str>) -> i32 {
    let text = error.chain();
    log.error(&text);
    // Nobody may be there to read it.
    let _ = writeln!(std::io::stderr(), "{text}");
    // runc's `exec` and `run` answer 255, so that it is not taken for the process' own status.
    if matches!(command, Some("exec" | "run")) { 255 } else { 1 }
}

fn dispatch(global: &Global, log: &Log, rest: Vec<String>) -> Result<i32, OciError> {
    let mut rest = rest.into_iter();
    let Some(command) = rest.next() else { return help::overview() };
    if global.version {
        return help::version();
    }
    let store = Store::new(&global.root);
    let rest: Vec<String> = rest.collect();
    let args = |known| Args::parse(rest.clone(), known);
    match command.as_str() {
        "create" => create::create(&store, global, log, args(create::CREATE)?),
        "run" => create::run(&store, global, log, args(create::RUN)?),
        "start" => lifecycle::start(&store, log, args(&[])?),
        "state" => list::state(&store, args(&[])?),
        "kill" => lifecycle::kill(&store, args(lifecycle::KILL)?),
        "delete" => lifecycle::delete(&store, log, args(lifecycle::DELETE)?),
        "list" => list::list(&store, args(list::LIST)?),
        "exec" => exec::exec(&store, log, Args::parse_until_id(rest, exec::EXEC)?),
        "ps" => ps::ps(&store, Args::parse_until_id(rest, ps::PS)?),
        "pause" => lifecycle::pause(&store, args(&[])?),
        "resume" => lifecycle::resume(&store, args(&[])?),
        "update" => update::update(&store, log, args(update::UPDATE)?),
        "events" => events::events(&store, args(events::EVENTS)?),
        "features" => features::features(),
        "spec" => spec::spec(args(spec::SPEC)?),
        "help" | "h" => help::overview(),
        _ => Err(OciError::UnknownCommand(command)),
    }
}
