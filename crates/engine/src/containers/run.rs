//! One run of a container, from nothing to a started process. Blocking; several run side by side on threads.

use super::start::start_failure;
use crate::{
    Engine,
    error::EngineError,
    files::{self, EtcContent},
    id::ContainerId,
    networking::Plugged,
    oci::config::{self, Inputs, NamespaceChoice, Namespaces},
    records::{ContainerRecord, Phase, RunRecord},
    spec::{IpcMode, LogDriver, NamespaceMode, NetworkMode},
    state::LiveNetwork,
};
use beneath::{Accounts, Identity};
use container::{
    client::{ClientError, ShimClient, spawn},
    protocol::{
        AttachStreams, ConsoleSize, InitKind, Kind, LogConfig, Rootfs, Runtime, ShimConfig, State,
        StdinPolicy,
    },
};
use image::{View, ViewError};
use oci_spec::runtime::Spec;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use time::OffsetDateTime;

/// A container that could not be started, with the exit code Docker's tools give it.
pub(super) struct Failed {
    pub(super) error: EngineError,
    pub(super) exit_code: i64,
}

impl<E: Into<EngineError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self { error: error.into(), exit_code: 128 }
    }
}

/// A started container.
pub(super) struct Run {
    pub(super) record: RunRecord,
    pub(super) net: LiveNetwork,
    pub(super) started_at: OffsetDateTime,
    pub(super) warnings: Vec<String>,
    pub(super) control: ShimClient,
}

impl Run {
    /// Network, shim, process, in this order; what was made is taken back when a later part fails.
    pub(super) fn start(
        engine: &Engine,
        id: &ContainerId,
        runtime: &tokio::runtime::Handle,
    ) -> Result<Self, Failed> {
        let record = engine.look(id, |container| Arc::clone(&container.record))?;
        let plugged = engine.plug_in(&record, runtime)?;
        let started = Self::start_plugged(engine, &record, plugged);
        if started.is_err() {
            engine.unplug(&record);
            engine.remove_leftovers(id);
        }
        started
    }

    fn start_plugged(engine: &Engine, record: &ContainerRecord, plugged: Plugged) -> Result<Self, Failed> {
        let config = shim_config(engine, record, &plugged)?;
        let mut control =
            spawn(&engine.inner.config.program, &config).map_err(EngineError::network("start the shim"))?;
        let state = control.created().map_err(|error| client_failure(record, error))?;
        connect_attachments(engine, record)?;
        let run = RunRecord {
            process: Some(state.process),
            endpoints: plugged.endpoints.clone(),
            ports: plugged.ports().to_vec(),
        };
        // From here on the process would be found again by the next engine.
        engine.update_state(&record.id, |recorded| recorded.phase = Phase::Starting(run.clone()))?;
        engine.announce(record, &plugged)?;
        let started: State = control.start().map_err(|error| client_failure(record, error))?;
        Ok(Self {
            record: run,
            net: plugged.live,
            started_at: started.started_at.unwrap_or_else(OffsetDateTime::now_utc),
            warnings: started.warnings,
            control,
        })
    }
}

fn client_failure(record: &ContainerRecord, error: ClientError) -> Failed {
    match error {
        ClientError::Refused(failure) => start_failure(record, failure),
        source => Failed::from(EngineError::Shim { container: record.name.clone(), source }),
    }
}

/// Connects the clients that attached before there was a process.
fn connect_attachments(engine: &Engine, record: &ContainerRecord) -> Result<(), Failed> {
    let waiting = engine.state().container_mut(&record.id)?.live.take_attachments();
    for (options, sender) in waiting {
        let streams = AttachStreams { stdin: options.stdin, stdout: options.stdout, stderr: options.stderr };
        let attached =
            ShimClient::connect(&engine.container_run(&record.id)).and_then(|shim| shim.attach(streams));
        let stream = attached.map_err(|error| client_failure(record, error))?;
        stream.set_nonblocking(true).map_err(EngineError::io("prepare the stream of", "the shim"))?;
        let stream = tokio::net::UnixStream::from_std(stream)
            .map_err(EngineError::io("prepare the stream of", "the shim"))?;
        let _ = sender.send(stream);
    }
    Ok(())
}

fn shim_config(
    engine: &Engine,
    record: &ContainerRecord,
    plugged: &Plugged,
) -> Result<ShimConfig, EngineError> {
    let run_dir = engine.container_run(&record.id);
    fresh_dir(&run_dir)?;
    let dir = engine.container_dir(&record.id);
    let image = engine
        .store()
        .resolve(&record.image_id)
        .map_err(|error| Engine::image_error(&record.spec.image, error))?;
    let lower = engine.store().lower_dirs(&image);
    let layers = layers_below(engine, &lower);
    let spec = oci_spec(engine, record, plugged, &run_dir, &lower)?;
    let streams = &record.spec.streams;
    Ok(ShimConfig {
        id: record.id.to_string(),
        kind: Kind::Init(Box::new(InitKind {
            spec,
            rootfs: Rootfs::Overlay {
                layers_dir: engine.store().root().join("layers"),
                lower: layers,
                upper: dir.join("upper"),
                work: dir.join("work"),
                // It is gone with the container, at the latest with the next start of the machine.
                volatile: record.spec.auto_remove,
            },
            use_init: record.spec.init.unwrap_or_default(),
        })),
        console_size: streams.console_size.map(|(width, height)| ConsoleSize { height, width }),
        stdin: match (streams.open_stdin, streams.stdin_once) {
            (false, _) => StdinPolicy::Closed,
            (true, false) => StdinPolicy::Open,
            (true, true) => StdinPolicy::Once,
        },
        log: (record.spec.log.driver == LogDriver::JsonFile).then(|| LogConfig {
            path: engine.log_path(&record.id),
            max_size: record.spec.log.max_size,
            max_file: record.spec.log.max_file,
            attrs: std::collections::BTreeMap::new(),
        }),
        runtime: match &record.spec.runtime {
            None => Runtime::BuiltIn,
            Some(program) => Runtime::External(PathBuf::from(program)),
        },
        run_dir,
    })
}

/// Layers are named relative to their common directory, which keeps the mount's options short.
pub(crate) fn layers_below(engine: &Engine, lower: &[PathBuf]) -> Vec<PathBuf> {
    let layers = engine.store().root().join("layers");
    lower.iter().map(|path| path.strip_prefix(&layers).unwrap_or(path).to_owned()).collect()
}

/// The directory of this run, empty.
pub(crate) fn fresh_dir(path: &Path) -> Result<(), EngineError> {
    use std::os::unix::fs::DirBuilderExt as _;
    if path.exists() {
        fs::remove_dir_all(path).map_err(EngineError::io("empty the directory", path))?;
    }
    let made = fs::DirBuilder::new().recursive(true).mode(0o711).create(path);
    made.map_err(EngineError::io("make the directory", path))?;
    let rootfs = path.join("rootfs");
    fs::create_dir(&rootfs).map_err(EngineError::io("make the directory", rootfs))
}

fn oci_spec(
    engine: &Engine,
    record: &ContainerRecord,
    plugged: &Plugged,
    run_dir: &Path,
    lower: &[PathBuf],
) -> Result<Spec, EngineError> {
    let identity = identity(engine, record, lower)?;
    let files = files::write(run_dir, &etc_content(engine, record, plugged))?;
    let mounts = engine.ready_mounts(record)?;
    let devices = super::devices::host_devices(&record.spec)?;
    let mut spec = config::config(&Inputs {
        spec: &record.spec,
        process: &record.process,
        identity: &identity,
        hostname: &record.hostname,
        rootfs: &run_dir.join("rootfs"),
        mounts: &mounts,
        files,
        shm: shared_memory(engine, record)?,
        namespaces: namespaces(engine, record, plugged)?,
        devices: &devices,
        cgroup: Engine::cgroup_path(record),
        cgroup_v2: engine.inner.host.cgroup_v2,
        kernel: engine.inner.host.kernel,
        available: &engine.inner.host.capabilities,
        block_device: &super::devices::block_device_numbers,
    })?;
    if matches!(record.spec.network.mode, NetworkMode::Host) {
        spec.set_hostname(None);
    }
    Ok(spec)
}

fn etc_content<'a>(engine: &Engine, record: &'a ContainerRecord, plugged: &Plugged) -> EtcContent<'a> {
    let network = &record.spec.network;
    let mut extra_hosts = files::extra_hosts(&network.extra_hosts, plugged.gateway);
    if !plugged.embedded_dns {
        extra_hosts.extend(engine.links(record));
    }
    EtcContent {
        hostname: &record.hostname,
        domainname: record.spec.domainname.as_deref(),
        addresses: plugged.addresses(),
        extra_hosts,
        resolv_conf: files::resolv_conf(plugged.embedded_dns, network),
    }
}

/// The user by the container's own files: the writable layer first, then the image's layers.
pub(crate) fn identity(
    engine: &Engine,
    record: &ContainerRecord,
    lower: &[PathBuf],
) -> Result<Identity, EngineError> {
    let upper = engine.container_dir(&record.id).join("upper");
    let view = View::new(std::iter::once(upper).chain(lower.iter().cloned()).collect());
    resolve_identity(&view, record, &record.process.user)
}

/// A user by the accounts of a container's root file system.
pub(crate) fn resolve_identity(
    view: &View,
    record: &ContainerRecord,
    user: &str,
) -> Result<Identity, EngineError> {
    let read = |name: &str| match view.read(Path::new(name), ACCOUNT_FILE_LIMIT) {
        Ok(bytes) => Ok(bytes),
        Err(ViewError::NotFound { .. }) => Ok(Vec::new()),
        Err(error) => Err(EngineError::store(error)),
    };
    let accounts = Accounts::parse(&read("/etc/passwd")?, &read("/etc/group")?);
    let unusable = |error: beneath::AccountError| EngineError::BadParameter(error.to_string());
    let mut identity = accounts.resolve(user).map_err(unusable)?;
    for group in &record.spec.security.group_add {
        let id = accounts.group(group).map_err(unusable)?;
        if !identity.groups.contains(&id) {
            identity.groups.push(id);
        }
    }
    Ok(identity)
}

/// Bytes of an account file that are read at most.
const ACCOUNT_FILE_LIMIT: u64 = 16 << 20;

fn namespaces(
    engine: &Engine,
    record: &ContainerRecord,
    plugged: &Plugged,
) -> Result<Namespaces, EngineError> {
    let security = &record.spec.security;
    let of = |mode: &NamespaceMode, name: &'static str| namespace(engine, mode, name);
    Ok(Namespaces {
        network: plugged.namespace.clone(),
        pid: of(&security.pid, "pid")?,
        uts: match record.spec.network.mode {
            NetworkMode::Host if record.spec.hostname.is_none() => NamespaceChoice::Host,
            _ => of(&security.uts, "uts")?,
        },
        ipc: match &security.ipc {
            IpcMode::Host => NamespaceChoice::Host,
            IpcMode::Container(other) => of(&NamespaceMode::Container(other.clone()), "ipc")?,
            _ => NamespaceChoice::New,
        },
    })
}

fn namespace(
    engine: &Engine,
    mode: &NamespaceMode,
    name: &'static str,
) -> Result<NamespaceChoice, EngineError> {
    match mode {
        NamespaceMode::Private => Ok(NamespaceChoice::New),
        NamespaceMode::Host => Ok(NamespaceChoice::Host),
        NamespaceMode::Container(other) => {
            let pid = running_pid(engine, other)?;
            Ok(NamespaceChoice::Path(PathBuf::from(format!("/proc/{pid}/ns/{name}"))))
        }
    }
}

/// The process of another container, which must run.
pub(crate) fn running_pid(engine: &Engine, reference: &str) -> Result<u32, EngineError> {
    let state = engine.state();
    let container = state.container(&state.find(reference)?)?;
    container
        .pid()
        .ok_or_else(|| container.wrong_state("cannot join the namespaces of a container that does not run"))
}

/// Another's /dev/shm, shared with its IPC namespace.
fn shared_memory(engine: &Engine, record: &ContainerRecord) -> Result<Option<PathBuf>, EngineError> {
    match &record.spec.security.ipc {
        IpcMode::Host => Ok(Some(PathBuf::from("/dev/shm"))),
        IpcMode::Container(other) => {
            let pid = running_pid(engine, other)?;
            Ok(Some(PathBuf::from(format!("/proc/{pid}/root/dev/shm"))))
        }
        _ => Ok(None),
    }
}
