//! Reading answers. Nothing here trusts a length; what is cut off is left out.

/// One message of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// Message type.
    pub(crate) kind: u16,
    /// Number of the request that it answers.
    pub(crate) seq: u32,
    /// Port of the socket that caused it.
    pub(crate) port: u32,
    /// What follows the header.
    pub(crate) payload: &'a [u8],
}

/// One attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribute<'a> {
    /// Attribute type without its flag bits.
    pub(crate) kind: u16,
    /// The value.
    pub(crate) value: &'a [u8],
}

/// The messages in a datagram.
pub(crate) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = u32_host(bytes.get(..4)?)? as usize;
        let message = bytes.get(..length)?;
        let payload = message.get(16..)?;
        let seq = u32_host(&message[8..12])?;
        let port = u32_host(&message[12..16])?;
        let kind = u16::from_ne_bytes([message[4], message[5]]);
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some(Message { kind, seq, port, payload })
    })
}

/// The attributes in a payload behind its fixed part.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    std::iter::from_fn(move || {
        let head = bytes.get(..4)?;
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let kind = u16::from_ne_bytes([head[2], head[3]]) & 0x3fff;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some(Attribute { kind, value })
    })
}

/// The value of the first attribute of a type.
pub(crate) fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|attribute| attribute.kind == kind).map(|attribute| attribute.value)
}

/// A number in the machine's byte order.
pub(crate) fn u32_host(bytes: &[u8]) -> Option<u32> {
    bytes.get(..4)?.try_into().ok().map(u32::from_ne_bytes)
}

/// A zero-terminated text.
pub(crate) fn string(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_whatever_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for message in super::messages(&bytes) {
                let _ = super::attributes(message.payload).count();
            }
            let _ = super::attributes(&bytes).count();
        }
    }
}
