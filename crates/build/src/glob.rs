//! Patterns for paths: `*`, `?`, `[a-z]`, `\x` as in Go's `filepath.Match`, and `**` for any number of directories.
//!
//! Matching simulates all alternatives at once, so no pattern takes more than pattern × path steps.

/// A compiled pattern, matched against clean relative paths (`a/b`).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Glob {
    items: Vec<Item>,
}

/// A pattern that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is not a valid pattern: {problem}")]
pub struct GlobError {
    /// The pattern as written.
    pub pattern: String,
    /// What is wrong.
    pub problem: &'static str,
}

#[derive(Debug, Clone, PartialEq)]
enum Item {
    /// `*`: anything but a slash.
    Star,
    /// `**`: anything.
    Deep,
    /// `**/`: nothing, or anything that ends with a slash.
    Directories,
    /// `?`: one character that is not a slash.
    One,
    /// This character.
    Char(char),
    /// `[…]`: one character (not) of these ranges.
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Glob {
    pub(crate) fn new(pattern: &str) -> Result<Self, GlobError> {
        let mut items = Vec::new();
        let mut chars = pattern.chars().peekable();
        let fail = |problem| GlobError { pattern: pattern.to_owned(), problem };
        while let Some(c) = chars.next() {
            items.push(match c {
                '*' if chars.next_if_eq(&'*').is_some() => {
                    while chars.next_if_eq(&'*').is_some() {}
                    if chars.next_if_eq(&'/').is_some() { Item::Directories } else { Item::Deep }
                }
                '*' => Item::Star,
                '?' => Item::One,
                '\\' => Item::Char(chars.next().ok_or_else(|| fail("it ends with an escape"))?),
                '[' => class(&mut chars).map_err(fail)?,
                c => Item::Char(c),
            });
        }
        Ok(Self { items })
    }

    /// Whether the pattern has anything but plain characters.
    pub(crate) fn has_wildcards(pattern: &str) -> bool {
        pattern.contains(['*', '?', '[', '\\'])
    }

    /// Whether the whole of `path` matches.
    pub(crate) fn matches(&self, path: &str) -> bool {
        self.run(path).contains(&self.items.len())
    }

    /// Whether something beneath the directory `path` may match.
    pub(crate) fn may_match_beneath(&self, path: &str) -> bool {
        path.is_empty() || !self.run(&format!("{path}/")).is_empty()
    }

    /// The positions in the pattern that are possible after `path`.
    fn run(&self, path: &str) -> Vec<usize> {
        let mut now = Vec::new();
        self.enter(0, &mut now);
        let mut next = Vec::new();
        for c in path.chars() {
            if now.is_empty() {
                break;
            }
            for &at in &now {
                self.step(at, c, &mut next);
            }
            std::mem::swap(&mut now, &mut next);
            next.clear();
        }
        now
    }

    /// Adds a position and those reachable from it without a character.
    fn enter(&self, at: usize, states: &mut Vec<usize>) {
        if states.contains(&at) {
            return;
        }
        states.push(at);
        if matches!(self.items.get(at), Some(Item::Star | Item::Deep | Item::Directories)) {
            self.enter(at + 1, states);
        }
    }

    fn step(&self, at: usize, c: char, next: &mut Vec<usize>) {
        match self.items.get(at) {
            Some(Item::Star) if c != '/' => self.enter(at, next),
            Some(Item::Deep) => self.enter(at, next),
            Some(Item::Directories) if c == '/' => self.enter(at, next),
            // Inside a directory's name: stay, but what follows may only begin after a slash.
            Some(Item::Directories) => add(at, next),
            Some(Item::One) if c != '/' => self.enter(at + 1, next),
            Some(Item::Char(own)) if *own == c => self.enter(at + 1, next),
            Some(Item::Class { negated, ranges })
                if c != '/' && ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated =>
            {
                self.enter(at + 1, next);
            }
            _ => {}
        }
    }
}

fn add(at: usize, states: &mut Vec<usize>) {
    if !states.contains(&at) {
        states.push(at);
    }
}

/// What follows a `[`, the closing bracket included.
fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Item, &'static str> {
    const OPEN: &str = "a bracket is not closed";
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && chars.next_if_eq(&']').is_some() {
            return Ok(Item::Class { negated, ranges });
        }
        let low = class_char(chars).ok_or(OPEN)?;
        let high = match chars.next_if_eq(&'-') {
            Some(_) => class_char(chars).ok_or(OPEN)?,
            None => low,
        };
        ranges.push((low, high));
    }
}

fn class_char(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match chars.next()? {
        '\\' => chars.next(),
        ']' | '-' => None,
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Glob::new(pattern).unwrap().matches(path)
    }

    #[test]
    fn single_stars_stay_in_a_directory() {
        assert!(matches("*.go", "a.go"));
        assert!(!matches("*.go", "a/b.go"));
        assert!(matches("a/*/c", "a/b/c"));
        assert!(!matches("a/*/c", "a/b/b/c"));
        assert!(matches("a?c", "aéc") && !matches("a?c", "a/c"));
        assert!(matches("*", "") && matches("*", "x"));
    }

    #[test]
    fn double_stars_cross_directories() {
        assert!(matches("**/x", "x") && matches("**/x", "a/b/x") && !matches("**/x", "ax"));
        assert!(matches("a/**", "a/b/c") && !matches("a/**", "a"));
        assert!(matches("a/**/z", "a/z") && matches("a/**/z", "a/b/c/z"));
        assert!(!matches("a/**/z", "a/bz"));
        assert!(matches("**", "a/b"));
        assert!(matches("**/*.o", "x/y.o") && matches("**.o", "x/y.o"));
        assert!(matches("**/a/**/b", "x/a/y/b"));
    }

    #[test]
    fn classes_and_escapes_are_exact() {
        assert!(matches("[a-c]x", "bx") && !matches("[a-c]x", "dx"));
        assert!(matches("[^a]x", "bx") && !matches("[^a]x", "ax") && !matches("a[^b]c", "a/c"));
        assert!(matches("\\*", "*") && !matches("\\*", "x"));
        assert!(matches("[\\]]", "]"));
        for wrong in ["[", "[]", "[a", "a\\", "[a-]", "[-a]"] {
            assert!(Glob::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn knows_what_lies_beneath() {
        let may = |pattern: &str, path: &str| Glob::new(pattern).unwrap().may_match_beneath(path);
        assert!(may("a/b/c", "a") && may("a/b/c", "a/b") && !may("a/b/c", "b") && !may("a/b/c", "a/b/c"));
        assert!(may("**/x", "any/where") && may("*/x", "a") && !may("*/x", "a/b"));
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_panics(pattern in "[-a-c*?\\[\\]^\\\\/é]{0,20}", path in "[a-c/é]{0,20}") {
            if let Ok(glob) = Glob::new(&pattern) {
                glob.matches(&path);
                glob.may_match_beneath(&path);
            }
        }
    }
}
