//! What moving images tells, in Docker's words.

use crate::op::TransferProgress;
use image::Digest;
use registry::client::{LayerState, TransferEvent};

/// What a pull tells; `Found` is told by who pulls.
pub(super) fn pull_message(event: TransferEvent) -> Option<TransferProgress> {
    match event {
        TransferEvent::Layer { digest, state } => {
            Some(layer_message(&digest, state, "Downloading", "Pull complete"))
        }
        other => place_message(&other),
    }
}

/// What a push tells.
pub(super) fn push_message(event: TransferEvent) -> Option<TransferProgress> {
    match event {
        TransferEvent::Layer { digest, state } => Some(layer_message(&digest, state, "Pushing", "Pushed")),
        other => place_message(&other),
    }
}

fn layer_message(digest: &Digest, state: LayerState, moving: &str, done: &str) -> TransferProgress {
    let id = digest.short();
    let is_pull = moving == "Downloading";
    match state {
        LayerState::Waiting => {
            TransferProgress::of(id, if is_pull { "Pulling fs layer" } else { "Preparing" })
        }
        LayerState::Exists => {
            TransferProgress::of(id, if is_pull { "Already exists" } else { "Layer already exists" })
        }
        LayerState::Mounted => TransferProgress::of(id, "Mounted from another repository"),
        LayerState::Compressing => TransferProgress::of(id, "Compressing"),
        LayerState::Moving { current, total } => TransferProgress::far(id, moving, current, total),
        LayerState::Retrying { at } => TransferProgress::of(id, format!("Retrying at byte {at}")),
        LayerState::Done => TransferProgress::of(id, done),
    }
}

fn place_message(event: &TransferEvent) -> Option<TransferProgress> {
    match event {
        TransferEvent::MirrorFailed { host, reason } => {
            Some(TransferProgress::status(format!("The mirror {host} failed: {reason}")))
        }
        TransferEvent::Asking { .. } | TransferEvent::Found | TransferEvent::Layer { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_told_in_dockers_words() {
        let digest = Digest::of(b"x");
        let event = |state| TransferEvent::Layer { digest, state };
        let told = pull_message(event(LayerState::Moving { current: 1, total: 2 })).unwrap();
        let json = serde_json::to_value(&told).unwrap();
        assert_eq!(json["status"], "Downloading");
        assert_eq!(json["progressDetail"], serde_json::json!({"current": 1, "total": 2}));
        assert_eq!(pull_message(event(LayerState::Exists)).unwrap().status.unwrap(), "Already exists");
        assert_eq!(push_message(event(LayerState::Done)).unwrap().status.unwrap(), "Pushed");
    }
}
