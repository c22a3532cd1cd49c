//! Control group paths in systemd's notation.

use std::path::{Path, PathBuf};

/// The path of `slice:prefix:name`, where systemd would make it: `/a.slice/a-b.slice/prefix-name.scope`.
///
/// `None` if `text` is not of that form.
pub(super) fn scope_path(text: &str) -> Option<PathBuf> {
    let mut parts = text.split(':');
    let (slice, prefix, name) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let slice = if slice.is_empty() { "system.slice" } else { slice };
    let unit = match (name.ends_with(".slice"), prefix) {
        (true, _) => name.to_owned(),
        (false, "") => format!("{name}.scope"),
        (false, prefix) => format!("{prefix}-{name}.scope"),
    };
    Some(expand(slice).join(unit))
}

/// `a-b.slice` is below `a.slice`.
fn expand(slice: &str) -> PathBuf {
    let stem = slice.strip_suffix(".slice").unwrap_or(slice);
    let mut path = PathBuf::from("/");
    if stem == "-" {
        return path;
    }
    let mut name = String::new();
    for part in stem.split('-') {
        if !name.is_empty() {
            name.push('-');
        }
        name.push_str(part);
        path = path.join(Path::new(&format!("{name}.slice")));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_nest_by_their_dashes() {
        let path = |text| scope_path(text).unwrap();
        assert_eq!(path("system.slice:docker:abc"), Path::new("/system.slice/docker-abc.scope"));
        assert_eq!(path("a-b.slice:libpod:x"), Path::new("/a.slice/a-b.slice/libpod-x.scope"));
        assert_eq!(path(":cri:x"), Path::new("/system.slice/cri-x.scope"));
        assert_eq!(path("-.slice::x.slice"), Path::new("/x.slice"));
        assert_eq!(scope_path("/berth/x"), None);
    }
}
