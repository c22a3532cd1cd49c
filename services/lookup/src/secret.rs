use std::{fmt, path::Path};

/// A password or key. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// A secret cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the secret in {path} cannot be read")]
pub struct SecretError {
    path: std::path::PathBuf,
    #[source]
    source: std::io::Error,
}

impl Secret {
    /// A secret from its value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The content of a file, without the line feed at its end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| SecretError { path: path.to_owned(), source })?;
        Ok(Self(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// The content of `file`, or else of the environment variable; nothing when neither is there.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn choose(file: Option<&Path>, variable: &str) -> Result<Option<Self>, SecretError> {
        match file {
            Some(path) => Self::read(path).map(Some),
            None => Ok(std::env::var(variable).ok().filter(|value| !value.is_empty()).map(Self)),
        }
    }

    /// A foreign text without the value: who was told it may repeat it.
    pub(crate) fn redact(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "…") }
    }

    /// The value, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_never_printed() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some(Secret(…))");
    }

    #[test]
    fn it_is_taken_out_of_what_others_say() {
        assert_eq!(Secret::new("hunter2").redact("no key hunter2, hunter2!"), "no key …, …!");
        assert_eq!(Secret::new("").redact("as it is"), "as it is");
    }

    #[test]
    fn the_line_feed_of_its_file_is_no_part_of_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), " pass word \r\n").unwrap();
        assert_eq!(Secret::read(file.path()).unwrap().expose(), " pass word ");
    }
}
