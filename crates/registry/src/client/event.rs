//! What a transfer tells.

use image::Digest;

/// What happens to one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerState {
    /// It waits for its turn.
    Waiting,
    /// The store or the registry has it already.
    Exists,
    /// It was taken from another repository of the registry.
    Mounted,
    /// It is being compressed.
    Compressing,
    /// Bytes that have come or gone, of so many.
    Moving {
        /// Bytes so far.
        current: u64,
        /// Bytes of the blob.
        total: u64,
    },
    /// A connection broke; it goes on at this byte.
    Retrying {
        /// Bytes so far.
        at: u64,
    },
    /// It is there.
    Done,
}

/// What happens in a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferEvent {
    /// A place is asked.
    Asking {
        /// Host and port.
        host: String,
    },
    /// The image that is pulled is there; its layers follow.
    Found,
    /// A mirror failed; the next place is asked.
    MirrorFailed {
        /// Host and port.
        host: String,
        /// Why.
        reason: String,
    },
    /// Something happened to a layer.
    Layer {
        /// Its blob; for one that is not compressed yet its content.
        digest: Digest,
        /// What.
        state: LayerState,
    },
}

/// Whoever is told; called from several threads.
pub type Teller<'a> = &'a (dyn Fn(TransferEvent) + Send + Sync);
