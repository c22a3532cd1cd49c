//! `events`: what a container uses, in runc's shape.

use std::time::Duration;

use serde_json::{Value, json};

use super::args::{Args, Flag, switch, value};
use super::error::OciError;
use super::help::print;
use super::state::Status;
use super::store::Store;
use crate::cgroup::Stats;

pub(super) const EVENTS: &[Flag] = &[value("interval", '\0'), switch("stats", '\0')];

pub(super) fn events(store: &Store, args: Args) -> Result<i32, OciError> {
    let record = store.load(args.id()?)?;
    let interval = interval(args.get("interval").unwrap_or("5s"))?;
    loop {
        if Status::of(store, &record)? == Status::Stopped {
            return if args.is_set("stats") { Err(OciError::NotRunning) } else { Ok(0) };
        }
        let event = json!({"type": "stats", "id": record.id, "data": data(&record.cgroup.stats()?)});
        print(&format!("{event}\n"))?;
        if args.is_set("stats") {
            return Ok(0);
        }
        std::thread::sleep(interval);
    }
}

fn interval(text: &str) -> Result<Duration, OciError> {
    let wrong = || OciError::BadValue { flag: "interval", value: text.to_owned() };
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let duration = match unit {
        "ms" => Duration::from_millis(number),
        "s" | "" => Duration::from_secs(number),
        "m" => Duration::from_secs(number * 60),
        _ => return Err(wrong()),
    };
    if duration.is_zero() { Err(wrong()) } else { Ok(duration) }
}

fn data(stats: &Stats) -> Value {
    let entry = |limit: u64, usage: u64, max: u64, failcnt: u64| json!({"limit": limit, "usage": usage, "max": max, "failcnt": failcnt});
    let (memory, cpu) = (&stats.memory, &stats.cpu);
    let blkio = |value: fn(&crate::cgroup::BlkioEntry) -> u64| -> Vec<Value> {
        let row = |one: &crate::cgroup::BlkioEntry| json!({"major": one.major, "minor": one.minor, "op": one.op, "value": value(one)});
        stats.blkio.entries.iter().map(row).collect()
    };
    json!({
        "cpu": {
            "usage": {"total": cpu.total, "percpu": cpu.per_cpu, "kernel": cpu.system, "user": cpu.user},
            "throttling": {
                "periods": cpu.periods,
                "throttledPeriods": cpu.throttled_periods,
                "throttledTime": cpu.throttled,
            },
        },
        "memory": {
            "usage": entry(memory.limit, memory.usage, memory.max_usage, memory.failcnt),
            "swap": entry(u64::MAX, memory.swap.unwrap_or(0), 0, 0),
            "cache": memory.stat.get("cache").or(memory.stat.get("file")).copied().unwrap_or(0),
            "raw": memory.stat,
        },
        "pids": {"current": stats.pids.current, "limit": stats.pids.limit.unwrap_or(0)},
        "blkio": {
            "ioServiceBytesRecursive": blkio(|one| one.bytes),
            "ioServicedRecursive": blkio(|one| one.ios),
        },
        "hugetlb": {},
        "intel_rdt": {},
        "network_interfaces": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_units() {
        assert_eq!(interval("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(interval("5s").unwrap(), Duration::from_secs(5));
        assert!(interval("0s").is_err() && interval("fast").is_err());
    }
}
