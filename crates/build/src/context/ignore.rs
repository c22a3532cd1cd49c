//! `.dockerignore`: which files of a context do not take part in a build.
//!
//! The last pattern that matches a path, or a directory above it, decides; `!` takes an exclusion back.

use crate::glob::{Glob, GlobError};

/// The patterns of one file.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone)]
struct Pattern {
    glob: Glob,
    /// Begins with `!`.
    includes: bool,
}

/// Which patterns match a directory or one above it; what is beneath needs that.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matched(Vec<bool>);

impl Ignore {
    /// Parses the text of a `.dockerignore` file.
    ///
    /// # Errors
    /// [`GlobError`] for the first pattern that does not parse.
    pub fn parse(text: &str) -> Result<Self, GlobError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(str::trim);
        Self::new(lines.filter(|line| !line.is_empty()))
    }

    /// Takes patterns one by one.
    pub(crate) fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, GlobError> {
        let patterns = patterns.into_iter().filter_map(pattern).collect::<Result<_, _>>()?;
        Ok(Self { patterns })
    }

    /// Matches `path`, whose directory has the matches `above`. Gives whether it is excluded, and its own matches.
    pub(crate) fn check(&self, path: &str, above: &Matched) -> (bool, Matched) {
        let mut excluded = false;
        let mut own = Vec::with_capacity(self.patterns.len());
        for (index, pattern) in self.patterns.iter().enumerate() {
            let matched = above.0.get(index).copied().unwrap_or(false) || pattern.glob.matches(path);
            if matched {
                excluded = !pattern.includes;
            }
            own.push(matched);
        }
        (excluded, Matched(own))
    }

    /// Whether something beneath the excluded directory `path` may be taken back by a `!` pattern.
    pub fn may_include_beneath(&self, path: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.includes && pattern.glob.may_match_beneath(path))
    }

    /// Whether a path (relative to the context, `a/b`) or a directory above it is excluded and not taken back.
    pub fn excludes(&self, path: &str) -> bool {
        let mut above = Matched::default();
        for (at, _) in path.match_indices('/') {
            above = self.check(&path[..at], &above).1;
        }
        self.check(path, &above).0
    }
}

/// Reads one line; `None` if it says nothing.
fn pattern(line: &str) -> Option<Result<Pattern, GlobError>> {
    let (includes, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest.trim()));
    let clean = clean(line);
    if clean.is_empty() {
        return None;
    }
    Some(Glob::new(&clean).map(|glob| Pattern { glob, includes }))
}

/// Lexically simplest form of a path: without `.`, empty components and leading `..`, relative.
pub(crate) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excluded(text: &str, path: &str) -> bool {
        Ignore::parse(text).unwrap().excludes(path)
    }

    #[test]
    fn patterns_are_anchored_at_the_root() {
        assert!(excluded("a", "a") && excluded("a", "a/b/c") && !excluded("a", "b/a"));
        assert!(excluded("/a/", "a/b") && excluded("./a", "a"));
        assert!(excluded("*/temp*", "x/temporary") && !excluded("*/temp*", "x/y/temp"));
        assert!(excluded("**/*.o", "a/b/c.o"));
    }

    #[test]
    fn comments_and_blanks_say_nothing() {
        assert!(!excluded("# a\n\n  \n/\n.\n!\n", "a"));
        assert!(excluded("  a  \n", "a"));
        assert!(excluded(" # a\n", "# a"));
    }

    #[test]
    fn the_last_match_decides() {
        assert!(!excluded("*.md\n!README.md", "README.md") && excluded("*.md\n!README.md", "x.md"));
        assert!(excluded("*.md\n!README*.md\nREADME-secret.md", "README-secret.md"));
        assert!(excluded("!README.md\n*.md", "README.md"));
    }

    #[test]
    fn exceptions_reach_into_excluded_directories() {
        let text = "a\n!a/b\n";
        assert!(!excluded(text, "a/b") && !excluded(text, "a/b/c") && excluded(text, "a/c"));
        assert!(!excluded("**\n!src/**", "src/x/y"));
        assert!(excluded("*\n!src\nsrc/x", "src/x") && !excluded("*\n!src\nsrc/x", "src/y"));
        let ignore = Ignore::parse(text).unwrap();
        assert!(ignore.may_include_beneath("a") && !ignore.may_include_beneath("z"));
    }

    #[test]
    fn a_broken_pattern_is_named() {
        assert_eq!(Ignore::parse("[a").unwrap_err().pattern, "[a");
    }
}
