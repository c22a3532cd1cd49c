//! From a request to an image in the store.

mod bring;
mod cache_mount;
mod change;
mod copy;
mod images;
mod key_agent;
mod layer;
mod metadata;
mod mounts;
mod output;
mod output_files;
mod report;
mod run;
mod schedule;
mod session;
mod source;
mod stage;
mod state;
mod stubs;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use image::{Digest, ImageConfig, LayerId, Reference, Store};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cache::{self, Cache, Imported, Record};
use crate::context::{self, Context};
use crate::dockerfile::Dockerfile;
use crate::error::BuildError;
use crate::event::{BuildEvent, BuildResult, Warning};
use crate::graph;
use crate::hash::Hasher;
use crate::lint;
use crate::platform;
use crate::remote::Remote;
use crate::request::{BuildRequest, CacheLocation, NamedContext};
use crate::runner::Runner;
use crate::transfer::known::KnownDigests;

pub use change::{ChangeError, apply_changes};
use images::Images;
pub use key_agent::KeyError;
pub use output_files::OutputError;
use report::Report;
use session::Session;
use state::State;

/// Builds an image and tags it.
///
/// # Guarantees
/// - Nothing of a build that fails, is cancelled or is killed is visible as an image; layers and cache entries of its
///   finished steps stay, so that the next build goes on there.
/// - Steps that depend on the same things as an earlier build's give the same layers without running; a build in which
///   all steps do gives the same image id.
///
/// # Errors
/// The first thing that went wrong; see [`BuildError`].
pub fn build(
    store: &Store,
    runner: &dyn Runner,
    remote: &dyn Remote,
    request: &BuildRequest,
    events: &mut (dyn FnMut(BuildEvent) + Send),
) -> Result<BuildResult, BuildError> {
    let tags = tags(request)?;
    request.platform.as_deref().map_or(Ok(()), platform::check)?;
    let cancel = request.cancel.child();
    let lease = store.lease()?;
    let brought = bring::bring(request, &bring::From { store, remote, lease: &lease, cancel: &cancel })?;
    let request = &*brought.request;
    let (name, path, text) = context::dockerfile(request)?;
    let file = Dockerfile::parse(&name, &text)?;
    let report = Report::new(events);
    let images =
        Images { store, remote, pull: request.pull, cancel: cancel.clone(), lease, found: Mutex::default() };
    let context = Context::open(&request.context, path.as_deref())?;
    if request.check {
        check(&images, &file, request, &context, &report)?;
        report.event(BuildEvent::Finished(BuildResult::default()));
        return Ok(BuildResult::default());
    }
    let graph = graph::plan(&file, request, &|bases| images.triggers(&report, &file, bases))?;
    report.plan(&file, &graph);
    check(&images, &file, request, &context, &report)?;
    let session = Session {
        store,
        runner,
        request,
        file: &file,
        graph: &graph,
        context,
        contexts: contexts(request)?,
        images: &images,
        cache: Cache::of(store),
        lease: &images.lease,
        now: now(request),
        report: &report,
        cancel,
        made: Mutex::default(),
        known: KnownDigests::of(store),
        imported: imported(&images, request, &name, &report),
    };
    let done = schedule::build_all(&session)?.all();
    unused_arguments(&session, done.values().map(Arc::as_ref));
    let target = graph.needed.last().and_then(|target| done.get(target));
    finish(&session, target.map(|state| State::clone(state)).unwrap_or_default(), &tags)
}

/// Tells what is worth looking at.
///
/// # Errors
/// When the file says that findings are errors.
fn check(
    images: &Images<'_>,
    file: &Dockerfile,
    request: &BuildRequest,
    context: &Context,
    report: &Report<'_>,
) -> Result<(), BuildError> {
    let given = request.build_args.get("BUILDKIT_DOCKERFILE_CHECK").cloned().flatten();
    let options = given.or_else(|| file.directives.check.clone());
    let options = lint::Options::parse(&options.unwrap_or_default());
    let image = |name: &str| {
        let config = images.store.resolve(name).ok()?.config.clone();
        let platform = format!("{}/{}", config.os, config.architecture);
        Some(lint::KnownImage { environment: config.config.env, platform })
    };
    let known = lint::Known { ignore: &context.ignore, image: &image };
    let warnings = lint::lint(file, &known, &options);
    warnings.iter().for_each(|warning| report.warn(warning.clone()));
    match options.error && !warnings.is_empty() && !request.check {
        false => Ok(()),
        true => {
            let rules: std::collections::BTreeSet<String> =
                warnings.into_iter().map(|warning| warning.rule).collect();
            Err(BuildError::Findings { rules: rules.into_iter().collect() })
        }
    }
}

/// Opens the further contexts that are directories.
fn contexts(request: &BuildRequest) -> Result<BTreeMap<String, Context>, BuildError> {
    let directories = request.contexts.iter().filter_map(|(name, context)| match context {
        NamedContext::Directory(path) => Some((name, path)),
        _ => None,
    });
    directories.map(|(name, path)| Ok((name.clone(), Context::open(path, None)?))).collect()
}

/// Opens the caches to be used; one that cannot be is no reason not to build.
fn imported(images: &Images<'_>, request: &BuildRequest, file: &str, report: &Report<'_>) -> Vec<Imported> {
    let open = |from: &CacheLocation| match from {
        CacheLocation::Directory(path) => Imported::open(path),
        CacheLocation::Registry(name) => {
            cache::bring(name, images.store, &images.lease, images.remote, &images.cancel).map(Imported::from)
        }
    };
    let mut opened = Vec::new();
    for from in &request.cache_from {
        match open(from) {
            Ok(imported) => opened.push(imported),
            Err(error) => report.warn(Warning {
                rule: "CacheNotUsed".into(),
                file: file.to_owned(),
                line: 1,
                lines: Vec::new(),
                message: chain(&error),
            }),
        }
    }
    opened
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The steps that the layers come from.
fn records_of(session: &Session<'_>, layers: &[LayerId]) -> BTreeMap<Digest, Record> {
    let mut records = session.records();
    records.retain(|_, record| record.layer.is_some_and(|layer| layers.contains(&layer)));
    records
}

/// Copies the cache's records of this build to where they are wanted.
fn export_cache(session: &Session<'_>, layers: &[LayerId]) -> Result<(), BuildError> {
    for wanted in &session.request.cache_to {
        let records = if wanted.all_stages { session.records() } else { records_of(session, layers) };
        match &wanted.to {
            CacheLocation::Directory(path) => cache::export(path, &records, session.store),
            CacheLocation::Registry(name) => {
                let Images { remote, cancel, .. } = session.images;
                cache::send(name, &records, session.store, session.lease, *remote, cancel)
            }
        }
        .map_err(BuildError::CacheExport)?;
    }
    Ok(())
}

fn tags(request: &BuildRequest) -> Result<Vec<Reference>, BuildError> {
    let parse =
        |tag: &String| Reference::parse(tag).map_err(|source| BuildError::Tag { tag: tag.clone(), source });
    request.tags.iter().map(parse).collect()
}

/// The build's time: now, or what the request says instead.
fn now(request: &BuildRequest) -> OffsetDateTime {
    let given = request.source_date_epoch.and_then(|epoch| OffsetDateTime::from_unix_timestamp(epoch).ok());
    given.unwrap_or_else(OffsetDateTime::now_utc)
}

fn unused_arguments<'a>(session: &Session<'_>, stages: impl Iterator<Item = &'a State> + Clone) {
    for name in session.request.build_args.keys() {
        let global = session.graph.globals.contains_key(name) || state::is_predefined(name);
        if !global && !stages.clone().any(|state| state.consumed.contains(name)) {
            session.report.warn(Warning {
                rule: "UnusedBuildArg".into(),
                file: session.file.name.clone(),
                line: 1,
                lines: Vec::new(),
                message: format!("the build argument {name} is not declared by any ARG"),
            });
        }
    }
}

/// Stores the image.
fn finish(session: &Session<'_>, mut state: State, tags: &[Reference]) -> Result<BuildResult, BuildError> {
    session.check()?;
    state.image.config.labels.extend(session.request.labels.clone());
    state.image.rootfs.diff_ids.clone_from(&state.layers);
    if session.request.inline_cache
        || session
            .request
            .build_args
            .get("BUILDKIT_INLINE_CACHE")
            .is_some_and(|value| value.as_deref() == Some("1"))
    {
        cache::put_inline(&mut state.image, &records_of(session, &state.layers));
    }
    let created = created(session, &state.image, &state.layers);
    state.date(&created);
    let outputs = &session.request.outputs;
    let files_only = !outputs.is_empty() && !outputs.iter().any(|output| output.kind.needs_image());
    let image = match files_only && tags.is_empty() {
        true => String::new(),
        false => session.store.put_image(session.lease, state.image, &state.layers, tags)?.id.to_string(),
    };
    let tags: Vec<String> = tags.iter().map(ToString::to_string).collect();
    let names = if tags.is_empty() { vec![image.clone()] } else { tags.clone() };
    outputs.iter().try_for_each(|output| output_files::write(session, output, &state.layers, &names))?;
    export_cache(session, &state.layers)?;
    let (steps, cached) = session.report.counts();
    let result = BuildResult { image, tags, steps, cached };
    session.report.event(BuildEvent::Finished(result.clone()));
    Ok(result)
}

/// The image's time: that of the first build that made just this image, so that a repeated one has the same id.
fn created(session: &Session<'_>, config: &ImageConfig, layers: &[LayerId]) -> String {
    let now = session.timestamp();
    if session.request.source_date_epoch.is_some() {
        return now;
    }
    let mut hasher = Hasher::new("berth image 1");
    hasher.text(&serde_json::to_string(config).unwrap_or_default());
    hasher.list(layers.iter().map(ToString::to_string));
    let key = hasher.finish();
    if let Some(record) = session.cache.get(&key).filter(|_| !session.request.no_cache) {
        return record.created;
    }
    // Without the record the next build has another id; nothing else is lost.
    let _ = session.cache.put(&key, &Record { layer: None, created: now.clone() });
    now
}

/// A time as configurations have it.
fn format(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_else(|_| "1970-01-01T00:00:00Z".to_owned())
}
