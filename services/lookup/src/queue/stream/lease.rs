//! When an entry of a stream may be taken from its consumer.
//!
//! Redis measures how long an entry has been idle with the clock of its machine, which may be set. What it says is
//! believed only when it has said so for a while by this process' monotonic clock.

use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

/// A consumer renews what it holds this often within a lease.
pub(super) const RENEWALS: u32 = 5;

/// An entry that is pending and has not been renewed for a while: its id, its consumer, how long it has been idle in
/// milliseconds, and how often it was delivered.
pub(super) type Idle = (String, String, u64, u64);

/// Entries that look as if their consumer were dead.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    since: HashMap<String, (String, Instant)>,
}

impl Suspects {
    /// From here on an idle entry is suspect: its consumer has missed two renewals.
    pub(super) fn threshold(lease: Duration) -> Duration {
        lease / 2
    }

    /// Takes note of all entries that are idle now. Returns those that have been found so for long enough.
    ///
    /// A clock that is set ahead makes every entry idle at once; those of the living are renewed before the next look.
    pub(super) fn look(&mut self, idle: &[Idle], lease: Duration) -> Vec<String> {
        let now = Instant::now();
        let mut before = std::mem::take(&mut self.since);
        for (id, consumer, _, _) in idle {
            let known = before.remove(id).filter(|(other, _)| other == consumer);
            self.since.insert(id.clone(), known.unwrap_or_else(|| (consumer.clone(), now)));
        }
        let patience = lease / RENEWALS * 2;
        let old = self.since.iter().filter(|(_, (_, since))| now.duration_since(*since) >= patience);
        old.map(|(id, _)| id.clone()).collect()
    }

    /// Forgets everything: during an outage nobody could renew.
    pub(super) fn clear(&mut self) {
        self.since.clear();
    }
}

/// Starts the lease of entries anew that were delivered in the future: the server's clock was set back, and their idle time
/// would count only after it has caught up. Returns how many.
pub(super) const RESTART: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function field(map, name)
  for i = 1, #map, 2 do if map[i] == name then return map[i + 1] end end
end
local count = 0
local groups = field(redis.call('XINFO', 'STREAM', KEYS[1], 'FULL', 'COUNT', 100), 'groups') or {}
for _, group in ipairs(groups) do
  local pending = field(group, 'name') == ARGV[1] and (field(group, 'pending') or field(group, 'pel')) or {}
  for _, entry in ipairs(pending) do
    if entry[3] > now then
      redis.call('XCLAIM', KEYS[1], ARGV[1], entry[2], 0, entry[1], 'JUSTID')
      count = count + 1
    end
  end
end
return count";

/// Removes a consumer, if it holds nothing.
pub(super) const FORGET: &str = "
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1";

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    fn idle(id: &str, consumer: &str) -> Idle {
        (id.to_owned(), consumer.to_owned(), 7_200_000, 1)
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_is_taken_when_it_stays_idle() {
        let mut suspects = Suspects::default();
        assert!(suspects.look(&[idle("1", "a")], LEASE).is_empty(), "however long the server says");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(suspects.look(&[idle("1", "a"), idle("2", "a")], LEASE).is_empty());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(suspects.look(&[idle("1", "a"), idle("2", "a")], LEASE), ["1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_that_was_renewed_or_has_another_consumer_is_not() {
        let mut suspects = Suspects::default();
        suspects.look(&[idle("1", "a"), idle("2", "a")], LEASE);
        tokio::time::advance(LEASE).await;
        assert!(suspects.look(&[idle("2", "b")], LEASE).is_empty(), "another has it now");
        assert!(suspects.look(&[idle("1", "a"), idle("2", "b")], LEASE).is_empty(), "it was renewed");
    }
}
