use std::{fmt, str::FromStr};

/// The hardware address of a device: 48 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(u64);

/// A text is not a MAC address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{0:?} is not a MAC address: write it as 00:1a:2b:3c:4d:5e, 00-1A-2B-3C-4D-5E, 001a.2b3c.4d5e or 001A2B3C4D5E"
)]
pub struct ParseMacError(String);

impl Mac {
    /// The address from its low 48 bits.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits & 0xffff_ffff_ffff)
    }

    /// The address as a number, as the table holds it.
    pub fn bits(self) -> u64 {
        self.0
    }
}

impl FromStr for Mac {
    type Err = ParseMacError;

    fn from_str(text: &str) -> Result<Self, ParseMacError> {
        let digits = ungrouped(text).ok_or_else(|| ParseMacError(excerpt(text)))?;
        u64::from_str_radix(&digits, 16).map(Self).map_err(|_| ParseMacError(excerpt(text)))
    }
}

/// The twelve digits of an address whose groups are all of the same size and separated by the same sign.
fn ungrouped(text: &str) -> Option<String> {
    let separator = text.chars().find(|sign| !sign.is_ascii_hexdigit());
    let groups: Vec<&str> = match separator {
        None => vec![text],
        Some(sign) => text.split(sign).collect(),
    };
    let size = match (separator, groups.len()) {
        (None, 1) => 12,
        (Some(':' | '-' | ' ' | '.'), 6) => 2,
        (Some('.' | '-' | ':'), 3) => 4,
        _ => return None,
    };
    let sound = |group: &&str| group.len() == size && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    groups.iter().all(sound).then(|| groups.concat())
}

fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, _, a, b, c, d, e, g] = self.0.to_be_bytes();
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_usual_notation_is_the_same_address() {
        for text in [
            "00:1a:2b:3c:4d:5e",
            "00-1A-2B-3C-4D-5E",
            "001a.2b3c.4d5e",
            "001a-2b3c-4d5e",
            "001A2B3C4D5E",
            "00 1a 2b 3c 4d 5e",
        ] {
            assert_eq!(
                text.parse::<Mac>().map(|mac| mac.to_string()),
                Ok("00:1a:2b:3c:4d:5e".to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_almost_an_address_is_none() {
        for text in [
            "",
            "0",
            "00:1a:2b:3c:4d",
            "00:1a:2b:3c:4d:5e:6f",
            "00:1a-2b:3c-4d:5e",
            "0:1a:2b:3c:4d:5e",
            "001a2b3c4d5",
            "001a2b3c4d5e6",
            "g01a2b3c4d5e",
            "+01a2b3c4d5e",
            "00:1a:2b:3c:4d:é",
            "٠٠1a2b3c4d5e",
        ] {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused_without_a_panic(text in "\\PC*") {
            let _ = text.parse::<Mac>();
        }

        #[test]
        fn an_address_reads_back_as_it_was_written(bits in 0..1u64 << 48) {
            prop_assert_eq!(Mac::from_bits(bits).to_string().parse(), Ok(Mac::from_bits(bits)));
        }
    }
}
