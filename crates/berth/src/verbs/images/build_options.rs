//! The options of `build` that have fields of their own: `type=local,dest=out`.

use std::path::{Path, PathBuf};

use build::{CacheExport, CacheLocation, NamedContext, Output, OutputKind, Secret};

use crate::failure::Failure;

/// The fields of an option: `name=value` or a name alone, separated by commas.
fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(',').map(|field| field.split_once('=').unwrap_or((field, "")))
}

fn invalid(option: &str, text: &str, expected: &str) -> Failure {
    Failure::new(format!("invalid value {text:?} for --{option}: expected {expected}"))
}

fn absolute(path: &str) -> Result<PathBuf, Failure> {
    let home =
        path.strip_prefix("~/").and_then(|rest| Some(Path::new(&std::env::var_os("HOME")?).join(rest)));
    let path = home.unwrap_or_else(|| PathBuf::from(path));
    std::path::absolute(&path).map_err(|e| Failure::new(format!("cannot resolve {}: {e}", path.display())))
}

/// `id=name[,src=path|,env=VARIABLE]`
pub(super) fn secret(text: &str) -> Result<(String, Secret), Failure> {
    const EXPECTED: &str = "id=NAME[,src=FILE|,env=VARIABLE]";
    let (mut id, mut file, mut variable) = (None, None, None);
    for (name, value) in fields(text) {
        match (name, value) {
            ("type", "file" | "env") => {}
            ("id", value) if !value.is_empty() => id = Some(value),
            ("src" | "source", value) if !value.is_empty() => file = Some(value),
            ("env", value) if !value.is_empty() => variable = Some(value),
            _ => return Err(invalid("secret", text, EXPECTED)),
        }
    }
    let id = id.or(file).or(variable).ok_or_else(|| invalid("secret", text, EXPECTED))?;
    let own = std::env::var_os(variable.unwrap_or(id)).filter(|_| file.is_none());
    let content = match (own, variable) {
        (Some(value), _) => value.into_encoded_bytes(),
        (None, Some(variable)) => {
            return Err(Failure::new(format!("the variable {variable} of the secret {id:?} is not set")));
        }
        (None, None) => {
            let path = absolute(file.unwrap_or(id))?;
            std::fs::read(&path).map_err(|e| {
                Failure::new(format!("cannot read the secret {id:?} from {}: {e}", path.display()))
            })?
        }
    };
    let too_large = || Failure::new(format!("the secret {id:?} is larger than {} KiB", Secret::LIMIT >> 10));
    Ok((id.to_owned(), Secret::new(content).ok_or_else(too_large)?))
}

/// `default` or `id[=socket]`, or `id=key[,key…]`
pub(super) fn ssh(text: &str) -> Result<(String, PathBuf), Failure> {
    use std::os::unix::fs::FileTypeExt;
    let (id, socket) = match text.split_once('=') {
        Some((id, socket)) => (id, absolute(socket)?),
        None => {
            let unset = || {
                Failure::new(
                    "--ssh: SSH_AUTH_SOCK is not set; start an agent, or give its socket: --ssh ID=SOCKET",
                )
            };
            (text, PathBuf::from(std::env::var_os("SSH_AUTH_SOCK").ok_or_else(unset)?))
        }
    };
    let unusable = |path: &Path, e: &dyn std::fmt::Display| {
        Failure::new(format!("--ssh {id}: cannot use {}: {e}", path.display()))
    };
    let paths: Vec<PathBuf> = match socket.to_string_lossy().split_once(',') {
        Some(_) => socket.to_string_lossy().split(',').map(absolute).collect::<Result<_, _>>()?,
        None => vec![socket],
    };
    for path in &paths {
        let kind = std::fs::metadata(path).map_err(|e| unusable(path, &e))?.file_type();
        let is_agent = kind.is_socket() && paths.len() == 1;
        if !kind.is_file() && !is_agent {
            return Err(unusable(path, &"it is neither an agent's socket nor a key"));
        }
    }
    let joined: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    Ok((id.to_owned(), PathBuf::from(joined.join(","))))
}

/// `name=directory`, `name=docker-image://reference`, `name=oci-layout://directory:tag` or `name=url`
pub(super) fn context(text: &str) -> Result<(String, NamedContext), Failure> {
    const EXPECTED: &str =
        "NAME=DIRECTORY, NAME=docker-image://IMAGE, NAME=oci-layout://DIRECTORY or NAME=URL";
    let wrong = || invalid("build-context", text, EXPECTED);
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let mut context = NamedContext::parse(value);
    if let Some(directory) = context.directory_mut() {
        *directory = absolute(&directory.to_string_lossy())?;
        if !directory.is_dir() {
            let missing = format!("--build-context {name}: {} is not a directory", directory.display());
            return Err(if value.contains("://") { wrong() } else { Failure::new(missing) });
        }
    }
    Ok((name.to_owned(), context))
}

const CACHE: &str = "type=local,src=DIRECTORY, type=local,dest=DIRECTORY or type=registry,ref=IMAGE, or for --cache-to type=inline";

fn cache_location(option: &str, text: &str) -> Result<CacheLocation, Failure> {
    let (mut kind, mut path, mut reference) = ("registry", None, None);
    for (name, value) in fields(text) {
        match name {
            "type" => kind = value,
            "src" | "dest" => path = Some(value),
            "ref" => reference = Some(value),
            _ => {}
        }
    }
    match (kind, path, reference) {
        ("local", Some(path), _) => Ok(CacheLocation::Directory(absolute(path)?)),
        ("registry", _, Some(reference)) => Ok(CacheLocation::Registry(reference.to_owned())),
        ("registry", None, None) if !text.contains('=') => Ok(CacheLocation::Registry(text.to_owned())),
        _ => Err(invalid(option, text, CACHE)),
    }
}

/// `--cache-from`
pub(super) fn cache_from(text: &str) -> Result<CacheLocation, Failure> {
    cache_location("cache-from", text)
}

/// `--cache-to`; `None` for a cache that is in the image itself.
pub(super) fn cache_to(text: &str) -> Result<Option<CacheExport>, Failure> {
    if fields(text).any(|field| field == ("type", "inline")) {
        return Ok(None);
    }
    let to = cache_location("cache-to", text)?;
    let mode = fields(text).find(|(name, _)| *name == "mode").map_or("min", |(_, value)| value);
    match mode {
        "min" | "max" => Ok(Some(CacheExport { to, all_stages: mode == "max" })),
        _ => Err(invalid("cache-to", text, "mode=min or mode=max")),
    }
}

/// A result, and whether it goes to standard output from the file named.
pub(super) enum Wanted {
    /// As it is.
    File(Output),
    /// The file is to be passed on.
    Stdout(OutputKind),
    /// The image in the store, under a name.
    Image(Option<String>),
}

/// `directory`, `-`, or `type=local|tar|oci|docker|image,dest=…`
pub(super) fn output(text: &str) -> Result<Wanted, Failure> {
    const EXPECTED: &str = "a directory, `-`, or type=local|tar|oci|docker|image,dest=PATH";
    let wrong = || invalid("output", text, EXPECTED);
    let (mut kind, mut to, mut name) = (None, None, None);
    if text.contains('=') {
        for (field, value) in fields(text) {
            match field {
                "type" => kind = Some(value),
                "dest" => to = Some(value),
                "name" => name = Some(value.to_owned()),
                "tar" if value != "true" => return Err(wrong()),
                _ => {}
            }
        }
    } else {
        (kind, to) = (Some(if text == "-" { "tar" } else { "local" }), Some(text));
    }
    let kind = match kind.unwrap_or_default() {
        "local" => OutputKind::Directory,
        "tar" => OutputKind::Tar,
        "oci" => OutputKind::OciArchive,
        // Without a file, Docker means its own store.
        "docker" if to.is_none() => return Ok(Wanted::Image(name)),
        "docker" => OutputKind::DockerArchive,
        "image" => return Ok(Wanted::Image(name)),
        _ => return Err(wrong()),
    };
    match to {
        None | Some("-") if kind != OutputKind::Directory => Ok(Wanted::Stdout(kind)),
        None | Some("") => Err(wrong()),
        Some(to) => Ok(Wanted::File(of_user(kind, absolute(to)?))),
    }
}

/// An output that belongs to whoever asks for it.
pub(super) fn of_user(kind: OutputKind, to: PathBuf) -> Output {
    let owner = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    Output { kind, to, owner }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_come_from_files_and_variables() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        std::fs::write(&file, "hush").unwrap();
        let (id, content) = secret(&format!("id=a,src={}", file.display())).unwrap();
        assert_eq!((id.as_str(), content.reveal()), ("a", &b"hush"[..]));
        assert_eq!(secret("type=env,id=b,env=PATH").unwrap().0, "b");
        for wrong in ["", "id=", "id=a,what=b", "id=x,env=NOT_SET_ANYWHERE"] {
            assert!(secret(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn outputs_have_a_short_form() {
        let kind = |text: &str| match output(text).unwrap() {
            Wanted::File(output) => format!("{:?} {}", output.kind, output.to.display()),
            Wanted::Stdout(kind) => format!("{kind:?} -"),
            Wanted::Image(name) => format!("image {name:?}"),
        };
        assert_eq!(kind("/out"), "Directory /out");
        assert_eq!(kind("-"), "Tar -");
        assert_eq!(kind("type=oci,dest=/x.tar"), "OciArchive /x.tar");
        assert_eq!(kind("type=docker"), "image None");
        assert!(output("type=local").is_err() && output("type=what,dest=x").is_err());
    }

    #[test]
    fn caches_and_contexts_are_read() {
        assert_eq!(cache_from("type=local,src=/c").unwrap(), CacheLocation::Directory("/c".into()));
        assert_eq!(cache_from("r/app:1").unwrap(), CacheLocation::Registry("r/app:1".into()));
        assert!(
            cache_to("type=local,dest=/c,mode=max").unwrap().unwrap().all_stages
                && cache_to("type=inline").unwrap().is_none()
        );
        assert!(cache_from("type=gha").is_err() && cache_to("type=local,dest=/c,mode=x").is_err());
        assert_eq!(
            context("a=docker-image://b:1").unwrap(),
            ("a".to_owned(), NamedContext::Image("b:1".to_owned()))
        );
        assert!(context("a").is_err() && context("a=/not/there").is_err());
    }
}
