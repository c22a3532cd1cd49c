//! Building requests.

/// Requests that travel in one `sendmsg`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    requests: Vec<Request>,
}

/// Where one request starts, and what to call it in an error.
#[derive(Clone, Copy, Debug)]
struct Request {
    offset: usize,
    what: &'static str,
}

const NESTED: u16 = 0x8000;

impl Batch {
    /// Adds a request: message type, flags ([`super::flags`]), the fixed part behind the header, and attributes.
    pub(crate) fn add(
        &mut self,
        what: &'static str,
        kind: u16,
        flags: u16,
        fixed: &[u8],
        fill: impl FnOnce(&mut Attributes<'_>),
    ) -> &mut Self {
        let offset = self.bytes.len();
        self.requests.push(Request { offset, what });
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(&(flags | super::flags::REQUEST).to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 8]);
        self.bytes.extend_from_slice(fixed);
        pad(&mut self.bytes);
        fill(&mut Attributes { bytes: &mut self.bytes });
        let length = (self.bytes.len() - offset) as u32;
        self.bytes[offset..offset + 4].copy_from_slice(&length.to_ne_bytes());
        self
    }

    /// How many requests there are.
    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// What the request with this position is called.
    pub(crate) fn what(&self, index: usize) -> &'static str {
        self.requests.get(index).map_or("answer", |request| request.what)
    }

    /// The bytes to send, numbered from `first` on.
    pub(crate) fn numbered(&mut self, first: u32) -> &[u8] {
        for (index, request) in self.requests.iter().enumerate() {
            let at = request.offset + 8;
            self.bytes[at..at + 4].copy_from_slice(&first.wrapping_add(index as u32).to_ne_bytes());
        }
        &self.bytes
    }

    /// Sets flags on the last request.
    pub(super) fn flag_last(&mut self, flags: u16) {
        if let Some(request) = self.requests.last() {
            let at = request.offset + 6;
            let old = u16::from_ne_bytes([self.bytes[at], self.bytes[at + 1]]);
            self.bytes[at..at + 2].copy_from_slice(&(old | flags).to_ne_bytes());
        }
    }
}

/// Where attributes are added to a request.
pub(crate) struct Attributes<'a> {
    bytes: &'a mut Vec<u8>,
}

impl Attributes<'_> {
    /// An attribute with these bytes.
    pub(crate) fn bytes(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(&((value.len() + 4) as u16).to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        pad(self.bytes);
        self
    }

    /// A zero-terminated text.
    pub(crate) fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.bytes(kind, &bytes)
    }

    /// A byte.
    pub(crate) fn u8(&mut self, kind: u16, value: u8) -> &mut Self {
        self.bytes(kind, &[value])
    }

    /// A number in the machine's byte order, as rtnetlink has it.
    pub(crate) fn u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.bytes(kind, &value.to_ne_bytes())
    }

    /// A number in network byte order, as nfnetlink has it.
    pub(crate) fn be32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// Attributes within an attribute. The kernel counts their length in 16 bits.
    pub(crate) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Attributes<'_>)) -> &mut Self {
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&(kind | NESTED).to_ne_bytes());
        fill(&mut Attributes { bytes: self.bytes });
        let length = self.bytes.len() - offset;
        debug_assert!(length <= usize::from(u16::MAX), "nested attribute of {length} bytes");
        self.bytes[offset..offset + 2].copy_from_slice(&(length as u16).to_ne_bytes());
        self
    }

    /// An attribute whose attributes are built already.
    pub(crate) fn nested_bytes(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.bytes(kind | NESTED, value)
    }

    /// A fixed structure within an attribute, before further attributes (as `VETH_INFO_PEER` has it).
    pub(crate) fn raw(&mut self, value: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(value);
        pad(self.bytes);
        self
    }
}

fn pad(bytes: &mut Vec<u8>) {
    while !bytes.len().is_multiple_of(4) {
        bytes.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::{attributes, messages};

    #[test]
    fn a_batch_reads_back_as_it_was_built() {
        let mut batch = Batch::default();
        batch.add("first", 16, 0, &[7; 3], |a| {
            a.text(1, "abc").nest(2, |a| {
                a.u32(3, 9).u8(4, 5);
            });
        });
        batch.add("second", 17, 0x400, &[], |_| {});
        let bytes = batch.numbered(41).to_vec();
        let read: Vec<_> = messages(&bytes).collect();
        assert_eq!((read.len(), read[0].kind, read[0].seq, read[1].seq), (2, 16, 41, 42));
        assert_eq!(&read[0].payload[..4], &[7, 7, 7, 0]);
        let attrs: Vec<_> = attributes(&read[0].payload[4..]).collect();
        assert_eq!((attrs[0].kind, attrs[0].value), (1, &b"abc\0"[..]));
        let inner: Vec<_> = attributes(attrs[1].value).collect();
        assert_eq!((inner[0].kind, inner[1].kind, inner[1].value), (3, 4, &[5u8][..]));
    }
}
