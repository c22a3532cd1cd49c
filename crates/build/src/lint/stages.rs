//! `FROM`

use std::collections::BTreeMap;

use image::Reference;

use super::Findings;
use crate::dockerfile::{Kind, Stage};
use crate::platform;

/// Names that mean something else.
const RESERVED: [&str; 2] = ["context", "scratch"];

pub(super) fn check(found: &mut Findings<'_>) {
    let declared = declared(found);
    for (index, stage) in found.file.stages.iter().enumerate() {
        name(found, index, stage);
        image(found, stage, &declared);
        platform_flag(found, stage);
    }
}

fn name(found: &mut Findings<'_>, index: usize, stage: &Stage) {
    let Some(name) = &stage.from.alias else { return };
    let earlier = found.file.stages.get(..index).unwrap_or_default();
    if let Some(other) = earlier.iter().rev().find(|other| other.from.alias.as_ref() == Some(name)) {
        let line = other.at.line;
        let message =
            format!("the stage at line {line} is called {name:?} as well; stage names should be unique");
        found.add("DuplicateStageName", &stage.at, message);
    }
    if RESERVED.contains(&name.as_str()) {
        let message = format!("{name:?} has a meaning of its own and should not name a stage");
        found.add("ReservedStageName", &stage.at, message);
    }
}

/// The arguments before the first `FROM` with their defaults, and the platform's.
fn declared(found: &Findings<'_>) -> BTreeMap<String, String> {
    let mut values = platform::arguments();
    for instruction in &found.file.globals {
        let Kind::Arg(arguments) = &instruction.kind else { continue };
        for argument in arguments {
            let default = argument.value.as_deref().unwrap_or_default();
            let (value, _) = found.expand(default, &|name| values.get(name).cloned());
            values.insert(argument.name.clone(), value);
        }
    }
    values
}

fn image(found: &mut Findings<'_>, stage: &Stage, declared: &BTreeMap<String, String>) {
    let lookup = |name: &str| declared.get(name).cloned();
    let platform = stage.from.platform.as_deref().unwrap_or_default();
    let (name, mut unset) = found.expand(&stage.from.image, &lookup);
    unset.extend(found.expand(platform, &lookup).1);
    for argument in &unset {
        let message = format!("the argument {argument:?} is not declared by an ARG before the first FROM");
        found.add("UndefinedArgInFrom", &stage.at, message);
    }
    let written = &stage.from.image;
    let is_name = name == "scratch" || Reference::parse(&name).is_ok();
    if unset.is_empty() && written.contains('$') && !is_name {
        let message = format!(
            "without build arguments {written:?} becomes {name:?}, which is no image; give a default"
        );
        found.add("InvalidDefaultArgInFrom", &stage.at, message);
    }
}

fn platform_flag(found: &mut Findings<'_>, stage: &Stage) {
    let Some(platform) = stage.from.platform.as_deref() else { return };
    if matches!(platform, "$TARGETPLATFORM" | "${TARGETPLATFORM}") {
        let message = format!("--platform={platform} is what FROM does anyway");
        found.add("RedundantTargetPlatform", &stage.at, message);
    }
    let parts: Vec<&str> = platform.split('/').collect();
    let name = stage.from.alias.as_deref().unwrap_or_default();
    let is_in_name = parts.iter().skip(1).any(|part| !part.is_empty() && name.contains(part));
    if !platform.contains('$') && !is_in_name {
        let message = format!("--platform should not be the constant {platform:?}");
        found.add("FromPlatformFlagConstDisallowed", &stage.at, message);
    }
}
