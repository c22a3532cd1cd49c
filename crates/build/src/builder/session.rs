//! What all stages of one build share.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use image::{Digest, LayerId, Lease, Store};
use time::OffsetDateTime;

use super::images::Images;
use super::report::Report;
use super::state::Given;
use crate::cache::{Cache, Imported, Record};
use crate::context::Context;
use crate::dockerfile::Dockerfile;
use crate::error::BuildError;
use crate::graph::Graph;
use crate::request::{BuildRequest, Cancel};
use crate::runner::Runner;
use crate::transfer::known::{KnownDigests, KnownTree};
use crate::tree::Tree;

pub(super) struct Session<'a> {
    pub(super) store: &'a Store,
    pub(super) runner: &'a dyn Runner,
    pub(super) request: &'a BuildRequest,
    pub(super) file: &'a Dockerfile,
    pub(super) graph: &'a Graph,
    pub(super) context: Context,
    /// Further contexts that are directories.
    pub(super) contexts: BTreeMap<String, Context>,
    pub(super) images: &'a Images<'a>,
    pub(super) cache: Cache,
    /// Keeps everything this build makes and uses from being removed.
    pub(super) lease: &'a Lease,
    /// Time of everything the build makes.
    pub(super) now: OffsetDateTime,
    pub(super) report: &'a Report<'a>,
    /// Stops this build, and is set when one of its stages fails.
    pub(super) cancel: Cancel,
    /// What the steps of this build have made or found; the lock of a key is held while its step is carried out.
    pub(super) made: Mutex<HashMap<Digest, Arc<Mutex<Option<Record>>>>>,
    /// Digests of files that earlier builds have read.
    pub(super) known: KnownDigests,
    /// Caches of elsewhere.
    pub(super) imported: Vec<Imported>,
}

impl Session<'_> {
    /// Fails when the build was cancelled.
    pub(super) fn check(&self) -> Result<(), BuildError> {
        if self.cancel.is_cancelled() { Err(BuildError::Cancelled) } else { Ok(()) }
    }

    /// What the steps of this build have made or found.
    pub(super) fn records(&self) -> BTreeMap<Digest, Record> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let record =
            |slot: &Mutex<Option<Record>>| slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        made.iter().filter_map(|(key, slot)| Some((*key, record(slot)?))).collect()
    }

    /// The build's time as configurations have it.
    pub(super) fn timestamp(&self) -> String {
        super::format(self.now)
    }

    /// What is known of the files of a tree that stays; without it they are read.
    pub(super) fn known(&self, tree: &Tree) -> Option<Arc<KnownTree>> {
        self.known.tree(tree).ok()
    }

    pub(super) fn given(&self) -> Given<'_> {
        Given {
            build_args: &self.request.build_args,
            globals: &self.graph.globals,
            escape: self.file.directives.escape,
        }
    }

    /// The directories of layers (lowest first) for overlayfs, top first.
    pub(super) fn lower_dirs(&self, layers: &[LayerId]) -> Vec<PathBuf> {
        layers.iter().rev().map(|layer| self.store.layer_path(layer)).collect()
    }
}
