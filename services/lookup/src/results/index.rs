use sha2::{Digest as _, Sha256};
use std::collections::{HashSet, VecDeque};

/// Bits of the filter: 16 MiB, one false alarm in a thousand at 9 million ids.
const FILTER_BITS: u64 = 1 << 27;
const PROBES: u64 = 7;
/// Ids that are remembered one by one.
const RECENT: usize = 1 << 20;

/// The hash of an id, of 128 bits.
type Key = u128;

/// The ids of a results file, in bounded memory: the latest exactly, all others by a Bloom filter.
#[derive(Debug)]
pub(super) struct Index {
    recent: HashSet<Key>,
    order: VecDeque<Key>,
    filter: Vec<u64>,
    capacity: usize,
}

/// What the index says of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    No,
    /// The file has to be asked.
    Perhaps,
}

impl Default for Index {
    fn default() -> Self {
        Self::with_capacity(RECENT)
    }
}

impl Index {
    fn with_capacity(capacity: usize) -> Self {
        Self { recent: HashSet::new(), order: VecDeque::new(), filter: Vec::new(), capacity }
    }

    pub(super) fn insert(&mut self, id: &str) {
        let key = key(id);
        if !self.recent.insert(key) {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.recent.remove(&oldest);
            self.remember(oldest);
        }
    }

    /// Puts a key into the filter, which is made when the first has to go there.
    fn remember(&mut self, key: Key) {
        if self.filter.is_empty() {
            self.filter = vec![0; (FILTER_BITS / 64) as usize];
        }
        for bit in bits(key) {
            self.filter[(bit / 64) as usize] |= 1 << (bit % 64);
        }
    }

    pub(super) fn knows(&self, id: &str) -> Known {
        let key = key(id);
        if self.recent.contains(&key) {
            return Known::Yes;
        }
        let set = |bit: u64| self.filter[(bit / 64) as usize] & 1 << (bit % 64) != 0;
        if !self.filter.is_empty() && bits(key).all(set) { Known::Perhaps } else { Known::No }
    }
}

fn key(id: &str) -> Key {
    let hash = Sha256::digest(id);
    hash.iter().take(16).fold(0, |key, byte| key << 8 | Key::from(*byte))
}

fn bits(key: Key) -> impl Iterator<Item = u64> {
    let (first, step) = ((key >> 64) as u64, key as u64 | 1);
    (0..PROBES).map(move |probe| first.wrapping_add(probe.wrapping_mul(step)) % FILTER_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_known_for_certain_and_older_ones_never_denied() {
        let mut index = Index::with_capacity(10);
        for number in 0..1000 {
            index.insert(&number.to_string());
        }
        assert!((0..990).all(|number| index.knows(&number.to_string()) == Known::Perhaps));
        assert!((990..1000).all(|number| index.knows(&number.to_string()) == Known::Yes));
        let alarms = (1000..11_000).filter(|number| index.knows(&number.to_string()) != Known::No).count();
        assert!(alarms < 10, "{alarms}");
    }
}
