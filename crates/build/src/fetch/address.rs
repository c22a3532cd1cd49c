//! The forms of a remote source, pure.

use super::SourceError;

/// A remote source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// A file.
    Http(String),
    /// A repository.
    Git(GitAddress),
}

/// A part of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GitAddress {
    /// What git is given.
    pub(crate) url: String,
    /// Branch, tag or commit; the default branch if absent.
    pub(crate) reference: Option<String>,
    /// Directory in the repository.
    pub(crate) subdirectory: Option<String>,
    /// The commit it must be.
    pub(crate) checksum: Option<String>,
    /// Keep `.git`.
    pub(crate) keep_git_dir: Option<bool>,
    /// Leave submodules empty.
    pub(crate) no_submodules: bool,
}

/// What `source` of an `ADD` means; `None` if it is a path.
pub(crate) fn parse(source: &str) -> Result<Option<Address>, SourceError> {
    let is_http = ["http://", "https://"].iter().any(|scheme| source.starts_with(scheme));
    if is_http {
        let path = source.split(['?', '#']).next().unwrap_or_default();
        return match path.ends_with(".git") {
            true => git(source).map(Some),
            false => Ok(Some(Address::Http(source.to_owned()))),
        };
    }
    let is_git = ["git://", "ssh://"].iter().any(|scheme| source.starts_with(scheme))
        || source.starts_with("github.com/")
        || is_scp(source);
    if is_git { git(source).map(Some) } else { Ok(None) }
}

/// `user@host:path`
fn is_scp(source: &str) -> bool {
    let Some((user, rest)) = source.split_once('@') else { return false };
    let Some((host, path)) = rest.split_once(':') else { return false };
    let plain = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
    };
    plain(user) && plain(host) && !path.is_empty()
}

/// `url[?name=value&…][#reference[:directory]]`
fn git(source: &str) -> Result<Address, SourceError> {
    let fail = |problem| SourceError::Address { url: shown(source), problem };
    let (rest, fragment) = source.split_once('#').unwrap_or((source, ""));
    let (url, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (reference, directory) = fragment.split_once(':').unwrap_or((fragment, ""));
    let mut address = GitAddress {
        url: if url.starts_with("github.com/") { format!("https://{url}") } else { url.to_owned() },
        reference: some(reference),
        subdirectory: some(directory),
        ..GitAddress::default()
    };
    for field in query.split('&').filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        match name {
            "ref" | "branch" | "tag" | "commit" if address.reference.is_some() => {
                return Err(fail("it names two references"));
            }
            "ref" => address.reference = some(value),
            "branch" => address.reference = some(value).map(|name| format!("refs/heads/{name}")),
            "tag" => address.reference = some(value).map(|name| format!("refs/tags/{name}")),
            "commit" | "checksum" => address.checksum = some(value),
            "subdir" => address.subdirectory = some(value),
            "keep-git-dir" => address.keep_git_dir = Some(value != "false" && value != "0"),
            "submodules" => address.no_submodules = matches!(value, "false" | "0"),
            _ => return Err(fail("its query has an unknown name")),
        }
    }
    if address.reference.is_none() {
        address.reference.clone_from(&address.checksum);
    }
    let dangerous = |text: &Option<String>| {
        text.as_ref().is_some_and(|text| text.starts_with('-') || text.contains(|c: char| c.is_control()))
    };
    match dangerous(&address.reference) || address.url.contains(|c: char| c.is_control() || c == ' ') {
        true => Err(fail("its reference or address is not valid")),
        false => Ok(Address::Git(address)),
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// An address without the user and password it may have.
pub(crate) fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest.get(..end).and_then(|authority| authority.rsplit_once('@')) {
        Some((_, host)) => format!("{scheme}://{host}{}", rest.get(end..).unwrap_or_default()),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git_of(source: &str) -> GitAddress {
        match parse(source).unwrap() {
            Some(Address::Git(address)) => address,
            other => panic!("{source}: {other:?}"),
        }
    }

    #[test]
    fn kinds_are_told_apart() {
        assert_eq!(parse("a/b.git").unwrap(), None);
        assert_eq!(parse("./git@host:x").unwrap(), None);
        assert_eq!(parse("https://h/x.tar").unwrap(), Some(Address::Http("https://h/x.tar".into())));
        assert_eq!(git_of("git@h.example:a/b.git").url, "git@h.example:a/b.git");
        assert_eq!(git_of("github.com/a/b").url, "https://github.com/a/b");
    }

    #[test]
    fn references_and_directories_are_read() {
        let address = git_of("https://h/x.git#v1:docs");
        assert_eq!(
            (address.reference.as_deref(), address.subdirectory.as_deref()),
            (Some("v1"), Some("docs"))
        );
        let address = git_of("https://h/x.git?tag=v2&subdir=a&keep-git-dir=true&submodules=false");
        assert_eq!(address.reference.as_deref(), Some("refs/tags/v2"));
        assert_eq!((address.keep_git_dir, address.no_submodules), (Some(true), true));
        for wrong in ["https://h/x.git?no=1", "https://h/x.git#--upload-pack=x", "https://h/x.git?tag=a#b"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(shown("https://user:word@h/x?y=1@2"), "https://h/x?y=1@2");
        assert_eq!(shown("https://h/x"), "https://h/x");
        assert_eq!(shown("git@h:x"), "git@h:x");
    }
}
