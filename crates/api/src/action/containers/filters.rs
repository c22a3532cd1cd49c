//! Filters and times of queries.

use crate::{error::BadRequest, input::Query};
use engine::{
    op::{ContainerFilter, LabelFilter, PruneFilter},
    snapshot::{HealthStatus, Status},
};
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

/// Filters as they were sent, taken one by one; what is left over is unknown.
pub(crate) struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    pub(crate) fn of(query: &Query) -> Result<Self, BadRequest> {
        Ok(Filters(query.filters()?))
    }

    /// The values of a filter.
    pub(crate) fn take(&mut self, key: &str) -> Vec<String> {
        self.0.remove(key).unwrap_or_default()
    }

    /// The values of a filter, read.
    pub(crate) fn read<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, BadRequest> {
        let values = self.take(key);
        let read = values.iter().map(|value| read(value).ok_or_else(|| unusable(key, value)));
        read.collect()
    }

    /// The only value of a filter.
    pub(crate) fn one(&mut self, key: &str) -> Option<String> {
        self.take(key).pop()
    }

    /// A filter that is `true` or `false`.
    pub(crate) fn flag(&mut self, key: &'static str) -> Result<Option<bool>, BadRequest> {
        let values = self.read(key, |value| match value {
            "1" | "true" | "True" | "TRUE" | "t" => Some(true),
            "0" | "false" | "False" | "FALSE" | "f" => Some(false),
            _ => None,
        })?;
        Ok(values.last().copied())
    }

    /// A time, or a duration back from now.
    pub(crate) fn moment(&mut self, key: &'static str) -> Result<Option<OffsetDateTime>, BadRequest> {
        self.one(key).map(|text| moment(&text).ok_or_else(|| unusable(key, &text))).transpose()
    }

    /// Label filters.
    pub(crate) fn labels(&mut self, key: &str) -> Vec<LabelFilter> {
        self.take(key).iter().map(|label| LabelFilter::parse(label)).collect()
    }

    /// Fails when a filter was sent that nobody took.
    pub(crate) fn finish(self) -> Result<(), BadRequest> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(key) => Err(BadRequest::field("filters", format!("invalid filter '{key}'"))),
        }
    }
}

fn unusable(key: &str, value: &str) -> BadRequest {
    BadRequest::field("filters", format!("invalid filter '{key}={value}'"))
}

pub(super) fn containers(query: &Query) -> Result<ContainerFilter, BadRequest> {
    let mut filters = Filters::of(query)?;
    let health = filters.take("health");
    let filter = ContainerFilter {
        all: query.flag("all"),
        limit: query
            .number::<i64>("limit")?
            .and_then(|limit| usize::try_from(limit).ok())
            .filter(|limit| *limit > 0),
        size: query.flag("size"),
        ids: filters.take("id"),
        names: filters.take("name"),
        labels: filters.labels("label"),
        status: filters.read("status", status)?,
        without_health: health.iter().any(|value| value == "none"),
        health: health.iter().filter_map(|value| health_status(value)).collect(),
        exited: filters.read("exited", |code| code.parse().ok())?,
        ancestor: filters.take("ancestor"),
        before: filters.one("before"),
        since: filters.one("since"),
        networks: filters.take("network"),
        volumes: filters.take("volume"),
        publish: filters.read("publish", |port| port.parse().ok())?,
        expose: filters.read("expose", |port| port.parse().ok())?,
    };
    filters.take("is-task");
    filters.take("isolation");
    filters.finish()?;
    Ok(filter)
}

fn status(word: &str) -> Option<Status> {
    let all = [
        Status::Created,
        Status::Running,
        Status::Paused,
        Status::Restarting,
        Status::Removing,
        Status::Exited,
        Status::Dead,
    ];
    all.into_iter().find(|status| status.as_str() == word)
}

fn health_status(word: &str) -> Option<HealthStatus> {
    let all = [HealthStatus::Starting, HealthStatus::Healthy, HealthStatus::Unhealthy];
    all.into_iter().find(|status| status.as_str() == word)
}

/// What a prune takes.
pub(crate) fn prune(query: &Query) -> Result<PruneFilter, BadRequest> {
    let mut filters = Filters::of(query)?;
    let filter = PruneFilter {
        until: filters.moment("until")?,
        labels: filters.labels("label"),
        without_labels: filters.labels("label!"),
        // Images: `dangling=false` takes all unused ones. Volumes: `all=true` takes named ones too.
        all: filters.flag("dangling")? == Some(false) || filters.flag("all")? == Some(true),
    };
    filters.finish()?;
    Ok(filter)
}

/// A time in a query: seconds since 1970 with a fraction, RFC 3339, or a duration back from now.
pub(crate) fn time(query: &Query, key: &'static str) -> Result<Option<OffsetDateTime>, BadRequest> {
    let Some(text) = query.get(key).filter(|text| *text != "0") else { return Ok(None) };
    moment(text).map(Some).ok_or_else(|| BadRequest::Query { key, value: text.to_owned() })
}

fn moment(text: &str) -> Option<OffsetDateTime> {
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(time);
    }
    if let Some(time) = unix_time(text) {
        return Some(time);
    }
    Some(OffsetDateTime::now_utc() - go_duration(text)?)
}

fn unix_time(text: &str) -> Option<OffsetDateTime> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = seconds.parse().ok()?;
    let nanoseconds: i64 = match fraction {
        "" => 0,
        digits => format!("{digits:0<9}").get(..9)?.parse().ok()?,
    };
    Some(OffsetDateTime::from_unix_timestamp(seconds).ok()? + Duration::nanoseconds(nanoseconds))
}

/// `1h30m`, `10s`, `500ms`; at most some 292 years.
fn go_duration(text: &str) -> Option<Duration> {
    compose::parse_duration(text).and_then(|span| i64::try_from(span).ok()).map(Duration::nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form() {
        assert_eq!(unix_time("1700000000.5").unwrap().unix_timestamp_nanos(), 1_700_000_000_500_000_000);
        assert_eq!(moment("2023-11-14T22:13:20Z").unwrap().unix_timestamp(), 1_700_000_000);
        assert_eq!(go_duration("1h30m"), Some(Duration::minutes(90)));
        assert_eq!(moment("99999999999999h"), None);
        assert_eq!(go_duration("500ms"), Some(Duration::milliseconds(500)));
        assert!(moment("yesterday").is_none());
    }

    #[test]
    fn unknown_filters_are_refused() {
        let refused =
            |text: &str| containers(&Query::parse(&format!("filters={text}"))).unwrap_err().to_string();
        assert!(refused("{\"nope\":[\"1\"]}").contains("invalid filter 'nope'"));
        assert!(refused("{\"status\":[\"nope\"]}").contains("invalid filter 'status=nope'"));
    }
}
