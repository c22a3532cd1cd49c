//! Between the API's documents and the engine's types.

pub(crate) mod create;
pub(crate) mod image;
pub(crate) mod inspect;
pub(crate) mod legacy;
pub(crate) mod network;
pub(crate) mod stats;
pub(crate) mod summary;
pub(crate) mod volume;

use std::collections::{BTreeMap, HashMap};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// RFC 3339 with the nanoseconds that are there.
pub(crate) fn timestamp(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

/// A time that may not have come: Docker's zero time then.
pub(crate) fn timestamp_or_zero(time: Option<OffsetDateTime>) -> String {
    time.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), timestamp)
}

/// A sorted map as the generated types hold it.
pub(crate) fn map(sorted: &BTreeMap<String, String>) -> HashMap<String, String> {
    sorted.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// A number as the generated types hold it; what does not fit is the greatest.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
