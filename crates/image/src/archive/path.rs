//! Names of members, taken apart.

/// The components of a member's name; a leading `/`, empty components and `.` are dropped.
///
/// Errors: what makes the name one that must not be unpacked.
pub(crate) fn components(path: &[u8]) -> Result<Vec<&[u8]>, &'static str> {
    if path.contains(&0) {
        return Err("its name contains a NUL byte");
    }
    let parts: Vec<&[u8]> =
        path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    if parts.contains(&&b".."[..]) { Err("its name contains '..'") } else { Ok(parts) }
}

/// What a whiteout file stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Whiteout<'a> {
    /// The named entry of the layers below is gone.
    Entry(&'a [u8]),
    /// Everything of the layers below in this directory is gone.
    Opaque,
    /// A mark of another storage driver, without meaning here.
    Ignored,
}

/// What a name says in a layer; `None` when it is that of a file.
///
/// Errors: a whiteout that names nothing, or that is a directory with something in it.
pub(crate) fn whiteout_in<'a>(components: &[&'a [u8]]) -> Result<Option<Whiteout<'a>>, &'static str> {
    let Some((name, parents)) = components.split_last() else { return Ok(None) };
    match parents.iter().find(|parent| parent.starts_with(b".wh.")) {
        None => whiteout(name),
        Some(parent) if parent.starts_with(b".wh..wh.") => Ok(Some(Whiteout::Ignored)),
        Some(_) => Err("it is in a directory whose name is that of a whiteout"),
    }
}

/// What a file name says in a layer; `None` when it is no whiteout.
///
/// Errors: a whiteout that names nothing, or the directory itself.
fn whiteout(name: &[u8]) -> Result<Option<Whiteout<'_>>, &'static str> {
    let Some(target) = name.strip_prefix(b".wh.") else { return Ok(None) };
    Ok(Some(match target {
        b".wh..opq" => Whiteout::Opaque,
        _ if target.starts_with(b".wh.") => Whiteout::Ignored,
        b"" | b"." | b".." => return Err("a whiteout of nothing"),
        _ => Whiteout::Entry(target),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_or_refused() {
        assert_eq!(components(b"/a//./b/").unwrap(), [b"a", b"b"]);
        assert!(components(b"./").unwrap().is_empty());
        assert!(components(b"a/../b").is_err());
        assert!(components(b"a\0").is_err());
        assert_eq!(components(b"..a").unwrap(), [b"..a"]);
    }

    #[test]
    fn whiteouts_are_told_from_files() {
        assert_eq!(whiteout(b"a"), Ok(None));
        assert_eq!(whiteout(b".wh.a"), Ok(Some(Whiteout::Entry(b"a"))));
        assert_eq!(whiteout(b".wh..wh..opq"), Ok(Some(Whiteout::Opaque)));
        assert_eq!(whiteout(b".wh..wh.plnk"), Ok(Some(Whiteout::Ignored)));
        assert!(whiteout(b".wh...").is_err());
        assert!(whiteout(b".wh.").is_err());
        assert!(whiteout_in(&[b".wh.a", b"b"]).is_err());
        assert_eq!(whiteout_in(&[b".wh..wh.plnk", b"b"]), Ok(Some(Whiteout::Ignored)));
    }
}
