//! What an expansion has produced so far.

use super::ExpandError;

/// Nothing in a Dockerfile is meant to be longer than this.
const LIMIT: usize = 4 << 20;

/// The result as one string and, at the same time, as words.
#[derive(Debug, Default)]
pub(super) struct Output {
    text: String,
    words: Vec<String>,
    /// The word being made; there may be an empty one (`""`).
    current: Option<String>,
}

impl Output {
    /// Adds a character that may end a word.
    pub(super) fn push(&mut self, c: char) -> Result<(), ExpandError> {
        if c.is_whitespace() {
            self.text.push(c);
            self.words.extend(self.current.take());
            return Ok(());
        }
        self.push_quoted(c)
    }

    /// Adds a character that never ends a word.
    pub(super) fn push_quoted(&mut self, c: char) -> Result<(), ExpandError> {
        self.text.push(c);
        self.open().push(c);
        match self.text.len() > LIMIT {
            true => Err(ExpandError::TooLong(LIMIT)),
            false => Ok(()),
        }
    }

    /// Adds a text, quoted or not.
    pub(super) fn extend(&mut self, text: &str, quoted: bool) -> Result<(), ExpandError> {
        text.chars().try_for_each(|c| if quoted { self.push_quoted(c) } else { self.push(c) })
    }

    /// Begins a word even if nothing follows.
    pub(super) fn open(&mut self) -> &mut String {
        self.current.get_or_insert_default()
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn into_words(mut self) -> Vec<String> {
        self.words.extend(self.current);
        self.words
    }
}
