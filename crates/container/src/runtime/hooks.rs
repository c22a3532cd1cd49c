//! Programs that the spec wants to have run at points of a container's life.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use oci_spec::runtime::{ContainerState, Hook, Hooks, State, StateBuilder};

use super::error::CreateError;

/// When a hook is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookPoint {
    /// After the namespaces are made, in the runtime's. Outdated.
    Prestart,
    /// The same.
    CreateRuntime,
    /// Before the root is changed, in the container's namespaces.
    CreateContainer,
    /// Before the program is executed, in the container.
    StartContainer,
    /// After the program was started, in the runtime's namespaces.
    Poststart,
    /// After the container was deleted, in the runtime's namespaces.
    Poststop,
}

impl HookPoint {
    /// The point's name in the spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prestart => "prestart",
            Self::CreateRuntime => "createRuntime",
            Self::CreateContainer => "createContainer",
            Self::StartContainer => "startContainer",
            Self::Poststart => "poststart",
            Self::Poststop => "poststop",
        }
    }

    #[allow(deprecated)]
    pub(super) fn of(self, hooks: &Hooks) -> &[Hook] {
        let list = match self {
            Self::Prestart => hooks.prestart(),
            Self::CreateRuntime => hooks.create_runtime(),
            Self::CreateContainer => hooks.create_container(),
            Self::StartContainer => hooks.start_container(),
            Self::Poststart => hooks.poststart(),
            Self::Poststop => hooks.poststop(),
        };
        list.as_deref().unwrap_or_default()
    }
}

/// Who a hook is told that the container is.
#[derive(Debug, Clone)]
pub struct HookState {
    /// The container's id.
    pub id: String,
    /// Its bundle directory.
    pub bundle: PathBuf,
    /// The spec's annotations.
    pub annotations: Option<HashMap<String, String>>,
}

impl HookState {
    fn json(&self, status: ContainerState, pid: i32) -> Result<Vec<u8>, CreateError> {
        let mut state = StateBuilder::default()
            .version("1.2.0")
            .id(self.id.as_str())
            .status(status)
            .pid(pid)
            .bundle(self.bundle.clone())
            .build()
            .map_err(|error| CreateError::InvalidSpec(error.to_string()))?;
        state.set_annotations(self.annotations.clone());
        to_json(&state)
    }
}

fn to_json(state: &State) -> Result<Vec<u8>, CreateError> {
    serde_json::to_vec(state).map_err(|error| CreateError::InvalidSpec(error.to_string()))
}

/// Runs the hooks of `point`, one after the other, until one fails.
///
/// # Errors
/// The first hook that could not be run, failed, or took longer than its timeout (it is killed then).
pub fn run_hooks(
    hooks: &Hooks,
    point: HookPoint,
    state: &HookState,
    status: ContainerState,
    pid: i32,
) -> Result<(), CreateError> {
    let list = point.of(hooks);
    if list.is_empty() {
        return Ok(());
    }
    let json = state.json(status, pid)?;
    list.iter().try_for_each(|hook| {
        run(hook, &json).map_err(|reason| CreateError::Hook {
            point: point.name().to_owned(),
            path: hook.path().clone(),
            reason,
        })
    })
}

fn run(hook: &Hook, state: &[u8]) -> Result<(), String> {
    let mut child = command(hook).spawn().map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // A hook need not read its input.
        let _ = stdin.write_all(state);
    }
    let status = wait(&mut child, hook.timeout())?;
    if status.success() {
        return Ok(());
    }
    let mut said = String::new();
    if let Some(stderr) = child.stderr.take() {
        let _ = stderr.take(4096).read_to_string(&mut said);
    }
    Err(format!("{status}: {}", said.trim()))
}

fn command(hook: &Hook) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(hook.path());
    let args = hook.args().as_deref().unwrap_or_default();
    if let Some(name) = args.first() {
        command.arg0(name).args(&args[1..]);
    }
    let env = hook.env().iter().flatten().filter_map(|one| one.split_once('='));
    command.env_clear().envs(env).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn wait(child: &mut Child, timeout: Option<i64>) -> Result<ExitStatus, String> {
    let seconds = timeout.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
    let Some(seconds) = seconds else { return child.wait().map_err(|error| error.to_string()) };
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    Err(format!("not finished after {seconds} seconds"))
}
