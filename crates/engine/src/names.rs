//! Names for containers that were given none.

use rand::seq::IndexedRandom as _;

const KINDS: [&str; 32] = [
    "amber", "brisk", "calm", "clear", "coral", "crisp", "dapper", "eager", "fair", "fleet", "gentle",
    "golden", "hardy", "ivory", "jolly", "keen", "lively", "lucid", "mellow", "merry", "nimble", "noble",
    "placid", "quiet", "rapid", "serene", "silver", "steady", "sturdy", "tidal", "trusty", "windward",
];

const SHIPS: [&str; 32] = [
    "barge", "bark", "brig", "caravel", "catboat", "clipper", "cog", "coracle", "corvette", "cutter", "dhow",
    "dinghy", "dory", "felucca", "ferry", "frigate", "galleon", "gig", "junk", "ketch", "launch", "lugger",
    "packet", "pinnace", "punt", "schooner", "skiff", "sloop", "smack", "trawler", "wherry", "yawl",
];

/// A name that nobody has, by `taken`.
pub(crate) fn generate(taken: impl Fn(&str) -> bool) -> String {
    let mut random = rand::rng();
    let pick = |list: &[&'static str], random: &mut _| list.choose(random).copied().unwrap_or("berth");
    for attempt in 0u32.. {
        let mut name = format!("{}_{}", pick(&KINDS, &mut random), pick(&SHIPS, &mut random));
        if attempt >= 6 {
            name.push_str(&attempt.to_string());
        }
        if !taken(&name) {
            return name;
        }
    }
    String::new()
}
