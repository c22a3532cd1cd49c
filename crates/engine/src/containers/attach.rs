//! Streams of a container's process, and its terminal.

use crate::{
    Engine,
    error::EngineError,
    op::{AttachOptions, Attachment},
    records::Phase,
};
use container::{
    client::ShimClient,
    protocol::{AttachStreams, ConsoleSize, Request},
};
use tokio::{net::UnixStream, sync::oneshot};

impl Engine {
    /// Attaches to a container; to one that has not started yet, its next run's first byte is included.
    pub async fn attach(&self, reference: &str, options: AttachOptions) -> Result<Attachment, EngineError> {
        let id = self.state().find(reference)?;
        let (sender, receiver) = oneshot::channel();
        let tty = {
            let mut state = self.state();
            let container = state.container_mut(&id)?;
            let tty = container.record.spec.streams.tty;
            if !matches!(container.state.phase, Phase::Running(_)) {
                container.live.attachments.push((options, sender));
                return Ok(Attachment { tty, stream: receiver, ended: None });
            }
            tty
        };
        let (target, streams) = (
            id.clone(),
            AttachStreams { stdin: options.stdin, stdout: options.stdout, stderr: options.stderr },
        );
        let stream = self.blocking(move |engine| connect(engine, &target, streams)).await?;
        let _ = sender.send(into_tokio(stream)?);
        self.container_event_of(&id, "attach", &[]);
        Ok(Attachment { tty, stream: receiver, ended: None })
    }

    /// Changes the size of a container's terminal; one without a terminal has none to change.
    pub async fn resize(&self, reference: &str, columns: u16, rows: u16) -> Result<(), EngineError> {
        let id = self.state().find(reference)?;
        {
            let state = self.state();
            let container = state.container(&id)?;
            if !container.state.phase.is_running() {
                return Err(container.wrong_state("its terminal cannot be resized"));
            }
            if !container.record.spec.streams.tty {
                return Ok(());
            }
        }
        let size = ConsoleSize { height: rows, width: columns };
        self.blocking(move |engine| {
            let name = engine.look(&id, |container| container.record.name.clone())?;
            let resized = ShimClient::connect(&engine.container_run(&id))
                .and_then(|mut shim| shim.request(&Request::Resize(size)));
            resized.map(drop).map_err(|source| EngineError::Shim { container: name, source })
        })
        .await
    }
}

fn connect(
    engine: &Engine,
    id: &crate::id::ContainerId,
    streams: AttachStreams,
) -> Result<std::os::unix::net::UnixStream, EngineError> {
    let name = engine.look(id, |container| container.record.name.clone())?;
    let attached = ShimClient::connect(&engine.container_run(id)).and_then(|shim| shim.attach(streams));
    attached.map_err(|source| EngineError::Shim { container: name, source })
}

/// A stream of a shim, for the async runtime.
pub(crate) fn into_tokio(stream: std::os::unix::net::UnixStream) -> Result<UnixStream, EngineError> {
    let prepared = stream.set_nonblocking(true).and_then(|()| UnixStream::from_std(stream));
    prepared.map_err(EngineError::io("prepare the stream of", "the shim"))
}
