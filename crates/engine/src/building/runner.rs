//! The builder's commands, run in containers.

use super::container::{NOTICE, StepContainer};
use crate::Engine;
use build::{Cancel, RunExit, RunStep, Runner, RunnerError, Stream};
use container::protocol::frame::{HEADER, StreamName, parse_header};
use std::{
    io::{self, Read},
    os::unix::net::UnixStream,
};

/// Runs each command in a container of its own, which no list shows and no journal remembers: when the engine dies, so
/// does the build, and the next engine ends what is left of it.
#[derive(Debug)]
pub(crate) struct EngineRunner {
    engine: Engine,
    runtime: tokio::runtime::Handle,
}

impl EngineRunner {
    pub(crate) fn new(engine: Engine, runtime: tokio::runtime::Handle) -> Self {
        Self { engine, runtime }
    }
}

impl Runner for EngineRunner {
    fn run(&self, step: &RunStep, output: &mut dyn FnMut(Stream, &[u8])) -> Result<RunExit, RunnerError> {
        let failed = |error| RunnerError::Container(Box::new(error));
        let mut container = StepContainer::create(&self.engine, &self.runtime, step).map_err(failed)?;
        let streams = container.start().map_err(failed)?;
        let mut streams = Patient { streams, cancel: &step.cancel, killed: false, container: &container };
        pass_on(&mut streams, output).map_err(|error| RunnerError::Container(Box::new(error)))?;
        let exit = container.wait(&step.cancel).map_err(failed)?;
        if step.cancel.is_cancelled() {
            return Err(RunnerError::Cancelled);
        }
        Ok(RunExit { code: exit.exit_code, oom_killed: exit.oom_killed })
    }
}

/// A stream whose reader looks now and then whether the build is cancelled, and kills the container then.
struct Patient<'a> {
    streams: UnixStream,
    cancel: &'a Cancel,
    killed: bool,
    container: &'a StepContainer<'a>,
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.streams.set_read_timeout(Some(NOTICE))?;
        loop {
            match self.streams.read(buffer) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if self.cancel.is_cancelled() && !self.killed {
                        self.killed = true;
                        self.container.kill();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

/// Takes the frames of a container's output apart until it ends.
fn pass_on(from: &mut impl Read, output: &mut dyn FnMut(Stream, &[u8])) -> io::Result<()> {
    let mut content = Vec::new();
    loop {
        let mut header = [0; HEADER];
        match from.read_exact(&mut header) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        let (stream, length) = parse_header(header).ok_or(io::ErrorKind::InvalidData)?;
        content.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        from.read_exact(&mut content)?;
        let stream = match stream {
            StreamName::Stdout => Stream::Stdout,
            StreamName::Stderr => Stream::Stderr,
        };
        output(stream, &content);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use container::protocol::frame::header;

    #[test]
    fn frames_are_taken_apart() {
        let mut bytes = Vec::new();
        for (stream, text) in
            [(StreamName::Stdout, "one"), (StreamName::Stderr, ""), (StreamName::Stderr, "two")]
        {
            bytes.extend(header(stream, u32::try_from(text.len()).unwrap()));
            bytes.extend(text.bytes());
        }
        let mut told = Vec::new();
        pass_on(&mut bytes.as_slice(), &mut |stream, text| told.push((stream, text.to_vec()))).unwrap();
        let expected = [(Stream::Stdout, "one"), (Stream::Stderr, ""), (Stream::Stderr, "two")];
        assert_eq!(told, expected.map(|(stream, text)| (stream, text.as_bytes().to_vec())));
        assert!(pass_on(&mut [9; 8].as_slice(), &mut |_, _| ()).is_err());
    }
}
