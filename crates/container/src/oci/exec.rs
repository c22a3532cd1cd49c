//! `exec`.

use std::fs;
use std::path::{Path, PathBuf};

use oci_spec::runtime::{Capability, Process};

use super::args::{Args, Flag, switch, value};
use super::create::{reexecute_protected, write_pid};
use super::error::OciError;
use super::log::Log;
use super::state::Status;
use super::store::{Record, Store};
use super::{console, foreground};
use crate::cgroup::Cgroup;
use crate::runtime::{self, Stdio, Target};

pub(super) const EXEC: &[Flag] = &[
    value("console-socket", '\0'),
    value("pidfd-socket", '\0'),
    value("cwd", '\0'),
    value("env", 'e'),
    switch("tty", 't'),
    value("user", 'u'),
    value("additional-gids", 'g'),
    value("process", 'p'),
    switch("detach", 'd'),
    value("pid-file", '\0'),
    value("process-label", '\0'),
    value("apparmor", '\0'),
    switch("no-new-privs", '\0'),
    value("cap", 'c'),
    value("preserve-fds", '\0'),
    value("cgroup", '\0'),
    switch("ignore-paused", '\0'),
];

pub(super) fn exec(store: &Store, log: &Log, args: Args) -> Result<i32, OciError> {
    reexecute_protected()?;
    let record = store.load(args.id()?)?;
    match Status::of(store, &record)? {
        Status::Stopped => return Err(OciError::WrongState { action: "exec in", status: "stopped" }),
        Status::Paused if !args.is_set("ignore-paused") => return Err(OciError::Paused),
        _ => {}
    }
    let process = process(&record, &args)?;
    let terminal = process.terminal().unwrap_or(false);
    let socket = args.get("console-socket").filter(|path| !path.is_empty());
    if terminal && args.is_set("detach") && socket.is_none() {
        return Err(OciError::Usage(
            "cannot allocate tty if runc will detach without setting console socket".to_owned(),
        ));
    }
    let cgroup = sub_group(&record, &args);
    let target =
        Target { pid: record.pid, cgroup: Some(&cgroup), spec: &record.spec, dies_with_maker: false };
    let mut created =
        runtime::exec(&target, &process, if terminal { Stdio::Console } else { Stdio::Inherit })?;
    created.warnings().iter().for_each(|warning| log.warn(warning));
    let master = created.take_console();
    if let (Some(socket), Some(master)) = (socket, &master) {
        console::send(Path::new(socket), master)?;
    }
    if let Some(path) = args.get("pid-file") {
        write_pid(Path::new(path), created.pid())?;
    }
    created.start()?;
    if args.is_set("detach") {
        return Ok(0);
    }
    foreground::wait(created.pid(), master.filter(|_| socket.is_none()))
}

/// `--cgroup` names a group below the container's.
fn sub_group(record: &Record, args: &Args) -> Cgroup {
    match args.get("cgroup").map(|path| path.rsplit_once(':').map_or(path, |(_, path)| path)) {
        Some(path) => Cgroup::existing(&record.cgroup.path().join(path.trim_start_matches('/'))),
        None => record.cgroup.clone(),
    }
}

/// The process from a file, or the container's own with what the flags change.
fn process(record: &Record, args: &Args) -> Result<Process, OciError> {
    if let Some(path) = args.get("process") {
        let text = fs::read(path).map_err(OciError::file("read", path))?;
        return serde_json::from_slice(&text).map_err(|source| OciError::Json { path: path.into(), source });
    }
    let mut process = record.spec.process().clone().ok_or(OciError::NotRunning)?;
    let command = &args.positional[1..];
    if command.is_empty() {
        return Err(OciError::Usage("process args cannot be empty".to_owned()));
    }
    process.set_args(Some(command.to_vec())).set_terminal(Some(args.is_set("tty")));
    if let Some(cwd) = args.get("cwd") {
        process.set_cwd(PathBuf::from(cwd));
    }
    let mut env = process.env().clone().unwrap_or_default();
    env.extend(args.all("env").map(str::to_owned));
    process.set_env(Some(env));
    if args.get("no-new-privs").is_some() {
        process.set_no_new_privileges(Some(args.is_set("no-new-privs")));
    }
    if let Some(label) = args.get("process-label") {
        process.set_selinux_label(Some(label.to_owned()));
    }
    if let Some(profile) = args.get("apparmor") {
        process.set_apparmor_profile(Some(profile.to_owned()));
    }
    add_capabilities(&mut process, args)?;
    set_user(&mut process, args)?;
    Ok(process)
}

fn add_capabilities(process: &mut Process, args: &Args) -> Result<(), OciError> {
    let mut added = Vec::new();
    for name in args.all("cap") {
        let capability: Result<Capability, _> = serde_json::from_value(name.into());
        added.push(capability.map_err(|_| OciError::BadValue { flag: "cap", value: name.to_owned() })?);
    }
    if added.is_empty() {
        return Ok(());
    }
    let mut sets = process.capabilities().clone().unwrap_or_default();
    let join = |set: &Option<std::collections::HashSet<Capability>>| {
        Some(set.iter().flatten().copied().chain(added.iter().copied()).collect())
    };
    let (bounding, effective, permitted) =
        (join(sets.bounding()), join(sets.effective()), join(sets.permitted()));
    sets.set_bounding(bounding).set_effective(effective).set_permitted(permitted);
    process.set_capabilities(Some(sets));
    Ok(())
}

fn set_user(process: &mut Process, args: &Args) -> Result<(), OciError> {
    let number = |flag: &'static str, text: &str| {
        text.parse::<u32>().map_err(|_| OciError::BadValue { flag, value: text.to_owned() })
    };
    let mut user = process.user().clone();
    if let Some(text) = args.get("user") {
        let (uid, gid) = text.split_once(':').map_or((text, None), |(uid, gid)| (uid, Some(gid)));
        user.set_uid(number("user", uid)?);
        if let Some(gid) = gid {
            user.set_gid(number("user", gid)?);
        }
    }
    let more = args.all("additional-gids").map(|gid| number("additional-gids", gid));
    let more = more.collect::<Result<Vec<_>, _>>()?;
    if !more.is_empty() {
        let all = user.additional_gids().iter().flatten().copied().chain(more).collect();
        user.set_additional_gids(Some(all));
    }
    process.set_user(user);
    Ok(())
}
