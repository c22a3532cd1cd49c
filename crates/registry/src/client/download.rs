//! A blob as a stream that goes on where it broke.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use hyper::StatusCode;
use hyper::header::CONTENT_RANGE;
use image::manifest::Descriptor;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::event::{LayerState, Teller, TransferEvent};
use super::session::Session;
use crate::RegistryError;

/// Attempts in a row that may bring nothing.
const FUTILE: u32 = 5;
/// Attempts at all: one that brings a byte each time must end, too.
const ATTEMPTS: u32 = 50;
/// Time between two events of one layer.
const TELL: Duration = Duration::from_millis(100);
/// Pieces that may wait for the unpacking.
const AHEAD: usize = 32;

/// Why a download ended early; shared with the reader's user.
type Failure = Arc<Mutex<Option<RegistryError>>>;

/// The blob for a thread that unpacks it.
pub(crate) struct BlobReader {
    pieces: mpsc::Receiver<Bytes>,
    piece: Bytes,
    left: u64,
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece,
                None if self.left == 0 => return Ok(0),
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the download ended early")),
            }
        }
        let count = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

/// The network's side of a [`BlobReader`].
pub(crate) struct Download<'a> {
    session: &'a Session,
    descriptor: &'a Descriptor,
    tell: Teller<'a>,
    pieces: mpsc::Sender<Bytes>,
    failure: Failure,
    offset: u64,
    told: Option<Instant>,
}

impl<'a> Download<'a> {
    pub(crate) fn new(
        session: &'a Session,
        descriptor: &'a Descriptor,
        tell: Teller<'a>,
    ) -> (Self, BlobReader) {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let reader = BlobReader { pieces: receiver, piece: Bytes::new(), left: descriptor.size };
        let failure = Failure::default();
        (Self { session, descriptor, tell, pieces: sender, failure, offset: 0, told: None }, reader)
    }

    /// Where the reason of an early end is put.
    pub(crate) fn failure(&self) -> impl FnOnce() -> Option<RegistryError> + Send + 'static {
        let failure = Arc::clone(&self.failure);
        move || failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Fetches all of it, or until nobody reads any more.
    pub(crate) async fn run(mut self) {
        if let Err(error) = self.fetch().await {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    async fn fetch(&mut self) -> Result<(), RegistryError> {
        let (mut futile, mut attempts) = (0, 0);
        loop {
            let before = self.offset;
            attempts += 1;
            let failed = match self.attempt().await {
                Ok(()) if self.offset == self.descriptor.size => return Ok(()),
                Ok(()) => None,
                Err(RegistryError::Cancelled) => return Ok(()),
                Err(error) if error.is_temporary() => Some(error),
                Err(error) => return Err(error),
            };
            futile = if self.offset > before { 0 } else { futile + 1 };
            if futile >= FUTILE || attempts >= ATTEMPTS {
                return Err(self.short(attempts, failed));
            }
            self.say(LayerState::Retrying { at: self.offset });
            tokio::time::sleep(self.session.http.limits.pause * (1 << futile)).await;
        }
    }

    fn short(&self, attempts: u32, source: Option<RegistryError>) -> RegistryError {
        match source {
            Some(error) if self.offset == 0 => error,
            source => RegistryError::Short {
                host: self.session.host().to_owned(),
                digest: self.descriptor.digest,
                got: self.offset,
                size: self.descriptor.size,
                attempts,
                source: source.map(Box::new),
            },
        }
    }

    /// One request, from where the last one ended.
    async fn attempt(&mut self) -> Result<(), RegistryError> {
        let what = format!("layer {}", self.descriptor.digest);
        let mut response = self.session.blob(&self.descriptor.digest, self.offset, &what).await?;
        // A server that knows no ranges begins anew: what is here already is passed over.
        let mut skip = match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
                let start =
                    range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse().ok());
                if start.is_some_and(|start: u64| start != self.offset) {
                    let reason = format!("it was asked for bytes from {} on and sends others", self.offset);
                    return Err(RegistryError::Protocol { host: self.session.host().to_owned(), reason });
                }
                0
            }
            _ => self.offset,
        };
        let host = self.session.host().to_owned();
        while let Some(mut piece) = self.session.http.piece(&host, response.body_mut()).await? {
            let passed = skip.min(piece.len() as u64);
            piece.advance(passed as usize);
            skip -= passed;
            self.take(piece).await?;
        }
        Ok(())
    }

    async fn take(&mut self, piece: Bytes) -> Result<(), RegistryError> {
        if piece.is_empty() {
            return Ok(());
        }
        self.offset += piece.len() as u64;
        if self.offset > self.descriptor.size {
            return Err(RegistryError::Long {
                host: self.session.host().to_owned(),
                digest: self.descriptor.digest,
                size: self.descriptor.size,
            });
        }
        self.pieces.send(piece).await.map_err(|_| RegistryError::Cancelled)?;
        if self.told.is_none_or(|told| told.elapsed() >= TELL) || self.offset == self.descriptor.size {
            self.told = Some(Instant::now());
            self.say(LayerState::Moving { current: self.offset, total: self.descriptor.size });
        }
        Ok(())
    }

    fn say(&self, state: LayerState) {
        (self.tell)(TransferEvent::Layer { digest: self.descriptor.digest, state });
    }
}
