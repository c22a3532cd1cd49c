//! The container of one command of a build.

use super::{agent::AgentProxy, mounts};
use crate::{
    Engine,
    containers::{fresh_dir, layers_below},
    error::{EngineError, StartFailure, Starting},
    files::{self, EtcContent},
    id::ContainerId,
    networking::Plugged,
    oci::{
        config::{self, Inputs, NamespaceChoice, Namespaces},
        mounts::ReadyMount,
    },
    records::ContainerRecord,
    snapshot::ResolvedProcess,
    spec::{ContainerSpec, ExtraHost, HostAddress, NetworkMode},
};
use beneath::{Accounts, Identity};
use build::{Cancel, RunNetwork, RunStep, Secret};
use container::{
    client::{ClientError, ShimClient, spawn},
    protocol::{
        AttachStreams, ExitRecord, InitKind, Kind, Request, Response, Rootfs, Runtime, ShimConfig,
        StdinPolicy,
    },
};
use image::{View, ViewError};
use oci_spec::runtime::Spec;
use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};
use time::OffsetDateTime;

/// Bytes of an account file that are read at most.
const ACCOUNT_FILE_LIMIT: u64 = 16 << 20;

/// How long a cancellation may go unnoticed.
pub(super) const NOTICE: Duration = Duration::from_millis(100);

/// SIGKILL
const KILL: i32 = 9;

/// A container; whatever of it is still there goes when it is dropped.
#[derive(Debug)]
pub(super) struct StepContainer<'a> {
    engine: &'a Engine,
    record: ContainerRecord,
    /// Held until the end: the network goes with it.
    plugged: Option<Plugged>,
    control: Option<ShimClient>,
    /// Sockets that lead to agents of the host; they end with the container.
    agents: Mutex<Vec<AgentProxy>>,
}

impl<'a> StepContainer<'a> {
    /// Makes network, files and container; the command does not run yet.
    pub(super) fn create(
        engine: &'a Engine,
        runtime: &tokio::runtime::Handle,
        step: &RunStep,
    ) -> Result<Self, EngineError> {
        let record = record(engine, step)?;
        let plugged = engine.plug_in(&record, runtime)?;
        let mut made = Self { engine, record, plugged: None, control: None, agents: Mutex::default() };
        let config = made.shim_config(step, &plugged)?;
        made.plugged = Some(plugged);
        let mut control =
            spawn(&engine.inner.config.program, &config).map_err(EngineError::network("start the shim"))?;
        control.created().map_err(|error| made.failure(error))?;
        made.control = Some(control);
        Ok(made)
    }

    /// Runs the command; gives its output as frames.
    pub(super) fn start(&mut self) -> Result<UnixStream, EngineError> {
        let streams = AttachStreams { stdin: false, stdout: true, stderr: true };
        let attached = ShimClient::connect(&self.run_dir()).and_then(|shim| shim.attach(streams));
        let attached = attached.map_err(|error| self.failure(error))?;
        let started = self.control.as_mut().map(ShimClient::start).transpose();
        started.map_err(|error| self.failure(error))?;
        Ok(attached)
    }

    /// Waits for the end, and kills the command when the build is cancelled.
    pub(super) fn wait(&mut self, cancel: &Cancel) -> Result<ExitRecord, EngineError> {
        let Some(control) = self.control.take() else { return Err(EngineError::Stopping) };
        let mut stream = BufReader::new(control.into_stream());
        let broken = |source| self.failure(ClientError::Broken(source));
        stream.get_ref().set_read_timeout(Some(NOTICE)).map_err(broken)?;
        match stream.get_mut().write_all(&container::client::encode(&Request::Wait)) {
            // The shim is leaving; its last line is there to be read.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            asked => asked.map_err(broken)?,
        }
        let (mut line, mut killed) = (Vec::new(), false);
        while line.last() != Some(&b'\n') {
            match stream.read_until(b'\n', &mut line) {
                Ok(0) => return self.recorded_exit(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if cancel.is_cancelled() && !killed {
                        killed = true;
                        self.kill();
                    }
                }
                other => drop(other.map_err(broken)?),
            }
        }
        match container::client::decode(&line).map_err(|error| self.failure(ClientError::Decode(error)))? {
            Response::Exited(exit) => Ok(exit),
            other => Err(self.failure(ClientError::Unexpected(Box::new(other)))),
        }
    }

    /// The end as the shim wrote it down, when it left without telling.
    fn recorded_exit(&self) -> Result<ExitRecord, EngineError> {
        let recorded = container::client::read_exit(&self.run_dir()).map_err(|error| self.failure(error))?;
        recorded.ok_or_else(|| self.failure(ClientError::Closed))
    }

    /// Kills everything in the container. A shim that is gone has nothing left to kill.
    pub(super) fn kill(&self) {
        let request = Request::Signal { signal: KILL, all: true };
        if let Err(error) = ShimClient::connect(&self.run_dir()).and_then(|mut shim| shim.request(&request)) {
            tracing::debug!(%error, "the container of a build step was not killed");
        }
    }

    fn run_dir(&self) -> PathBuf {
        self.engine.container_run(&self.record.id)
    }

    fn failure(&self, error: ClientError) -> EngineError {
        let container = self.record.name.clone();
        match error {
            ClientError::Refused(failure) => StartFailure {
                starting: Starting::Container,
                container,
                kind: failure.kind,
                message: failure.message,
            }
            .into(),
            source => EngineError::Shim { container, source },
        }
    }

    fn shim_config(&self, step: &RunStep, plugged: &Plugged) -> Result<ShimConfig, EngineError> {
        let run_dir = self.run_dir();
        fresh_dir(&run_dir)?;
        let spec = self.oci_spec(step, plugged, &run_dir)?;
        let mut lower = layers_below(self.engine, &step.lower_dirs);
        if lower.is_empty() {
            let empty = run_dir.join("empty");
            fs::create_dir(&empty).map_err(EngineError::io("make the directory", &empty))?;
            lower.push(empty);
        }
        let rootfs = Rootfs::Overlay {
            layers_dir: self.engine.store().root().join("layers"),
            lower,
            upper: step.upper_dir.clone(),
            work: step.work_dir.clone(),
            // The store writes the layer through.
            volatile: true,
        };
        Ok(ShimConfig {
            id: self.record.id.to_string(),
            kind: Kind::Init(Box::new(InitKind { spec, rootfs, use_init: false })),
            console_size: None,
            stdin: StdinPolicy::Closed,
            log: None,
            runtime: Runtime::BuiltIn,
            run_dir,
        })
    }

    /// The step's mounts; secrets and sockets are made in the run directory, which is in memory.
    fn ready_mounts(&self, step: &RunStep, run_dir: &Path) -> Result<Vec<ReadyMount>, EngineError> {
        let ready = |(number, mount)| {
            let (ready, agent) = mounts::ready(mount, run_dir, number)?;
            self.agents.lock().unwrap_or_else(PoisonError::into_inner).extend(agent);
            Ok(ready)
        };
        step.mounts.iter().enumerate().map(ready).collect()
    }

    fn oci_spec(&self, step: &RunStep, plugged: &Plugged, run_dir: &Path) -> Result<Spec, EngineError> {
        let (engine, record) = (self.engine, &self.record);
        let network = &record.spec.network;
        let mut process = record.process.clone();
        for (name, variable) in secret_env(step)? {
            process.env.retain(|own| own.split_once('=').is_none_or(|(own, _)| own != name));
            process.env.push(variable);
        }
        let files = files::write(
            run_dir,
            &EtcContent {
                hostname: &record.hostname,
                domainname: None,
                addresses: plugged.addresses(),
                extra_hosts: files::extra_hosts(&network.extra_hosts, plugged.gateway),
                resolv_conf: files::resolv_conf(plugged.embedded_dns, network),
            },
        )?;
        let mounts = self.ready_mounts(step, run_dir)?;
        Ok(config::config(&Inputs {
            spec: &record.spec,
            process: &process,
            identity: &identity(step)?,
            hostname: &record.hostname,
            rootfs: &run_dir.join("rootfs"),
            mounts: &mounts,
            files,
            shm: None,
            namespaces: Namespaces {
                network: plugged.namespace.clone(),
                pid: NamespaceChoice::New,
                ipc: NamespaceChoice::New,
                uts: NamespaceChoice::New,
            },
            devices: &[],
            cgroup: Engine::cgroup_path(record),
            cgroup_v2: engine.inner.host.cgroup_v2,
            kernel: engine.inner.host.kernel,
            available: &engine.inner.host.capabilities,
            block_device: &|_| None,
        })?)
    }
}

/// The variables that hold secrets, by name.
fn secret_env(step: &RunStep) -> Result<Vec<(String, String)>, EngineError> {
    let variable = |(name, value): &(String, Secret)| match std::str::from_utf8(value.reveal()) {
        Ok(value) if !value.contains('\0') => Ok((name.clone(), format!("{name}={value}"))),
        _ => Err(EngineError::bad_parameter(format!("the secret for the variable {name} is not text"))),
    };
    step.secret_env.iter().map(variable).collect()
}

impl Drop for StepContainer<'_> {
    fn drop(&mut self) {
        self.engine.end_run_dir(&self.run_dir());
        self.engine.remove_cgroup_of(&self.record);
        self.engine.unplug(&self.record);
    }
}

/// A record that is written down nowhere.
fn record(engine: &Engine, step: &RunStep) -> Result<ContainerRecord, EngineError> {
    let id = ContainerId::random();
    let mut spec = ContainerSpec::new("");
    spec.shm_size = step.shm_size;
    spec.security.privileged = step.privileged;
    spec.network.mode = match step.network {
        RunNetwork::Default => NetworkMode::Default,
        RunNetwork::Host => NetworkMode::Host,
        RunNetwork::None => NetworkMode::None,
    };
    spec.network.extra_hosts = step.extra_hosts.iter().map(extra_host).collect::<Result<_, _>>()?;
    let networks = engine.resolve_networks(&spec)?;
    Ok(ContainerRecord {
        name: format!("build-{}", id.short()),
        created: OffsetDateTime::now_utc(),
        image_id: String::new(),
        hostname: id.short().to_owned(),
        process: ResolvedProcess {
            command: step.argv.clone(),
            env: step.env.clone(),
            working_dir: PathBuf::from(&step.cwd),
            user: step.user.clone().unwrap_or_default(),
            ..ResolvedProcess::default()
        },
        mounts: Vec::new(),
        networks,
        half_made: false,
        id,
        spec,
    })
}

fn extra_host((name, address): &(String, String)) -> Result<ExtraHost, EngineError> {
    let address = match address.as_str() {
        "host-gateway" => HostAddress::HostGateway,
        text => HostAddress::Ip(text.parse().map_err(|_| {
            EngineError::bad_parameter(format!("{text:?} is not an address, in the extra host {name}:{text}"))
        })?),
    };
    Ok(ExtraHost { name: name.clone(), address })
}

/// The user by the files of the layers below.
fn identity(step: &RunStep) -> Result<Identity, EngineError> {
    let view = View::new(step.lower_dirs.clone());
    let read = |name: &str| match view.read(Path::new(name), ACCOUNT_FILE_LIMIT) {
        Ok(bytes) => Ok(bytes),
        Err(ViewError::NotFound { .. }) => Ok(Vec::new()),
        Err(error) => Err(EngineError::store(error)),
    };
    let accounts = Accounts::parse(&read("/etc/passwd")?, &read("/etc/group")?);
    let user = step.user.as_deref().unwrap_or_default();
    accounts.resolve(user).map_err(|error| EngineError::BadParameter(error.to_string()))
}
