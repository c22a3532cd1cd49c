use super::Kind;
use crate::redis_link::{Link, LinkError};
use redis::cmd;
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Entries read at a time.
const PAGE: isize = 500;
/// Puts a dead letter's task back into the queue, if nobody else has.
const RETRY: &str = "if redis.call('LREM', KEYS[1], -1, ARGV[1]) == 0 then return 0 end
if ARGV[3] == 'list' then redis.call('LPUSH', KEYS[2], ARGV[2])
else redis.call('XADD', KEYS[2], '*', 'task', ARGV[2]) end
return 1";

/// An entry that could not be brought to its end, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeadLetter {
    /// Why.
    pub(crate) reason: String,
    /// The entry. Bytes that are no UTF-8 are in `hex`.
    pub(crate) task: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    /// When it was given up.
    pub(crate) at: String,
}

impl DeadLetter {
    #[expect(clippy::disallowed_methods, reason = "the date is for people: nothing is compared with it")]
    pub(super) fn new(payload: &[u8], reason: &str) -> Self {
        let hex = std::str::from_utf8(payload)
            .is_err()
            .then(|| payload.iter().map(|byte| format!("{byte:02x}")).collect());
        let at = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        Self { reason: reason.to_owned(), task: String::from_utf8_lossy(payload).into_owned(), hex, at }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The entry as it was.
    fn payload(&self) -> Vec<u8> {
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        match &self.hex {
            None => self.task.clone().into_bytes(),
            Some(hex) => hex.as_bytes().chunks(2).filter_map(byte).collect(),
        }
    }
}

/// The dead-letter list of a queue.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    queue: String,
    kind: Kind,
}

impl DeadLetters {
    pub(crate) fn new(queue: &str, kind: Kind) -> Self {
        Self { queue: queue.to_owned(), kind }
    }

    fn key(&self) -> String {
        format!("{}:dead", self.queue)
    }

    /// Shows every dead letter, the oldest first.
    pub(crate) async fn each(
        &self,
        link: &Link,
        mut show: impl FnMut(&DeadLetter),
    ) -> Result<usize, LinkError> {
        let mut seen = 0;
        loop {
            let page = self.page(link, seen).await?;
            if page.is_empty() {
                return Ok(seen.unsigned_abs());
            }
            seen += page.len() as isize;
            page.iter().rev().for_each(|(letter, _)| show(letter));
        }
    }

    /// Puts the tasks of all dead letters back into the queue. Returns how many.
    pub(crate) async fn retry(&self, link: &Link) -> Result<usize, LinkError> {
        let mut left: usize = link.command(cmd("LLEN").arg(self.key())).await?;
        let mut count = 0;
        let kind = match self.kind {
            Kind::List => "list",
            Kind::Stream => "stream",
        };
        // Those that die again meanwhile are not tried again: they are newer than what was there at first.
        while left > 0 {
            let page = self.page(link, 0).await?;
            if page.is_empty() {
                break;
            }
            for (letter, raw) in page.iter().rev().take(left) {
                let mut script = cmd("EVAL");
                script
                    .arg(RETRY)
                    .arg(2)
                    .arg(self.key())
                    .arg(&self.queue)
                    .arg(raw)
                    .arg(letter.payload())
                    .arg(kind);
                count += link.command::<usize>(&script).await?;
            }
            left = left.saturating_sub(page.len());
        }
        Ok(count)
    }

    /// The letters from the `skip`th oldest on, the oldest last.
    async fn page(&self, link: &Link, skip: isize) -> Result<Vec<(DeadLetter, Vec<u8>)>, LinkError> {
        let raw: Vec<Vec<u8>> =
            link.command(cmd("LRANGE").arg(self.key()).arg(-skip - PAGE).arg(-skip - 1)).await?;
        let read = |raw: Vec<u8>| {
            let letter = serde_json::from_slice(&raw);
            (letter.unwrap_or_else(|_| DeadLetter::new(&raw, "not written by this service")), raw)
        };
        Ok(raw.into_iter().map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_payload_comes_back_as_it_was() {
        for payload in [&b"{}"[..], b"", b"\xff\x00rubbish"] {
            let letter = DeadLetter::new(payload, "reason");
            let read: DeadLetter = serde_json::from_slice(&letter.to_json()).unwrap();
            assert_eq!(read.payload(), payload);
            assert_eq!(read.reason, "reason");
        }
    }
}
