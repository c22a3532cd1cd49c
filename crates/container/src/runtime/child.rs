//! The child's way from the clone to the user's program.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use beneath::{Accounts, Root};
use oci_spec::runtime::ContainerState;
use rustix::fs::Mode;
use rustix::process::umask;
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::error::CreateError;
use super::hooks::{HookPoint, run_hooks};
use super::plan::Plan;
use super::settle::{self, Labels, step};
use super::wire::{Channel, Failure, Message, Reply};
use super::{Stdio, init, lookup};
use crate::cgroup::Joining;
use crate::rootfs::{self, Terminal};
use crate::sys::{
    Cloned, SingleThread, clone_process, close_on_exec_from, execve, exit_now, join_session_keyring,
    loopback_up, reset_signals, setns, unshare,
};

/// What the child takes along from its maker.
pub(super) struct Luggage {
    pub channel: Channel,
    pub stdio: Stdio,
    pub joining: Option<Joining>,
    /// Whether the child was born in its v2 control group.
    pub born_in_cgroup: bool,
    pub thread: SingleThread,
}

/// Never returns: the process becomes the user's program, or ends with its failure reported.
pub(super) fn run(plan: Plan, luggage: Luggage) -> ! {
    let channel = luggage.channel;
    let rest = (luggage.stdio, luggage.joining, luggage.born_in_cgroup, luggage.thread);
    end(&channel, || steps(plan, &channel, rest))
}

/// Runs `steps` to the end of this process.
pub(super) fn end(channel: &Channel, steps: impl FnOnce() -> Result<(), CreateError>) -> ! {
    // A panic must not unwind into the copy of the maker's stack.
    let result = catch_unwind(AssertUnwindSafe(steps));
    let failure = match result {
        Ok(Ok(())) => exit_now(0),
        Ok(Err(error)) => error,
        Err(_) => CreateError::InvalidSpec("internal error: the set-up of the container panicked".to_owned()),
    };
    let text = format!("{}\n", with_source(&failure));
    if channel.send(&Message::Failed(Failure::from(failure))).is_err() {
        // The maker has gone (`oci create` ends before `oci start`): the container's own output is all there is.
        let _ = rustix::io::write(rustix::stdio::stderr(), text.as_bytes());
    }
    exit_now(1)
}

fn with_source(error: &CreateError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn steps(
    mut plan: Plan,
    channel: &Channel,
    (stdio, joining, born, thread): (Stdio, Option<Joining>, bool, SingleThread),
) -> Result<(), CreateError> {
    begin(3 + plan.preserve_fds)?;
    if let Some(joining) = joining {
        joining.join(born)?;
    }
    if plan.namespaces.is_new(libc::CLONE_NEWUSER) {
        ask(channel, &Message::Mappings)?;
    }
    enter_user_namespace(&plan, channel, thread)?;
    if let Some(path) = &plan.namespaces.mount {
        join(path, libc::CLONE_NEWNS)?;
    }
    rustix::process::setsid().map_err(step("begin a session"))?;
    let labels = Labels::open(&plan.process, channel)?;
    let fifo = plan.start_fifo.as_ref().map(|path| File::options().read(true).write(true).open(path));
    let fifo = fifo.transpose().map_err(step("open the start FIFO"))?;
    own_names(&plan)?;
    let terminal = file_system(&mut plan, channel, matches!(stdio, Stdio::Console))?;
    settle::restrict(&mut plan.process, channel)?;
    settle::limit(&plan.process, channel)?;
    connect(&stdio, terminal)?;
    drop(stdio);
    if let Some(name) = &plan.keyring {
        // Without keys in the kernel there is none to be kept apart.
        let _ = join_session_keyring(name);
    }
    make_cwd(&plan);
    settle::become_user(&plan.process)?;
    let program = settle::locate(&plan.process)?;
    let pid = wait_for_start(channel, fifo)?;
    settle::seal(&plan.process)?;
    if let Some(hooks) = &plan.hooks {
        run_hooks(hooks, HookPoint::StartContainer, &plan.state, ContainerState::Created, pid)?;
    }
    settle::seal_late(&plan.process)?;
    labels.apply()?;
    if plan.init {
        init::become_init(thread)?;
    }
    let error = execve(&program, &plan.process.args, &plan.process.env);
    Err(lookup::exec_failure(&plan.process.program, &error))
}

/// What holds for every child: its descriptors end with it, its signals are as a new process', nobody who enters
/// its namespaces may look into it, and modes are what they are said to be.
pub(super) fn begin(first_descriptor: u32) -> Result<(), CreateError> {
    close_on_exec_from(first_descriptor).map_err(step("mark descriptors to be closed"))?;
    reset_signals();
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(step("protect the process"))?;
    umask(Mode::empty());
    Ok(())
}

/// Waits for the maker to do its part; its answer tells this process' id outside.
fn ask(channel: &Channel, message: &Message) -> Result<i32, CreateError> {
    channel.send(message).map_err(step("talk to the runtime"))?;
    match channel.receive().map_err(step("talk to the runtime"))? {
        Some((Reply::Go(pid), _)) => Ok(pid),
        // The maker is gone or does not want to go on: nobody is left to tell.
        _ => exit_now(1),
    }
}

/// Joins an existing user namespace. The other new namespaces have to be made from inside it, by one more child.
fn enter_user_namespace(plan: &Plan, channel: &Channel, thread: SingleThread) -> Result<(), CreateError> {
    let Some(path) = &plan.namespaces.user else { return Ok(()) };
    join(path, libc::CLONE_NEWUSER)?;
    let flags = plan.namespaces.clone_flags() | libc::CLONE_PARENT;
    match clone_process(thread, flags, None).map_err(step("make the container's process"))? {
        Cloned::Child => Ok(()),
        Cloned::Parent { pid, .. } => {
            let _ = channel.send(&Message::Pid(pid));
            exit_now(0)
        }
    }
}

fn join(path: &Path, kind: libc::c_int) -> Result<(), CreateError> {
    let joined = File::open(path).and_then(|file| setns(file.as_fd(), kind));
    joined.map_err(|source| CreateError::Path {
        what: "join the namespace".to_owned(),
        path: path.to_owned(),
        source,
    })
}

fn own_names(plan: &Plan) -> Result<(), CreateError> {
    if plan.namespaces.is_new(libc::CLONE_NEWCGROUP) {
        unshare(libc::CLONE_NEWCGROUP).map_err(step("make a cgroup namespace"))?;
    }
    if let Some(name) = &plan.hostname {
        rustix::system::sethostname(name.as_bytes()).map_err(step("set the host name"))?;
    }
    if let Some(name) = &plan.domainname {
        rustix::system::setdomainname(name.as_bytes()).map_err(step("set the domain name"))?;
    }
    if plan.namespaces.is_new(libc::CLONE_NEWNET) {
        loopback_up().map_err(step("bring the loopback interface up"))?;
    }
    // These are the settings of the namespaces that this process is in, whichever procfs they are set through;
    // the host's cannot have been tampered with.
    for (path, value) in &plan.sysctl {
        std::fs::write(format!("/proc/sys/{path}"), value).map_err(step(format!("set the sysctl {path}")))?;
    }
    Ok(())
}

fn file_system(plan: &mut Plan, channel: &Channel, console: bool) -> Result<Option<OwnedFd>, CreateError> {
    rootfs::isolate(&mut plan.rootfs)?;
    if plan.namespaces.has_user() {
        become_root_inside()?;
    }
    let prepared = rootfs::prepare(&plan.rootfs)?;
    let terminal = if console { Some(make_terminal(prepared.root(), plan, channel)?) } else { None };
    runtime_hooks(plan, channel)?;
    if plan.process.needs_home {
        plan.process.env.push(home(prepared.root(), plan.process.uid));
    }
    prepared.enter(&plan.rootfs)?;
    Ok(terminal)
}

/// New file systems belong to whoever mounts them, so that has to be somebody whom the namespace knows.
pub(super) fn become_root_inside() -> Result<(), CreateError> {
    let (uid, gid) = (rustix::fs::Uid::ROOT, rustix::fs::Gid::ROOT);
    set_thread_groups(&[]).map_err(step("leave the supplementary groups"))?;
    set_thread_res_gid(gid, gid, gid).map_err(step("become root inside the user namespace"))?;
    set_thread_res_uid(uid, uid, uid).map_err(step("become root inside the user namespace"))
}

fn make_terminal(root: &Root, plan: &Plan, channel: &Channel) -> Result<OwnedFd, CreateError> {
    let terminal = Terminal::new(root, plan.process.console_size).map_err(step("make a terminal"))?;
    terminal.bind_console(root).map_err(step("mount the terminal on /dev/console"))?;
    channel.send_with(&Message::Console, terminal.master.as_fd()).map_err(step("hand over the terminal"))?;
    Ok(terminal.slave)
}

fn runtime_hooks(plan: &Plan, channel: &Channel) -> Result<(), CreateError> {
    let Some(hooks) = &plan.hooks else { return Ok(()) };
    let any = |point: HookPoint| !point.of(hooks).is_empty();
    if any(HookPoint::Prestart) || any(HookPoint::CreateRuntime) || any(HookPoint::CreateContainer) {
        let pid = ask(channel, &Message::Hooks)?;
        run_hooks(hooks, HookPoint::CreateContainer, &plan.state, ContainerState::Creating, pid)?;
    }
    Ok(())
}

/// The home directory that the container's accounts give to `uid`.
pub(super) fn home(root: &Root, uid: u32) -> std::ffi::CString {
    let identity = Accounts::read(root).and_then(|accounts| accounts.resolve(&uid.to_string()));
    let home = identity.map_or_else(|_| "/".to_owned(), |identity| identity.home);
    let home = if home.is_empty() { "/" } else { &home };
    std::ffi::CString::new(format!("HOME={home}")).unwrap_or_else(|_| c"HOME=/".to_owned())
}

pub(super) fn connect(stdio: &Stdio, terminal: Option<OwnedFd>) -> Result<(), CreateError> {
    match (stdio, terminal) {
        (_, Some(terminal)) => settle::take_terminal(&terminal),
        (Stdio::Fds { stdin, stdout, stderr }, None) => {
            settle::connect([stdin.as_fd(), stdout.as_fd(), stderr.as_fd()])
        }
        _ => Ok(()),
    }
}

/// A working directory that the image does not have is made, as other runtimes do. If that is impossible,
/// changing to it tells why.
fn make_cwd(plan: &Plan) {
    if let Ok(root) = Root::open("/") {
        let _ = root.create_dir_all(&plan.process.cwd, Mode::from_raw_mode(0o755));
    }
}

/// Says that only the start is missing and waits for it: on the FIFO if there is one, else from the maker.
///
/// Returns this process' id outside of the container, as far as it is known.
pub(super) fn wait_for_start(channel: &Channel, fifo: Option<File>) -> Result<i32, CreateError> {
    channel.send(&Message::Ready).map_err(step("talk to the runtime"))?;
    if let Some(mut fifo) = fifo {
        return read_pid(&mut fifo).map_err(step("wait for the start"));
    }
    loop {
        match channel.receive().map_err(step("wait for the start"))? {
            Some((Reply::Start, _)) => return Ok(0),
            Some((Reply::Go(_), _)) => {}
            None => exit_now(1),
        }
    }
}

fn read_pid(fifo: &mut File) -> io::Result<i32> {
    let mut text = [0; 16];
    let length = fifo.read(&mut text)?;
    Ok(std::str::from_utf8(&text[..length]).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0))
}
