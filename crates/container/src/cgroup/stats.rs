//! Reading what a group uses.

use std::collections::BTreeMap;
use std::path::Path;

use super::layout::{Layout, Place};
use super::{BlkioEntry, BlkioStats, Cgroup, CpuStats, MemoryStats, PidsStats, Stats, file};

/// v1 counts in ticks of 10 ms where it does not count in nanoseconds.
const TICK: u64 = 10_000_000;
const MICRO: u64 = 1000;

pub(super) fn stats(cgroup: &Cgroup) -> Stats {
    let layout = Layout::of_machine();
    let dir = |controller| {
        layout.place(controller).map(|place| match place {
            Place::V1(root) => (false, cgroup.below(root)),
            Place::V2(root) => (true, cgroup.below(root)),
        })
    };
    let mut stats = Stats::default();
    match (dir("cpuacct"), &layout.unified) {
        (Some((_, acct)), _) => stats.cpu = cpu_v1(&acct, dir("cpu").map(|(_, dir)| dir).as_deref()),
        (None, Some((root, _))) => stats.cpu = cpu_v2(&cgroup.below(root)),
        (None, None) => {}
    }
    if let Some((v2, dir)) = dir("memory") {
        stats.memory = if v2 { memory_v2(&dir) } else { memory_v1(&dir) };
    }
    if let Some((_, dir)) = dir("pids") {
        let limit = file::read_number(&dir.join("pids.max")).filter(|n| *n != u64::MAX);
        stats.pids = PidsStats { current: number(&dir, "pids.current"), limit };
    }
    if let Some((v2, dir)) = dir("blkio").or_else(|| dir("io")) {
        stats.blkio = BlkioStats { entries: if v2 { io_v2(&text(&dir, "io.stat")) } else { blkio_v1(&dir) } };
    }
    stats
}

pub(super) fn oom_kills(cgroup: &Cgroup) -> u64 {
    let text = match Layout::of_machine().place("memory") {
        Some(Place::V1(root)) => text(&cgroup.below(root), "memory.oom_control"),
        Some(Place::V2(root)) => text(&cgroup.below(root), "memory.events"),
        None => String::new(),
    };
    file::value_of(&text, "oom_kill").unwrap_or(0)
}

fn text(dir: &Path, name: &str) -> String {
    file::read(&dir.join(name)).unwrap_or_default()
}

fn number(dir: &Path, name: &str) -> u64 {
    file::read_number(&dir.join(name)).unwrap_or(0)
}

fn cpu_v1(acct: &Path, cpu: Option<&Path>) -> CpuStats {
    let ticks = text(acct, "cpuacct.stat");
    let ticks = |key| file::value_of(&ticks, key).unwrap_or(0) * TICK;
    let stat = cpu.map(|dir| text(dir, "cpu.stat")).unwrap_or_default();
    let stat = |key| file::value_of(&stat, key).unwrap_or(0);
    let per_cpu = text(acct, "cpuacct.usage_percpu");
    CpuStats {
        total: number(acct, "cpuacct.usage"),
        user: ticks("user"),
        system: ticks("system"),
        per_cpu: per_cpu.split_whitespace().filter_map(|n| n.parse().ok()).collect(),
        periods: stat("nr_periods"),
        throttled_periods: stat("nr_throttled"),
        throttled: stat("throttled_time"),
    }
}

fn cpu_v2(dir: &Path) -> CpuStats {
    let stat = text(dir, "cpu.stat");
    let stat = |key| file::value_of(&stat, key).unwrap_or(0);
    CpuStats {
        total: stat("usage_usec") * MICRO,
        user: stat("user_usec") * MICRO,
        system: stat("system_usec") * MICRO,
        per_cpu: Vec::new(),
        periods: stat("nr_periods"),
        throttled_periods: stat("nr_throttled"),
        throttled: stat("throttled_usec") * MICRO,
    }
}

fn memory_v1(dir: &Path) -> MemoryStats {
    let usage = number(dir, "memory.usage_in_bytes");
    let both = file::read_number(&dir.join("memory.memsw.usage_in_bytes"));
    MemoryStats {
        usage,
        max_usage: number(dir, "memory.max_usage_in_bytes"),
        failcnt: number(dir, "memory.failcnt"),
        limit: file::read_number(&dir.join("memory.limit_in_bytes")).unwrap_or(u64::MAX),
        swap: both.map(|both| both.saturating_sub(usage)),
        stat: table(&text(dir, "memory.stat")),
    }
}

fn memory_v2(dir: &Path) -> MemoryStats {
    MemoryStats {
        usage: number(dir, "memory.current"),
        max_usage: number(dir, "memory.peak"),
        failcnt: file::value_of(&text(dir, "memory.events"), "max").unwrap_or(0),
        limit: file::read_number(&dir.join("memory.max")).unwrap_or(u64::MAX),
        swap: file::read_number(&dir.join("memory.swap.current")),
        stat: table(&text(dir, "memory.stat")),
    }
}

fn table(text: &str) -> BTreeMap<String, u64> {
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs.filter_map(|(key, value)| Some((key.to_owned(), file::number(value.trim())?))).collect()
}

fn blkio_v1(dir: &Path) -> Vec<BlkioEntry> {
    let first = |names: &[&str]| {
        names.iter().map(|name| text(dir, name)).find(|text| text.contains(':')).unwrap_or_default()
    };
    let bytes = first(&[
        "blkio.bfq.io_service_bytes_recursive",
        "blkio.io_service_bytes_recursive",
        "blkio.throttle.io_service_bytes_recursive",
        "blkio.throttle.io_service_bytes",
    ]);
    let ios = first(&[
        "blkio.bfq.io_serviced_recursive",
        "blkio.io_serviced_recursive",
        "blkio.throttle.io_serviced_recursive",
        "blkio.throttle.io_serviced",
    ]);
    let mut entries: Vec<BlkioEntry> = Vec::new();
    for (text, is_bytes) in [(bytes, true), (ios, false)] {
        for (major, minor, op, value) in text.lines().filter_map(v1_row) {
            let entry = entry(&mut entries, major, minor, op);
            if is_bytes { entry.bytes = value } else { entry.ios = value }
        }
    }
    entries
}

/// `8:0 Read 4096`; only reads and writes, the other rows are sums of these in other ways.
fn v1_row(line: &str) -> Option<(u64, u64, &str, u64)> {
    let mut fields = line.split_whitespace();
    let (major, minor) = fields.next()?.split_once(':')?;
    let op = fields.next().filter(|op| matches!(*op, "Read" | "Write"))?;
    Some((major.parse().ok()?, minor.parse().ok()?, op, fields.next()?.parse().ok()?))
}

fn entry<'a>(entries: &'a mut Vec<BlkioEntry>, major: u64, minor: u64, op: &str) -> &'a mut BlkioEntry {
    let same = |entry: &BlkioEntry| entry.major == major && entry.minor == minor && entry.op == op;
    let at = entries.iter().position(same).unwrap_or_else(|| {
        entries.push(BlkioEntry { major, minor, op: op.to_owned(), ..BlkioEntry::default() });
        entries.len() - 1
    });
    &mut entries[at]
}

/// `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 …`
fn io_v2(text: &str) -> Vec<BlkioEntry> {
    let mut entries = Vec::new();
    for line in text.lines() {
        let mut fields = line.split_whitespace();
        let Some((major, minor)) = fields.next().and_then(|device| device.split_once(':')) else { continue };
        let (Ok(major), Ok(minor)) = (major.parse(), minor.parse()) else { continue };
        for (key, value) in fields.filter_map(|field| field.split_once('=')) {
            let Ok(value) = value.parse() else { continue };
            let op = if key.starts_with('r') { "Read" } else { "Write" };
            match key {
                "rbytes" | "wbytes" => entry(&mut entries, major, minor, op).bytes = value,
                "rios" | "wios" => entry(&mut entries, major, minor, op).ios = value,
                _ => {}
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_traffic_is_read_from_v2s_lines() {
        let entries = io_v2("8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n");
        assert_eq!(entries.len(), 2);
        assert_eq!((entries[0].op.as_str(), entries[0].bytes, entries[0].ios), ("Read", 10, 1));
        assert_eq!((entries[1].op.as_str(), entries[1].bytes, entries[1].ios), ("Write", 20, 2));
    }

    #[test]
    fn sums_of_v1_are_passed_over() {
        assert_eq!(v1_row("8:0 Read 4096"), Some((8, 0, "Read", 4096)));
        assert_eq!(v1_row("8:0 Total 4096"), None);
        assert_eq!(v1_row("Total 0"), None);
    }
}
