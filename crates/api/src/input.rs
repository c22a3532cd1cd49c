//! A matched request before it is parsed: path parameters, query, headers and body.

use crate::{error::BadRequest, routes::Version};
use bytes::Bytes;
use hyper::{HeaderMap, body::Incoming, upgrade::OnUpgrade};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// The query string, decoded; a key may stand several times.
#[derive(Debug, Default, Clone)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes `a=1&b=2` with percent escapes and `+` for a space.
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decode(key, true), percent_decode(value, true))
        });
        Query(pairs.collect())
    }

    /// The first value of a key, unless it is empty.
    pub(crate) fn get<'a>(&'a self, key: &'a str) -> Option<&'a str> {
        self.all(key).find(|value| !value.is_empty())
    }

    /// The first value of a key, owned, unless it is empty.
    pub(crate) fn owned(&self, key: &str) -> Option<String> {
        self.get(key).map(str::to_owned)
    }

    /// Every value of a key.
    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Docker's reading of a flag: absent, empty, `0`, `no`, `false` and `none` are false, all else is true.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.flag_or(key, false)
    }

    /// As [`Query::flag`], with a value for the absent key.
    pub(crate) fn flag_or(&self, key: &str, absent: bool) -> bool {
        match self.all(key).next() {
            None => absent,
            Some(value) => !matches!(value.to_ascii_lowercase().trim(), "" | "0" | "no" | "false" | "none"),
        }
    }

    /// A number; an unreadable one is the caller's error.
    pub(crate) fn number<T: std::str::FromStr>(&self, key: &'static str) -> Result<Option<T>, BadRequest> {
        let Some(text) = self.get(key) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| BadRequest::Query { key, value: text.to_owned() })
    }

    /// The `filters` parameter: `{"label":["a"]}` or the older `{"label":{"a":true}}`.
    pub(crate) fn filters(&self) -> Result<BTreeMap<String, Vec<String>>, BadRequest> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Values {
            List(Vec<String>),
            Map(BTreeMap<String, bool>),
        }
        let Some(text) = self.get("filters") else { return Ok(BTreeMap::new()) };
        let read: BTreeMap<String, Values> = serde_json::from_str(text)
            .map_err(|_| BadRequest::Query { key: "filters", value: text.to_owned() })?;
        let listed = read.into_iter().map(|(key, values)| match values {
            Values::List(list) => (key, list),
            Values::Map(map) => {
                (key, map.into_iter().filter(|(_, on)| *on).map(|(value, _)| value).collect())
            }
        });
        Ok(listed.collect())
    }
}

/// Decodes percent escapes; in a query `+` stands for a space.
pub(crate) fn percent_decode(text: &str, plus_is_space: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' if plus_is_space => bytes.push(b' '),
            b'%' => match hex_pair(tail) {
                Some(byte) => {
                    bytes.push(byte);
                    rest = &tail[2..];
                }
                None => bytes.push(b'%'),
            },
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let digit = |index: usize| bytes.get(index).and_then(|byte| (*byte as char).to_digit(16));
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// The body as the route wants it.
#[derive(Debug)]
pub(crate) enum Payload {
    /// Not read.
    None,
    /// Read whole, within the limit for documents.
    Document(Bytes),
    /// Handed on unread.
    Stream(Incoming),
}

/// A matched request.
#[derive(Debug)]
pub(crate) struct Input {
    /// Path parameters in the pattern's order, decoded.
    pub(crate) params: Vec<String>,
    pub(crate) query: Query,
    pub(crate) payload: Payload,
    /// Present where the connection may be taken over.
    pub(crate) upgrade: Option<OnUpgrade>,
    pub(crate) headers: HeaderMap,
    /// The version of the API that the client speaks.
    pub(crate) version: Version,
}

impl Input {
    /// The path parameter at `index` of the pattern.
    pub(crate) fn param(&self, index: usize) -> String {
        self.params.get(index).cloned().unwrap_or_default()
    }

    /// The JSON body; an empty one is the type's default.
    pub(crate) fn json_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, BadRequest> {
        match &self.payload {
            Payload::Document(bytes) if !bytes.iter().all(u8::is_ascii_whitespace) => self.json(),
            _ => Ok(T::default()),
        }
    }

    /// The JSON body, which must be there.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, BadRequest> {
        match &self.payload {
            Payload::Document(bytes) => serde_json::from_slice(bytes).map_err(BadRequest::Body),
            _ => Err(BadRequest::NoBody),
        }
    }

    /// The body as a stream.
    pub(crate) fn take_stream(&mut self) -> Result<Incoming, BadRequest> {
        match std::mem::replace(&mut self.payload, Payload::None) {
            Payload::Stream(stream) => Ok(stream),
            _ => Err(BadRequest::NoBody),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_as_docker_reads_them() {
        let query = Query::parse("a=1&b=0&c=&d=True&e=no&f");
        let read: Vec<bool> = ["a", "b", "c", "d", "e", "f", "g"].iter().map(|key| query.flag(key)).collect();
        assert_eq!(read, [true, false, false, true, false, false, false]);
        assert!(query.flag_or("missing", true));
    }

    #[test]
    fn both_forms_of_filters_are_read() {
        let list = Query::parse("filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D").filters().unwrap();
        let map = Query::parse("filters=%7B%22label%22%3A%7B%22a%3Db%22%3Atrue%7D%7D").filters().unwrap();
        assert_eq!(list, map);
        assert_eq!(list["label"], ["a=b"]);
    }

    #[test]
    fn a_broken_escape_stays_as_it_is() {
        assert_eq!(percent_decode("100%+%zz%41", true), "100% %zzA");
        assert_eq!(percent_decode("a+b%2Fc", false), "a+b/c");
    }
}
