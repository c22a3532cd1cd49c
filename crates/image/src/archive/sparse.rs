//! GNU's sparse files: the old header form, and the PAX versions 0.0, 0.1 and 1.0.

use super::header::number;
use super::pax::decimal;

/// Most segments one file may have.
pub(crate) const MAX_SEGMENTS: usize = 1 << 20;

/// A run of data in a sparse file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// What the records `GNU.sparse.*` say.
#[derive(Debug, Default, Clone)]
pub(crate) struct PaxSparse {
    pub(crate) name: Option<Vec<u8>>,
    major: Option<u64>,
    minor: Option<u64>,
    real_size: Option<u64>,
    segments: Vec<Segment>,
    pending: Option<u64>,
}

/// Where the map of a sparse file is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MapPlace {
    /// Already known.
    Known(Vec<Segment>),
    /// At the start of the data, in decimal lines (version 1.0).
    InData,
}

impl PaxSparse {
    /// `None` when the value does not parse; keys not known are left alone.
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            b"name" => self.name = Some(value.to_vec()).filter(|name| !name.contains(&0)),
            b"major" => self.major = Some(decimal(value)?),
            b"minor" => self.minor = Some(decimal(value)?),
            b"size" | b"realsize" => self.real_size = Some(decimal(value)?),
            b"offset" => self.pending = Some(decimal(value)?),
            b"numbytes" => self.push(self.pending?, decimal(value)?)?,
            b"map" => self.read_map(value)?,
            _ => {}
        }
        Some(())
    }

    fn read_map(&mut self, value: &[u8]) -> Option<()> {
        self.segments.clear();
        let mut numbers = value.split(|&byte| byte == b',').filter(|part| !part.is_empty());
        while let Some(offset) = numbers.next() {
            self.push(decimal(offset)?, decimal(numbers.next()?)?)?;
        }
        Some(())
    }

    fn push(&mut self, offset: u64, length: u64) -> Option<()> {
        self.pending = None;
        self.segments.push(Segment { offset, length });
        (self.segments.len() <= MAX_SEGMENTS).then_some(())
    }

    /// The file's size and its map, when the member is sparse at all.
    pub(crate) fn take(&mut self) -> Option<(u64, MapPlace)> {
        let place = match (self.major.take(), self.minor.take()) {
            (Some(1), Some(0)) => MapPlace::InData,
            _ => MapPlace::Known(std::mem::take(&mut self.segments)),
        };
        self.real_size.take().map(|size| (size, place))
    }
}

/// Reads the raw fields of an old GNU header; an unused field starts with NUL.
pub(crate) fn read_old(fields: &[u8], segments: &mut Vec<Segment>) -> Option<()> {
    for pair in fields.chunks_exact(24).take_while(|pair| pair[0] != 0) {
        let offset = u64::try_from(number(&pair[..12])?).ok()?;
        let length = u64::try_from(number(&pair[12..])?).ok()?;
        segments.push(Segment { offset, length });
    }
    (segments.len() <= MAX_SEGMENTS).then_some(())
}

/// Checks that segments are in order, inside the file, and hold `stored` bytes in all; what is wrong otherwise.
pub(crate) fn check(segments: &[Segment], size: u64, stored: u64) -> Result<(), &'static str> {
    let (mut end, mut sum) = (0_u64, 0_u64);
    for segment in segments {
        if segment.offset < end {
            return Err("sparse segments overlap or are out of order");
        }
        end = segment.offset.checked_add(segment.length).ok_or("sparse segment is out of range")?;
        sum += segment.length;
    }
    if end > size {
        return Err("sparse segment lies behind the end of the file");
    }
    if sum == stored { Ok(()) } else { Err("sparse segments do not add up to the stored data") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(pairs: &[(u64, u64)]) -> Vec<Segment> {
        pairs.iter().map(|&(offset, length)| Segment { offset, length }).collect()
    }

    #[test]
    fn maps_must_be_ordered_and_add_up() {
        assert_eq!(check(&segments(&[(0, 5), (10, 5), (20, 0)]), 20, 10), Ok(()));
        assert!(check(&segments(&[(10, 5), (0, 5)]), 20, 10).is_err());
        assert!(check(&segments(&[(0, 5), (4, 5)]), 20, 10).is_err());
        assert!(check(&segments(&[(18, 5)]), 20, 5).is_err());
        assert!(check(&segments(&[(u64::MAX, 2)]), 20, 2).is_err());
        assert!(check(&segments(&[(0, 5)]), 20, 6).is_err());
    }

    #[test]
    fn both_early_pax_forms_give_the_same_map() {
        let mut old = PaxSparse::default();
        for (key, value) in
            [("size", "20"), ("offset", "1"), ("numbytes", "2"), ("offset", "9"), ("numbytes", "3")]
        {
            old.set(key.as_bytes(), value.as_bytes()).unwrap();
        }
        let mut new = PaxSparse::default();
        for (key, value) in [("size", "20"), ("map", "1,2,9,3")] {
            new.set(key.as_bytes(), value.as_bytes()).unwrap();
        }
        let expected = Some((20, MapPlace::Known(segments(&[(1, 2), (9, 3)]))));
        assert_eq!(old.take(), expected);
        assert_eq!(new.take(), expected);
        assert!(PaxSparse::default().set(b"map", b"1,2,3").is_none());
        assert!(PaxSparse::default().set(b"numbytes", b"1").is_none());
    }
}
