//! `RUN`

use super::{Arguments, Result, command};
use crate::RunNetwork;
use crate::dockerfile::error::ParseErrorKind;
use crate::dockerfile::instruction::{Command, MountFlag, MountKind, Run, Security};

pub(super) fn run(arguments: &Arguments<'_>) -> Result<Run> {
    let (mut flags, rest) = arguments.flags()?;
    let mounts = flags.all("mount")?.iter().map(|text| mount(text)).collect::<Result<_>>()?;
    let network = flags.parsed("network", "default, host or none", network)?;
    let security = flags.parsed("security", "sandbox or insecure", security)?.unwrap_or_default();
    flags.finish(&["mount", "network", "security"])?;
    let command = command(rest);
    if rest.is_empty() || command == Command::Exec(Vec::new()) {
        return Err(ParseErrorKind::Missing { instruction: "RUN", needs: "a command" });
    }
    Ok(Run { command, heredocs: arguments.line.heredocs.clone(), mounts, network, security })
}

fn network(text: &str) -> Option<RunNetwork> {
    [RunNetwork::Default, RunNetwork::Host, RunNetwork::None].into_iter().find(|mode| mode.as_str() == text)
}

fn security(text: &str) -> Option<Security> {
    match text {
        "sandbox" => Some(Security::Sandbox),
        "insecure" => Some(Security::Insecure),
        _ => None,
    }
}

/// `type=cache,target=/x,…`
fn mount(text: &str) -> Result<MountFlag> {
    let mut mount = MountFlag::default();
    for field in text.split(',') {
        let (name, value) = field.split_once('=').map_or((field, None), |(name, value)| (name, Some(value)));
        set(&mut mount, &name.trim().to_ascii_lowercase(), value)
            .map_err(|problem| ParseErrorKind::BadMount { field: field.to_owned(), problem })?;
    }
    let needs_target = matches!(mount.kind, MountKind::Bind | MountKind::Cache | MountKind::Tmpfs);
    if needs_target && mount.target.is_none() {
        return Err(ParseErrorKind::BadMount { field: text.to_owned(), problem: "a target is needed" });
    }
    Ok(mount)
}

/// Sets one field of a mount.
fn set(mount: &mut MountFlag, name: &str, value: Option<&str>) -> std::result::Result<(), &'static str> {
    let text = || value.filter(|value| !value.is_empty()).map(str::to_owned).ok_or("a value is needed");
    match name {
        "type" => mount.kind = kind(&text()?)?,
        "id" => mount.id = Some(text()?),
        "target" | "dst" | "destination" => mount.target = Some(text()?),
        "source" | "src" => mount.source = Some(text()?),
        "from" if value.is_some_and(|value| value.contains('$')) => return Err("from takes no variables"),
        "from" => mount.from = Some(text()?),
        "readonly" | "ro" => mount.read_only = Some(switch(value)?),
        "readwrite" | "rw" => mount.read_only = Some(!switch(value)?),
        "required" => mount.required = switch(value)?,
        "mode" => mount.mode = Some(u32::from_str_radix(&text()?, 8).map_err(|_| "not an octal mode")?),
        "uid" => mount.uid = Some(text()?.parse().map_err(|_| "not a number")?),
        "gid" => mount.gid = Some(text()?.parse().map_err(|_| "not a number")?),
        "size" => mount.size = Some(size(&text()?).ok_or("not a size")?),
        "sharing" => mount.sharing = Some(sharing(text()?)?),
        "env" => mount.env = Some(text()?),
        _ => return Err("unknown option"),
    }
    Ok(())
}

fn kind(text: &str) -> std::result::Result<MountKind, &'static str> {
    match text {
        "bind" => Ok(MountKind::Bind),
        "cache" => Ok(MountKind::Cache),
        "tmpfs" => Ok(MountKind::Tmpfs),
        "secret" => Ok(MountKind::Secret),
        "ssh" => Ok(MountKind::Ssh),
        _ => Err("the type is bind, cache, tmpfs, secret or ssh"),
    }
}

fn sharing(text: String) -> std::result::Result<String, &'static str> {
    match text.as_str() {
        "shared" | "private" | "locked" => Ok(text),
        _ => Err("sharing is shared, private or locked"),
    }
}

fn switch(value: Option<&str>) -> std::result::Result<bool, &'static str> {
    match value {
        None => Ok(true),
        Some(value) => value.to_ascii_lowercase().parse().map_err(|_| "not true or false"),
    }
}

/// Bytes, with the suffixes b, k, m, g and t (powers of 1024).
fn size(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let number = lower.trim_end_matches("ib").trim_end_matches('b');
    let shift = match number.chars().last()? {
        'k' => 10,
        'm' => 20,
        'g' => 30,
        't' => 40,
        _ => 0,
    };
    let digits = if shift == 0 { number } else { &number[..number.len() - 1] };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_suffixes() {
        assert_eq!(size("10"), Some(10));
        assert_eq!(size("64m"), Some(64 << 20));
        assert_eq!(size("1GiB"), Some(1 << 30));
        assert_eq!(size("m"), None);
        assert_eq!(size(""), None);
        assert_eq!(size("99999999999t"), None);
    }

    #[test]
    fn mounts_are_read() {
        let cache = mount("type=cache,dst=/var/cache/apt,id=apt,sharing=locked").unwrap();
        assert_eq!((cache.kind, cache.id.as_deref()), (MountKind::Cache, Some("apt")));
        assert_eq!(mount("target=/x,ro=false").unwrap().read_only, Some(false));
        assert!(mount("type=cache").is_err());
        assert!(mount("type=disk,target=/x").is_err());
        assert!(mount("").is_err());
    }
}
