//! Which stages a build needs, pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::dockerfile::{Dockerfile, Instruction, Kind};
use crate::error::{BuildError, StepError};
use crate::expand;
use crate::platform;
use crate::request::{BuildRequest, NamedContext};

/// What is to be built, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Graph {
    /// For each stage of the Dockerfile, what it begins with.
    pub(crate) bases: Vec<Base>,
    /// The stages that are needed, in the Dockerfile's order; the last one is the target.
    pub(crate) needed: Vec<usize>,
    /// For each stage of the Dockerfile, the stages it begins with or takes files from.
    pub(crate) needs: Vec<BTreeSet<usize>>,
    /// Values of the `ARG`s before the first `FROM`, and of the platform's.
    pub(crate) globals: BTreeMap<String, String>,
}

/// What a stage begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Base {
    /// Nothing.
    Scratch,
    /// An earlier stage.
    Stage(usize),
    /// An image of the store.
    Image(String),
}

/// Finds the instructions that images have for those that are built on them.
pub(crate) type Triggers<'a> =
    &'a dyn Fn(&[(&str, &Instruction)]) -> Result<Vec<Vec<Instruction>>, BuildError>;

/// Plans the build of `request`. `triggers` is asked, several images at once, for the `ONBUILD` instructions of base
/// images of stages that are needed, each given with the `FROM` that names it.
pub(crate) fn plan(
    file: &Dockerfile,
    request: &BuildRequest,
    triggers: Triggers<'_>,
) -> Result<Graph, BuildError> {
    let globals = globals(file, request)?;
    let bases = (0..file.stages.len())
        .map(|index| base(file, index, &globals, request))
        .collect::<Result<Vec<_>, _>>()?;
    let target = target(file, request)?;
    let mut needs: Vec<BTreeSet<usize>> =
        (0..file.stages.len()).map(|index| needs(file, index, &bases, request)).collect();
    let mut asked = BTreeSet::new();
    loop {
        let needed = mark(&needs, target);
        let fresh: Vec<usize> = needed.iter().copied().filter(|index| asked.insert(*index)).collect();
        let images: Vec<(usize, &str, &Instruction)> = fresh
            .iter()
            .filter_map(|index| match bases.get(*index)? {
                Base::Image(image) => Some((*index, image.as_str(), &file.stages.get(*index)?.at)),
                _ => None,
            })
            .collect();
        if images.is_empty() {
            return Ok(Graph { bases, needed, needs, globals });
        }
        let named: Vec<_> = images.iter().map(|(_, image, at)| (*image, *at)).collect();
        for ((index, ..), instructions) in images.iter().zip(triggers(&named)?) {
            let more = taken_from(&instructions).filter_map(|from| stage_of(file, from, *index, request));
            needs.get_mut(*index).into_iter().for_each(|needs| needs.extend(more.clone()));
        }
    }
}

/// The name of a stage for people: its own, or its number.
pub(crate) fn name(file: &Dockerfile, index: usize) -> String {
    let stage = file.stages.get(index);
    stage.and_then(|stage| stage.from.alias.clone()).unwrap_or_else(|| index.to_string())
}

/// The stage that `--from` means in the stage `before`; `None` if it must be an image.
pub(crate) fn find(file: &Dockerfile, from: &str, before: usize) -> Option<usize> {
    let earlier = file.stages.get(..before)?;
    let lower = from.to_ascii_lowercase();
    let named = earlier.iter().rposition(|stage| stage.from.alias.as_deref() == Some(&lower));
    named.or_else(|| from.parse().ok().filter(|index| *index < before))
}

fn globals(file: &Dockerfile, request: &BuildRequest) -> Result<BTreeMap<String, String>, BuildError> {
    let mut values = platform::arguments();
    for instruction in &file.globals {
        let Kind::Arg(arguments) = &instruction.kind else { continue };
        for argument in arguments {
            let given = request.build_args.get(&argument.name).cloned().flatten();
            let default = || {
                let lookup = |name: &str| values.get(name).cloned();
                let text = argument.value.as_deref();
                text.map(|text| expand::word(text, file.directives.escape, &lookup)).transpose()
            };
            let value = match given {
                Some(value) => Some(value),
                None => default().map_err(|error| failed(file, instruction, error.into()))?,
            };
            if let Some(value) = value {
                values.insert(argument.name.clone(), value);
            }
        }
    }
    Ok(values)
}

fn base(
    file: &Dockerfile,
    index: usize,
    globals: &BTreeMap<String, String>,
    request: &BuildRequest,
) -> Result<Base, BuildError> {
    let Some(stage) = file.stages.get(index) else { return Ok(Base::Scratch) };
    let lookup = |name: &str| globals.get(name).cloned();
    let fail = |error: StepError| failed(file, &stage.at, error);
    let expand =
        |text: &str| expand::word(text, file.directives.escape, &lookup).map_err(|error| fail(error.into()));
    if let Some(platform) = stage.from.platform.as_deref().map(expand).transpose()? {
        platform::check(&platform)?;
    }
    let image = expand(&stage.from.image)?;
    if image.is_empty() {
        let value = stage.from.image.clone();
        return Err(fail(StepError::Value {
            value,
            expected: "the name of an image: its variables are empty",
        }));
    }
    if image == "scratch" {
        return Ok(Base::Scratch);
    }
    match request.contexts.get(&image) {
        Some(NamedContext::Image(other)) => return Ok(Base::Image(other.clone())),
        Some(_) => return Err(fail(StepError::Unsupported("FROM a build context that is a directory"))),
        None => {}
    }
    let earlier = file.stages.get(..index).unwrap_or_default();
    let lower = image.to_ascii_lowercase();
    let stage = earlier.iter().rposition(|stage| stage.from.alias.as_deref() == Some(&lower));
    Ok(stage.map_or(Base::Image(image), Base::Stage))
}

fn failed(file: &Dockerfile, instruction: &Instruction, source: StepError) -> BuildError {
    BuildError::Step { at: file.excerpt(instruction), source: Box::new(source) }
}

fn target(file: &Dockerfile, request: &BuildRequest) -> Result<usize, BuildError> {
    let count = file.stages.len();
    match request.target.as_deref() {
        None | Some("") => Ok(count.saturating_sub(1)),
        Some(target) => find(file, target, count).ok_or_else(|| BuildError::Target {
            target: target.to_owned(),
            stages: (0..count).map(|index| name(file, index)).collect(),
        }),
    }
}

/// A stage and those it needs, in order. Every dependency is an earlier stage, so one pass from the end is enough.
fn mark(needs: &[BTreeSet<usize>], target: usize) -> Vec<usize> {
    let mut needed = BTreeSet::from([target]);
    for index in (0..=target).rev() {
        if needed.contains(&index) {
            needed.extend(needs.get(index).into_iter().flatten());
        }
    }
    needed.into_iter().collect()
}

/// The stages that a stage begins with or takes files from, as the Dockerfile says it.
fn needs(file: &Dockerfile, index: usize, bases: &[Base], request: &BuildRequest) -> BTreeSet<usize> {
    let base = match bases.get(index) {
        Some(Base::Stage(base)) => Some(*base),
        _ => None,
    };
    let instructions = file.stages.get(index).map_or(&[][..], |stage| &stage.instructions);
    taken_from(instructions).filter_map(|from| stage_of(file, from, index, request)).chain(base).collect()
}

/// The stage that `--from` means in the stage `before`, unless a build context has that name.
pub(crate) fn stage_of(
    file: &Dockerfile,
    from: &str,
    before: usize,
    request: &BuildRequest,
) -> Option<usize> {
    if request.contexts.contains_key(from) { None } else { find(file, from, before) }
}

/// Everything that files are taken from.
fn taken_from(instructions: &[Instruction]) -> impl Iterator<Item = &str> + Clone {
    instructions.iter().flat_map(|instruction| match &instruction.kind {
        Kind::Copy(copy) => copy.from.iter().map(String::as_str).collect::<Vec<_>>(),
        Kind::Run(run) => run.mounts.iter().filter_map(|mount| mount.from.as_deref()).collect(),
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "ARG V=1\nFROM debian:$V AS a\nFROM a AS b\nFROM scratch AS unused\nFROM b\nCOPY --from=a x y\nCOPY --from=2 x y\nCOPY --from=other:1 x y\n";

    fn plan(text: &str, request: &BuildRequest) -> Result<Graph, String> {
        let file = Dockerfile::parse("Dockerfile", text).unwrap();
        super::plan(&file, request, &|images| Ok(vec![Vec::new(); images.len()]))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn only_what_the_target_needs_is_built() {
        let mut request = BuildRequest::default();
        let all = plan(FILE, &request).unwrap();
        assert_eq!(all.needed, [0, 1, 2, 3]);
        assert_eq!(
            all.bases,
            [Base::Image("debian:1".into()), Base::Stage(0), Base::Scratch, Base::Stage(1)]
        );
        request.target = Some("B".into());
        assert_eq!(plan(FILE, &request).unwrap().needed, [0, 1]);
        request.target = Some("2".into());
        assert_eq!(plan(FILE, &request).unwrap().needed, [2]);
        request.target = Some("c".into());
        assert_eq!(
            plan(FILE, &request).unwrap_err(),
            "there is no stage \"c\" in the Dockerfile; it has a, b, unused, 3"
        );
    }

    #[test]
    fn triggers_and_contexts_change_what_is_needed() {
        let text = "FROM scratch AS a\nFROM scratch AS b\nFROM base\nCOPY --from=b x y\n";
        let file = Dockerfile::parse("Dockerfile", text).unwrap();
        let request = BuildRequest {
            contexts: BTreeMap::from([("b".to_owned(), NamedContext::Image("other".into()))]),
            ..BuildRequest::default()
        };
        let triggers = |images: &[(&str, &Instruction)]| {
            assert_eq!(images[0].0, "base");
            Ok(vec![crate::dockerfile::parse_trigger("COPY --from=a x y").unwrap()])
        };
        let graph = super::plan(&file, &request, &triggers).unwrap();
        assert_eq!(graph.needed, [0, 2]);
        assert_eq!(graph.needs[2], BTreeSet::from([0]));
    }

    #[test]
    fn arguments_choose_the_base() {
        let mut request = BuildRequest::default();
        request.build_args.insert("V".into(), Some("2".into()));
        assert_eq!(plan(FILE, &request).unwrap().bases[0], Base::Image("debian:2".into()));
        let empty = plan("ARG X\nFROM $X\n", &request).unwrap_err();
        assert_eq!(empty, "Dockerfile:2: the instruction failed\n 2 | FROM $X");
        let arch = plan("FROM --platform=$BUILDPLATFORM x-$TARGETARCH", &request).unwrap();
        assert_eq!(arch.bases[0], Base::Image(format!("x-{}", platform::architecture())));
    }
}
