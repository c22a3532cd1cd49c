//! Detach keys: the key sequence (by default `ctrl-p,ctrl-q`) with which a client leaves a container.

/// A sequence that is no valid list of keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown key {key:?} in the detach keys")]
pub struct ParseDetachKeysError {
    /// The part that is no key.
    pub key: String,
}

/// Looks for the detach sequence in a client's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachKeys {
    keys: Vec<u8>,
    matched: usize,
}

/// What [`DetachKeys::scan`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    /// What is to be passed on to the container.
    pub input: Vec<u8>,
    /// Whether the sequence was completed; what followed it is dropped.
    pub detached: bool,
}

impl Default for DetachKeys {
    fn default() -> Self {
        Self { keys: vec![0x10, 0x11], matched: 0 }
    }
}

impl DetachKeys {
    /// Reads a comma-separated list of single characters and `ctrl-X`, X one of `a`–`z @ [ \ ] ^ _`.
    /// An empty text is the default sequence.
    ///
    /// # Errors
    /// When a part is no key.
    pub fn parse(text: &str) -> Result<Self, ParseDetachKeysError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let keys = text.split(',').map(parse_key).collect::<Result<_, _>>()?;
        Ok(Self { keys, matched: 0 })
    }

    /// Takes input; keys that may begin the sequence are held back until it is decided.
    pub fn scan(&mut self, input: &[u8]) -> Scanned {
        let mut output = Vec::with_capacity(input.len());
        for &byte in input {
            if self.step(byte, &mut output) {
                return Scanned { input: output, detached: true };
            }
        }
        Scanned { input: output, detached: false }
    }

    fn step(&mut self, byte: u8, output: &mut Vec<u8>) -> bool {
        while self.matched > 0 && byte != self.keys[self.matched] {
            self.give_up_start(output);
        }
        if byte != self.keys[self.matched] {
            output.push(byte);
            return false;
        }
        self.matched += 1;
        let complete = self.matched == self.keys.len();
        if complete {
            self.matched = 0;
        }
        complete
    }

    /// The sequence does not begin where it seemed to: passes on what is before the next possible start.
    fn give_up_start(&mut self, output: &mut Vec<u8>) {
        let held = &self.keys[..self.matched];
        let shift = (1..=held.len()).find(|&n| self.keys.starts_with(&held[n..])).unwrap_or(held.len());
        output.extend_from_slice(&held[..shift]);
        self.matched -= shift;
    }
}

fn parse_key(key: &str) -> Result<u8, ParseDetachKeysError> {
    let unknown = || ParseDetachKeysError { key: key.to_owned() };
    let bytes = key.as_bytes();
    if let [byte] = bytes {
        return Ok(*byte);
    }
    match key.strip_prefix("ctrl-").map(str::as_bytes) {
        Some([letter @ (b'a'..=b'z' | b'A'..=b'Z')]) => Ok(letter.to_ascii_lowercase() - b'a' + 1),
        Some(b"@") => Ok(0),
        Some([sign @ b'['..=b'_']) => Ok(sign - b'[' + 27),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(keys: &mut DetachKeys, input: &[u8]) -> (Vec<u8>, bool) {
        let scanned = keys.scan(input);
        (scanned.input, scanned.detached)
    }

    #[test]
    fn the_default_is_ctrl_p_ctrl_q() {
        assert_eq!(DetachKeys::parse("ctrl-p,ctrl-q"), Ok(DetachKeys::default()));
        assert_eq!(DetachKeys::parse(""), Ok(DetachKeys::default()));
    }

    #[test]
    fn keys_are_characters_and_control_keys() {
        let keys = DetachKeys::parse("a,ctrl-@,ctrl-[,ctrl-_,ctrl-Z").unwrap();
        assert_eq!(keys.keys, [b'a', 0, 27, 31, 26]);
        assert_eq!(DetachKeys::parse("ctrl-p,nope"), Err(ParseDetachKeysError { key: "nope".into() }));
        assert_eq!(DetachKeys::parse("ctrl-1"), Err(ParseDetachKeysError { key: "ctrl-1".into() }));
    }

    #[test]
    fn the_sequence_is_found_across_reads() {
        let mut keys = DetachKeys::default();
        assert_eq!(scan(&mut keys, b"ls\x10"), (b"ls".to_vec(), false));
        assert_eq!(scan(&mut keys, b"\x11rest"), (vec![], true));
    }

    #[test]
    fn a_begun_sequence_that_goes_on_otherwise_is_passed_on() {
        let mut keys = DetachKeys::default();
        assert_eq!(scan(&mut keys, b"\x10"), (vec![], false));
        assert_eq!(scan(&mut keys, b"x"), (b"\x10x".to_vec(), false));
        assert_eq!(scan(&mut keys, b"\x10\x10\x11"), (b"\x10".to_vec(), true));
    }

    #[test]
    fn a_sequence_that_overlaps_itself_is_found() {
        let mut keys = DetachKeys::parse("a,a,b").unwrap();
        assert_eq!(scan(&mut keys, b"aaab"), (b"a".to_vec(), true));
    }
}
