//! Variables and working directories of stages.

use std::collections::{BTreeMap, BTreeSet};

use super::{Findings, Known, KnownImage};
use crate::dockerfile::{Dockerfile, Instruction, Kind, Stage, Transfer};
use crate::platform;

/// What the instructions of a stage know.
#[derive(Debug, Clone, Default)]
struct Scope {
    /// Variables that are set.
    names: BTreeSet<String>,
    /// The environment of the base is known.
    is_known: bool,
    /// An absolute working directory was set.
    has_workdir: bool,
}

pub(super) fn check(found: &mut Findings<'_>, known: &Known<'_>) {
    let mut done: BTreeMap<String, Scope> = BTreeMap::new();
    for (index, stage) in found.file.stages.iter().enumerate() {
        let mut scope = base(found, stage, &done, known);
        for instruction in &stage.instructions {
            self::instruction(found, instruction, &mut scope);
        }
        done.extend(stage.from.alias.clone().map(|name| (name, scope.clone())));
        done.insert(index.to_string(), scope);
    }
}

fn base(found: &mut Findings<'_>, stage: &Stage, done: &BTreeMap<String, Scope>, known: &Known<'_>) -> Scope {
    let written = stage.from.image.as_str();
    if let Some(scope) = done.get(&written.to_ascii_lowercase()) {
        return scope.clone();
    }
    let own = platform::own();
    let image = match written {
        "scratch" => Some(KnownImage { platform: own.clone(), ..KnownImage::default() }),
        name => (known.image)(&with_defaults(found.file, name)),
    };
    if let Some(image) = image.as_ref().filter(|image| image.platform != own) {
        let message = format!("{written} is an image for {}, and what is built is for {own}", image.platform);
        found.add("InvalidBaseImagePlatform", &stage.at, message);
    }
    let is_known = image.is_some();
    let entries = image.unwrap_or_default().environment;
    let names = entries.iter().filter_map(|entry| entry.split_once('=')).map(|(name, _)| name.to_owned());
    Scope { names: names.chain(["PATH".to_owned()]).collect(), is_known, has_workdir: false }
}

/// The name of an image with the defaults of arguments.
fn with_defaults(file: &Dockerfile, name: &str) -> String {
    if !name.contains('$') {
        return name.to_owned();
    }
    let mut defaults = BTreeMap::new();
    for global in &file.globals {
        if let Kind::Arg(arguments) = &global.kind {
            defaults.extend(arguments.iter().map(|own| (own.name.clone(), own.value.clone())));
        }
    }
    let lookup = |name: &str| defaults.get(name).cloned().flatten();
    crate::expand::word(name, file.directives.escape, &lookup).unwrap_or_default()
}

fn instruction(found: &mut Findings<'_>, instruction: &Instruction, scope: &mut Scope) {
    let texts = texts(&instruction.kind);
    let lookup = |name: &str| scope.names.contains(name).then(String::new);
    let unset: BTreeSet<String> = texts.iter().flat_map(|text| found.expand(text, &lookup).1).collect();
    for name in unset.iter().filter(|_| scope.is_known) {
        let message = format!("the variable {name:?} is not set here; declare it with ARG or ENV");
        found.add("UndefinedVar", instruction, message);
    }
    match &instruction.kind {
        Kind::Env(pairs) => scope.names.extend(pairs.iter().map(|(name, _)| name.clone())),
        Kind::Arg(arguments) => scope.names.extend(arguments.iter().map(|own| own.name.clone())),
        Kind::Workdir(path) if path.starts_with('/') || path.starts_with('$') => scope.has_workdir = true,
        Kind::Workdir(path) if !scope.has_workdir => {
            let message =
                format!("the working directory {path:?} depends on that of the base image; begin it with /");
            found.add("WorkdirRelativePath", instruction, message);
        }
        _ => {}
    }
}

/// The texts of an instruction in which variables are replaced.
fn texts(kind: &Kind) -> Vec<&str> {
    match kind {
        Kind::Env(pairs) | Kind::Label(pairs) => {
            pairs.iter().flat_map(|(name, value)| [name.as_str(), value]).collect()
        }
        Kind::Arg(arguments) => arguments.iter().filter_map(|own| own.value.as_deref()).collect(),
        Kind::Copy(transfer) | Kind::Add(transfer) => transfer_texts(transfer),
        Kind::Workdir(text) | Kind::User(text) | Kind::StopSignal(text) => vec![text],
        Kind::Expose(texts) | Kind::Volume(texts) => texts.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

fn transfer_texts(transfer: &Transfer) -> Vec<&str> {
    let flags = [&transfer.chown, &transfer.chmod, &transfer.checksum];
    let sources = transfer.sources.iter().map(String::as_str);
    sources
        .chain([transfer.destination.as_str()])
        .chain(flags.into_iter().flatten().map(String::as_str))
        .collect()
}
