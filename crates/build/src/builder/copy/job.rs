//! A transfer with everything expanded and looked up.

use std::path::Path;

use beneath::Accounts;

use super::remote::{self, Taken};
use crate::builder::layer::scratch_error;
use crate::builder::source::Source;
use crate::builder::stage::StageBuilder;
use crate::context::Ignore;
use crate::dockerfile::Transfer;
use crate::error::StepError;
use crate::expand;
use crate::fetch;
use crate::transfer::chmod::Chmod;
use crate::transfer::plan::Overrides;
use crate::transfer::select::Origin;
use crate::tree::Tree;

/// `/etc/passwd` and `/etc/group` are not longer.
const ACCOUNTS_LIMIT: u64 = 16 << 20;

/// What is copied, and how.
pub(super) struct Job<'a> {
    pub(super) origin: Origin<'a>,
    /// The image below; empty with `--link`.
    pub(super) base: &'a Tree,
    pub(super) sources: Vec<Wanted>,
    /// What was fetched.
    pub(super) taken: Vec<Taken>,
    /// Names and texts of here-documents.
    pub(super) texts: Vec<(String, String)>,
    /// Absolute; ends with a slash if it must be a directory.
    pub(super) destination: String,
    pub(super) overrides: Overrides,
    /// Local archives are unpacked.
    pub(super) unpack: bool,
    /// Fetched archives are unpacked.
    pub(super) unpack_fetched: bool,
    /// Sources keep the directories they are in.
    pub(super) parents: bool,
}

/// One source of an instruction.
pub(super) enum Wanted {
    /// A path or pattern in the origin.
    Path(String),
    /// What [`Job::taken`] has at that index.
    Taken(usize),
}

/// Looks everything up, and fetches what is on other hosts.
pub(super) fn job<'a>(
    builder: &'a StageBuilder<'_, '_>,
    transfer: &Transfer,
    source: &'a Source<'a>,
    exclude: &'a Ignore,
    (base, nothing): (&'a Tree, &'a Tree),
    add: bool,
) -> Result<Job<'a>, StepError> {
    let (state, escape) = (&builder.state, builder.session.file.directives.escape);
    let texts = transfer.heredocs.iter().map(|heredoc| {
        let content = heredoc.content();
        let lookup = |name: &str| state.variable(name);
        let text = if heredoc.expand { expand::document(&content, escape, &lookup)? } else { content };
        Ok((heredoc.name.clone(), text))
    });
    let texts = texts.collect::<Result<_, StepError>>()?;
    let written = state.expand(&transfer.destination, escape)?;
    let owner =
        transfer.chown.as_deref().map(|chown| owner(base, &state.expand(chown, escape)?)).transpose()?;
    let chmod = transfer.chmod.as_deref().map(|chmod| chmod_of(&state.expand(chmod, escape)?)).transpose()?;
    let (sources, taken) = sources(builder, transfer, add)?;
    Ok(Job {
        overrides: Overrides { owner, chmod, root_owned: source.is_of_this_host() },
        origin: source.origin(exclude, builder),
        base: if transfer.link { nothing } else { base },
        sources,
        taken,
        texts,
        destination: destination(&state.image.config.working_dir, &written),
        unpack: add && transfer.unpack != Some(false),
        unpack_fetched: transfer.unpack == Some(true),
        parents: transfer.parents,
    })
}

fn sources(
    builder: &StageBuilder<'_, '_>,
    transfer: &Transfer,
    add: bool,
) -> Result<(Vec<Wanted>, Vec<Taken>), StepError> {
    let (state, escape) = (&builder.state, builder.session.file.directives.escape);
    let checksum = transfer.checksum.as_deref().map(|text| state.expand(text, escape)).transpose()?;
    let (mut sources, mut taken) = (Vec::new(), Vec::new());
    for source in &transfer.sources {
        let source = state.expand(source, escape)?;
        match if add { fetch::parse(&source)? } else { None } {
            Some(address) => {
                sources.push(Wanted::Taken(taken.len()));
                taken.push(remote::take(builder, &address, checksum.as_deref(), transfer.keep_git_dir)?);
            }
            None if checksum.is_some() => {
                return Err(fetch::SourceError::LocalChecksum { path: source }.into());
            }
            None => sources.push(Wanted::Path(source)),
        }
    }
    Ok((sources, taken))
}

fn chmod_of(text: &str) -> Result<Chmod, StepError> {
    let invalid = || StepError::Value { value: text.to_owned(), expected: "a mode: 755 or u=rwX,go=rX" };
    Chmod::parse(text).ok_or_else(invalid)
}

/// `user[:group]` by the image's own files; a number alone is the group as well.
pub(super) fn owner(base: &Tree, spec: &str) -> Result<(u32, u32), StepError> {
    if let Ok(id) = spec.parse() {
        return Ok((id, id));
    }
    let read = |path: &str| {
        let content = base.read(Path::new(path), ACCOUNTS_LIMIT);
        content
            .map(Option::unwrap_or_default)
            .map_err(|source| scratch_error("read", Path::new(path), source))
    };
    let identity = Accounts::parse(&read("/etc/passwd")?, &read("/etc/group")?).resolve(spec)?;
    Ok((identity.uid, identity.gid))
}

/// A path of an instruction, made absolute; a trailing slash stays, and `.` means one.
pub(in crate::builder) fn destination(working_dir: &str, path: &str) -> String {
    let is_directory = path.is_empty() || path == "." || path.ends_with('/') || path.ends_with("/.");
    let base = if path.starts_with('/') { "" } else { working_dir };
    let parts = base.split('/').chain(path.split('/')).filter(|part| !part.is_empty() && *part != ".");
    let joined: String = parts.map(|part| format!("/{part}")).collect();
    if is_directory { joined + "/" } else { joined }
}

#[cfg(test)]
mod tests {
    use super::destination;

    #[test]
    fn destinations_become_absolute() {
        assert_eq!(destination("/app", "x"), "/app/x");
        assert_eq!(destination("/app", "x/"), "/app/x/");
        assert_eq!(destination("/app", "."), "/app/");
        assert_eq!(destination("", "x"), "/x");
        assert_eq!(destination("/app", "/x/."), "/x/");
        assert_eq!(destination("/", "/"), "/");
        assert_eq!(destination("/app", "../x"), "/app/../x");
    }
}
