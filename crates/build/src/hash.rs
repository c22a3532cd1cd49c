//! Keys made of fields.

use sha2::{Digest, Sha256};

/// A sha256 over fields, each preceded by its length so that no two lists of fields are the same.
pub(crate) struct Hasher(Sha256);

impl Hasher {
    /// `domain` tells keys of different meaning, or of different versions, apart.
    pub(crate) fn new(domain: &str) -> Self {
        let mut hasher = Self(Sha256::new());
        hasher.text(domain);
        hasher
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    pub(crate) fn list(&mut self, texts: impl IntoIterator<Item = impl AsRef<str>>) {
        let texts: Vec<_> = texts.into_iter().collect();
        self.number(texts.len() as u64);
        texts.iter().for_each(|text| self.text(text.as_ref()));
    }

    pub(crate) fn finish(self) -> image::Digest {
        image::Digest::from_bytes(self.0.finalize().into())
    }
}
