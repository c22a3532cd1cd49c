//! `create` and `run`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use oci_spec::runtime::{ContainerState, LinuxResources, Spec};
use rustix::fs::{CWD, FileType, Mode};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::args::{Args, Flag, switch, value};
use super::error::OciError;
use super::lifecycle;
use super::log::Log;
use super::options::Global;
use super::state::process_start;
use super::store::{Record, Store};
use super::{console, foreground, systemd};
use crate::cgroup::Cgroup;
use crate::runtime::{self, CreateOptions, Created, HookPoint, ProtectedExe, Stdio, run_hooks};

pub(super) const CREATE: &[Flag] = &[
    value("bundle", 'b'),
    value("console-socket", '\0'),
    value("pidfd-socket", '\0'),
    value("pid-file", '\0'),
    switch("no-pivot", '\0'),
    switch("no-new-keyring", '\0'),
    value("preserve-fds", '\0'),
];

pub(super) const RUN: &[Flag] = &[
    value("bundle", 'b'),
    value("console-socket", '\0'),
    value("pidfd-socket", '\0'),
    value("pid-file", '\0'),
    switch("no-pivot", '\0'),
    switch("no-new-keyring", '\0'),
    value("preserve-fds", '\0'),
    switch("detach", 'd'),
    switch("keep", '\0'),
    switch("no-subreaper", '\0'),
];

/// A container that was made, with the record of it.
struct Made {
    record: Record,
    created: Created,
}

pub(super) fn create(store: &Store, global: &Global, log: &Log, args: Args) -> Result<i32, OciError> {
    reexecute_protected()?;
    let made = make(store, global, log, &args, true)?;
    hand_over(store, &made.record, finish(&made, &args))?;
    Ok(0)
}

pub(super) fn run(store: &Store, global: &Global, log: &Log, args: Args) -> Result<i32, OciError> {
    reexecute_protected()?;
    let detach = args.is_set("detach");
    let mut made = make(store, global, log, &args, false)?;
    let terminal = args.get("console-socket").is_none().then(|| made.created.take_console()).flatten();
    hand_over(store, &made.record, finish(&made, &args))?;
    let started = made.created.start().map_err(OciError::from);
    hand_over(store, &made.record, started)?;
    poststart(&made.record, log);
    if detach {
        return Ok(0);
    }
    let code = foreground::wait(made.record.pid, terminal);
    if !args.is_set("keep") {
        lifecycle::destroy(store, log, &made.record)?;
    }
    code
}

/// Takes everything back if the last steps of making a container fail.
fn hand_over(store: &Store, record: &Record, result: Result<(), OciError>) -> Result<(), OciError> {
    if result.is_err() {
        // The error that is told is the first one.
        let _ = record.cgroup.kill_all();
        lifecycle::reap(record.pid);
        let _ = record.cgroup.remove();
        let _ = store.remove(&record.id);
    }
    result
}

/// What runs in the container before the user's program does must not be writable from there.
pub(super) fn reexecute_protected() -> Result<(), OciError> {
    use std::os::unix::process::CommandExt;
    const MARK: &str = "_BERTH_PROTECTED";
    if std::env::var_os(MARK).is_some() || runtime::runs_protected() {
        return Ok(());
    }
    let exe = ProtectedExe::open().map_err(OciError::system("protect the runtime's executable"))?;
    let mut args = std::env::args_os();
    let mut command = std::process::Command::new(exe.path());
    if let Some(name) = args.next() {
        command.arg0(name);
    }
    let error = command.args(args).env(MARK, "1").exec();
    Err(OciError::system("execute the protected runtime")(error))
}

fn make(store: &Store, global: &Global, log: &Log, args: &Args, fifo: bool) -> Result<Made, OciError> {
    let id = args.id()?;
    let bundle = bundle(args)?;
    let spec = read_spec(&bundle)?;
    let root = spec.root().as_ref().map(|root| bundle.join(root.path())).unwrap_or_default();
    let rootfs = fs::canonicalize(&root).map_err(OciError::file("root file system", &root))?;
    check_terminal(&spec, args, fifo || args.is_set("detach"))?;
    store.reserve(id)?;
    let result = make_reserved(store, global, log, args, Description { id, bundle, rootfs, spec }, fifo);
    if result.is_err() {
        let _ = store.remove(id);
    }
    result
}

/// A container before anything of it exists.
struct Description<'a> {
    id: &'a str,
    bundle: PathBuf,
    rootfs: PathBuf,
    spec: Spec,
}

fn make_reserved(
    store: &Store,
    global: &Global,
    log: &Log,
    args: &Args,
    container: Description<'_>,
    fifo: bool,
) -> Result<Made, OciError> {
    let Description { id, bundle, rootfs, spec } = container;
    let cgroup = limited_cgroup(&spec, id, global, log)?;
    let start_fifo = if fifo { Some(make_fifo(&store.fifo(id)?)?) } else { None };
    let made = (|| {
        let mut options = CreateOptions::new(id, &bundle);
        options.cgroup = Some(&cgroup);
        options.no_pivot = args.is_set("no-pivot");
        options.no_new_keyring = args.is_set("no-new-keyring");
        options.preserve_fds = preserved(args)?;
        options.start_fifo = start_fifo;
        if terminal(&spec) {
            options.stdio = Stdio::Console;
        }
        let created = runtime::create(&spec, options)?;
        created.warnings().iter().for_each(|warning| log.warn(warning));
        let record = Record {
            id: id.to_owned(),
            pid: created.pid(),
            started: process_start(created.pid()).unwrap_or(0),
            created: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
            bundle: bundle.clone(),
            rootfs,
            owner: owner(),
            cgroup: cgroup.clone(),
            spec: spec.clone(),
        };
        hand_over(store, &record, store.save(&record))?;
        Ok(Made { record, created })
    })();
    if made.is_err() {
        let _ = cgroup.remove();
    }
    made
}

fn owner() -> String {
    match rustix::process::getuid().as_raw() {
        0 => "root".to_owned(),
        uid => uid.to_string(),
    }
}

/// Hands the terminal and the process id to those who asked for them.
fn finish(made: &Made, args: &Args) -> Result<(), OciError> {
    if let (Some(socket), Some(master)) = (args.get("console-socket"), made.created.console()) {
        console::send(Path::new(socket), master)?;
    }
    if let Some(path) = args.get("pid-file") {
        write_pid(Path::new(path), made.record.pid)?;
    }
    Ok(())
}

/// Writes a process id, whole or not at all.
pub(super) fn write_pid(path: &Path, pid: i32) -> Result<(), OciError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}"));
    let write = || {
        fs::File::create(&temporary)?.write_all(pid.to_string().as_bytes())?;
        fs::rename(&temporary, path)
    };
    write().map_err(OciError::file("write the process id to", path))
}

pub(super) fn bundle(args: &Args) -> Result<PathBuf, OciError> {
    let path = Path::new(args.get("bundle").filter(|path| !path.is_empty()).unwrap_or("."));
    fs::canonicalize(path).map_err(OciError::file("bundle", path))
}

fn read_spec(bundle: &Path) -> Result<Spec, OciError> {
    let path = bundle.join("config.json");
    let text = fs::read(&path).map_err(OciError::file("read", &path))?;
    serde_json::from_slice(&text).map_err(|source| OciError::Json { path, source })
}

fn terminal(spec: &Spec) -> bool {
    spec.process().as_ref().and_then(|process| process.terminal()).unwrap_or(false)
}

/// A terminal needs somebody to hold it, and only then is there use for a socket.
fn check_terminal(spec: &Spec, args: &Args, detaches: bool) -> Result<(), OciError> {
    let socket = args.get("console-socket").is_some_and(|path| !path.is_empty());
    let usage = |text: &str| Err(OciError::Usage(text.to_owned()));
    match (terminal(spec), socket) {
        (true, false) if detaches => {
            usage("cannot allocate a terminal and detach without a console socket (--console-socket)")
        }
        (false, true) => usage("there is no use for a console socket without a terminal"),
        _ => Ok(()),
    }
}

fn preserved(args: &Args) -> Result<u32, OciError> {
    // What systemd hands over to a service is handed on.
    let listen = std::env::var("LISTEN_FDS").ok().and_then(|count| count.parse::<u32>().ok()).unwrap_or(0);
    Ok(args.number::<u32>("preserve-fds")?.unwrap_or(0).max(listen))
}

fn make_fifo(path: &Path) -> Result<PathBuf, OciError> {
    let made = rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0);
    made.map_err(|errno| OciError::file("make", path)(errno.into()))?;
    Ok(path.to_owned())
}

/// The container's control group, made and limited.
fn limited_cgroup(spec: &Spec, id: &str, global: &Global, log: &Log) -> Result<Cgroup, OciError> {
    let linux = spec.linux().as_ref();
    let named =
        linux.and_then(|linux| linux.cgroups_path().as_ref()).filter(|path| !path.as_os_str().is_empty());
    let path = match named {
        None => Path::new("/").join(id),
        Some(path) => path.to_str().and_then(systemd::scope_path).unwrap_or_else(|| path.clone()),
    };
    if global.systemd_cgroup {
        log.debug("systemd is not asked for the control group: it is made directly");
    }
    let cgroup = Cgroup::create(&path)?;
    let mut resources = linux.and_then(|linux| linux.resources().clone()).unwrap_or_default();
    default_devices(&mut resources);
    match cgroup.apply(&resources) {
        Ok(losses) => losses.iter().for_each(|loss| log.warn(loss)),
        Err(error) => {
            let _ = cgroup.remove();
            return Err(error.into());
        }
    }
    Ok(cgroup)
}

/// A spec that says nothing about devices gets the harmless ones only.
fn default_devices(resources: &mut LinuxResources) {
    if resources.devices().is_none() {
        resources.set_devices(Some(Vec::new()));
    }
}

/// Runs the poststart hooks; the container runs already, so a failure is only told.
pub(super) fn poststart(record: &Record, log: &Log) {
    let Some(hooks) = record.spec.hooks() else { return };
    let state = record.hook_state();
    if let Err(error) = run_hooks(hooks, HookPoint::Poststart, &state, ContainerState::Running, record.pid) {
        log.warn(&error.to_string());
    }
}
