//! Where files come from: the context, another one by name, a stage or an image.

use image::LayerId;

use super::layer::scratch_error;
use super::stage::{StageBuilder, failed};
use crate::context::{Context, Ignore};
use crate::error::{BuildError, Excerpt, StepError};
use crate::graph;
use crate::request::NamedContext;
use crate::transfer::select::Origin;
use crate::tree::Tree;

/// Files to be taken.
pub(super) struct Source<'a> {
    files: Files<'a>,
    /// For messages: `the build context`, `stage base`.
    name: String,
    nothing: Ignore,
}

enum Files<'a> {
    /// A directory of this host.
    Context(&'a Context),
    /// Merged layers.
    Layers(Tree),
}

impl<'a> Source<'a> {
    fn new(files: Files<'a>, name: impl Into<String>) -> Self {
        Self { files, name: name.into(), nothing: Ignore::default() }
    }

    pub(super) fn tree(&self) -> &Tree {
        match &self.files {
            Files::Context(context) => &context.tree,
            Files::Layers(tree) => tree,
        }
    }

    /// Owners of the files mean nothing in an image.
    pub(super) fn is_of_this_host(&self) -> bool {
        matches!(self.files, Files::Context(_))
    }

    /// The files without those that `.dockerignore` and `exclude` leave out.
    pub(super) fn origin<'s>(&'s self, exclude: &'s Ignore, builder: &'s StageBuilder<'_, '_>) -> Origin<'s> {
        let ignore = match &self.files {
            Files::Context(context) => &context.ignore,
            Files::Layers(_) => &self.nothing,
        };
        let (devices, cancel) = (!self.is_of_this_host(), &builder.session.cancel);
        Origin { tree: self.tree(), ignore, exclude, devices, name: &self.name, cancel }
    }
}

impl<'a> StageBuilder<'a, '_> {
    /// What `--from` means; without it, the build context.
    pub(super) fn source(&self, from: Option<&str>, at: &Excerpt) -> Result<Source<'a>, BuildError> {
        let session = self.session;
        let Some(from) = from else {
            return Ok(Source::new(Files::Context(&session.context), "the build context"));
        };
        if let Some(context) = session.contexts.get(from) {
            return Ok(Source::new(Files::Context(context), format!("the build context {from}")));
        }
        let (layers, name) = self.layers_of(from, at)?;
        let tree = Tree::overlay(&session.lower_dirs(&layers)).map_err(|source| {
            failed(at, scratch_error("open the layers beneath", session.store.root(), source))
        })?;
        Ok(Source::new(Files::Layers(tree), name))
    }

    fn layers_of(&self, from: &str, at: &Excerpt) -> Result<(Vec<LayerId>, String), BuildError> {
        let session = self.session;
        if from.eq_ignore_ascii_case("scratch") {
            return Ok((Vec::new(), "scratch".to_owned()));
        }
        if let Some(index) = graph::stage_of(session.file, from, self.index, session.request) {
            let unbuilt = || failed(at, StepError::Unsupported("copying from a stage that is not built"));
            let stage = self.done.get(index).ok_or_else(unbuilt)?;
            return Ok((stage.layers.clone(), format!("stage {from}")));
        }
        let reference = match session.request.contexts.get(from) {
            Some(NamedContext::Image(reference)) => reference,
            _ => from,
        };
        let image = session.images.get(session.report, reference, at)?;
        Ok((image.layers.clone(), format!("image {reference}")))
    }
}
