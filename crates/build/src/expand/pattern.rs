//! Patterns in substitutions: `*`, `?` and escaped characters, matched against strings.

/// Removes the shortest or longest prefix that matches.
pub(super) fn strip_prefix(value: &str, glob: &str, longest: bool) -> String {
    let glob = parse(glob);
    let fits = |cut: &usize| matches(&glob, &value[..*cut]);
    let mut cuts = boundaries(value);
    let cut = if longest { cuts.rfind(fits) } else { cuts.find(fits) };
    value[cut.unwrap_or(0)..].to_owned()
}

/// Removes the shortest or longest suffix that matches.
pub(super) fn strip_suffix(value: &str, glob: &str, longest: bool) -> String {
    let glob = parse(glob);
    let fits = |cut: &usize| matches(&glob, &value[*cut..]);
    let mut cuts = boundaries(value);
    let cut = if longest { cuts.find(fits) } else { cuts.rfind(fits) };
    value[..cut.unwrap_or(value.len())].to_owned()
}

/// Replaces the first match, or all of them; each as long as possible.
pub(super) fn replace(value: &str, glob: &str, replacement: &str, all: bool) -> String {
    let glob = parse(glob);
    let mut result = String::new();
    let mut rest = value;
    while !rest.is_empty() {
        let end = boundaries(rest).rev().take_while(|end| *end > 0).find(|end| matches(&glob, &rest[..*end]));
        if let Some(end) = end {
            result.push_str(replacement);
            rest = &rest[end..];
            if !all {
                break;
            }
        } else {
            let next = rest.chars().next().map_or(0, char::len_utf8);
            result.push_str(&rest[..next]);
            rest = &rest[next..];
        }
    }
    result + rest
}

/// Every place a string may be cut, both ends included.
fn boundaries(value: &str) -> impl DoubleEndedIterator<Item = usize> {
    value.char_indices().map(|(at, _)| at).chain([value.len()])
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Item {
    /// Any string.
    Any,
    /// Any character.
    One,
    /// This character.
    Char(char),
}

fn parse(glob: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut chars = glob.chars();
    while let Some(c) = chars.next() {
        items.push(match c {
            '*' => Item::Any,
            '?' => Item::One,
            '\\' => Item::Char(chars.next().unwrap_or('\\')),
            c => Item::Char(c),
        });
    }
    items
}

/// Whether the whole of `text` matches; goes back to the last `*` only, so it is quick.
fn matches(glob: &[Item], text: &str) -> bool {
    let (mut at, mut rest) = (0, text);
    let mut star: Option<(usize, &str)> = None;
    loop {
        let next = rest.chars().next();
        match (glob.get(at), next) {
            (Some(Item::Any), _) => {
                star = Some((at, rest));
                at += 1;
            }
            (Some(item), Some(c)) if *item == Item::One || *item == Item::Char(c) => {
                at += 1;
                rest = &rest[c.len_utf8()..];
            }
            (None, None) => return true,
            _ => {
                let Some((back, from)) = star else { return false };
                let Some(c) = from.chars().next() else { return false };
                rest = &from[c.len_utf8()..];
                star = Some((back, rest));
                at = back + 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_suffixes_are_stripped() {
        assert_eq!(strip_prefix("foo.bar.baz", "*.", false), "bar.baz");
        assert_eq!(strip_prefix("foo.bar.baz", "*.", true), "baz");
        assert_eq!(strip_suffix("foo.bar.baz", ".*", false), "foo.bar");
        assert_eq!(strip_suffix("foo.bar.baz", ".*", true), "foo");
        assert_eq!(strip_prefix("foo", "x*", true), "foo");
        assert_eq!(strip_prefix("a*b", "a\\*", true), "b");
    }

    #[test]
    fn matches_are_replaced() {
        assert_eq!(replace("foo.bar.baz", ".", "-", false), "foo-bar.baz");
        assert_eq!(replace("foo.bar.baz", ".", "-", true), "foo-bar-baz");
        assert_eq!(replace("aéb", "?", "x", true), "xxx");
        assert_eq!(replace("abc", "b*", "", true), "a");
        assert_eq!(replace("", "*", "x", true), "");
    }
}
