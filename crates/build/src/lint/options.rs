//! `# check=skip=Rule,…;error=true;experimental=Rule,…`, pure.

/// Which rules count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    skip: Vec<String>,
    experimental: Vec<String>,
    /// Findings fail the build.
    pub(crate) error: bool,
}

impl Options {
    /// Reads the value of the directive, or of the build argument `BUILDKIT_DOCKERFILE_CHECK`; unknown words say nothing.
    pub(crate) fn parse(text: &str) -> Self {
        let mut options = Self::default();
        for field in text.split(';') {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let names = || value.split(',').map(|name| name.trim().to_owned()).collect();
            match name.trim() {
                "skip" => options.skip = names(),
                "experimental" => options.experimental = names(),
                "error" => options.error = value.trim().eq_ignore_ascii_case("true"),
                _ => {}
            }
        }
        options
    }

    pub(super) fn skips(&self, rule: &str) -> bool {
        names(&self.skip, rule)
    }

    /// Whether a rule that is off without a word is on.
    pub(super) fn wants(&self, rule: &str) -> bool {
        names(&self.experimental, rule)
    }
}

fn names(list: &[String], rule: &str) -> bool {
    list.iter().any(|name| name == "all" || name.eq_ignore_ascii_case(rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_chosen() {
        let options = Options::parse("skip=JSONArgsRecommended, StageNameCasing;error=true");
        assert!(options.skips("jsonargsrecommended") && options.skips("StageNameCasing") && options.error);
        assert!(!options.skips("FromAsCasing") && !options.wants("InvalidDefinitionDescription"));
        assert!(Options::parse("skip=all").skips("x") && Options::parse("experimental=all").wants("x"));
        assert_eq!(Options::parse("what"), Options::default());
    }
}
