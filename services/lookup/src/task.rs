use crate::{Mac, ParseMacError};
use serde::Deserialize;
use std::net::Ipv4Addr;

/// Longest `id` of a task, in bytes.
pub const MAX_ID: usize = 256;

/// What identifies a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Device {
    /// Its address on the network.
    pub ipv4: Ipv4Addr,
    /// Its hardware address.
    pub mac: Mac,
}

/// A task of the queue: find the account of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The idempotency key: tasks with the same id are the same task.
    pub id: String,
    /// The device.
    pub device: Device,
}

/// An entry of the queue is not a task.
#[derive(Debug, thiserror::Error)]
pub enum ParseTaskError {
    /// Not JSON with the right fields.
    #[error("not a JSON object with the strings id, ipv4 and mac")]
    Json(#[source] serde_json::Error),
    /// The id cannot serve as a key.
    #[error("the id must have 1 to {MAX_ID} bytes, and has {0}")]
    Id(usize),
    /// Not an IPv4 address.
    #[error("{0:?} is not an IPv4 address in dotted decimal notation")]
    Ipv4(String),
    /// Not a MAC address.
    #[error("the field mac is wrong")]
    Mac(#[source] ParseMacError),
}

#[derive(Deserialize)]
struct Fields {
    id: Id,
    ipv4: String,
    mac: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(u64),
}

impl Task {
    /// Reads a task from the JSON of a queue entry. The id may be a string or a whole number.
    ///
    /// # Errors
    /// When a field is missing or is not what it should be.
    pub fn parse(entry: &[u8]) -> Result<Self, ParseTaskError> {
        let fields: Fields = serde_json::from_slice(entry).map_err(ParseTaskError::Json)?;
        let id = match fields.id {
            Id::Text(text) => text,
            Id::Number(number) => number.to_string(),
        };
        if id.is_empty() || id.len() > MAX_ID {
            return Err(ParseTaskError::Id(id.len()));
        }
        Ok(Self { id, device: Device::parse(&fields.ipv4, &fields.mac)? })
    }
}

impl Device {
    /// Reads both addresses.
    ///
    /// # Errors
    /// When one of them is wrong.
    pub fn parse(ipv4: &str, mac: &str) -> Result<Self, ParseTaskError> {
        let ipv4 = ipv4.parse().map_err(|_| ParseTaskError::Ipv4(ipv4.chars().take(64).collect()))?;
        Ok(Self { ipv4, mac: mac.parse().map_err(ParseTaskError::Mac)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_read() {
        let task = Task::parse(br#"{"id":"a","ipv4":"10.0.0.1","mac":"001A.2B3C.4D5E","more":1}"#).unwrap();
        assert_eq!(task.id, "a");
        assert_eq!(task.device.ipv4, Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(task.device.mac.to_string(), "00:1a:2b:3c:4d:5e");
        assert_eq!(Task::parse(br#"{"id":7,"ipv4":"10.0.0.1","mac":"001A2B3C4D5E"}"#).unwrap().id, "7");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let reason = |entry: &str| Task::parse(entry.as_bytes()).unwrap_err().to_string();
        assert!(reason("rubbish").contains("not a JSON object"));
        assert!(reason(r#"{"id":"","ipv4":"10.0.0.1","mac":"001A2B3C4D5E"}"#).contains("has 0"));
        for ipv4 in ["10.0.0", "10.0.0.256", "010.0.0.1", "::1", " 10.0.0.1", "10.0.0.1/8"] {
            let entry = format!(r#"{{"id":"a","ipv4":"{ipv4}","mac":"001A2B3C4D5E"}}"#);
            assert!(reason(&entry).contains("not an IPv4 address"), "{ipv4}");
        }
        assert_eq!(reason(r#"{"id":"a","ipv4":"10.0.0.1","mac":"x"}"#), "the field mac is wrong");
    }
}
