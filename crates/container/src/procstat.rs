//! `/proc/PID/stat`.

use std::fs::File;
use std::io::{self, Read};

/// The fields of `/proc/PID/stat` that are used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcStat {
    /// Number of the parent.
    pub(crate) parent: i32,
    /// Number of its session: that of the process that began it.
    pub(crate) session: i32,
    /// Device number of the controlling terminal, 0 for none.
    pub(crate) tty: u32,
    /// Processor time used, user and system, in clock ticks.
    pub(crate) cpu_ticks: u64,
    /// Start time in clock ticks since boot.
    pub(crate) start_time: u64,
}

impl ProcStat {
    /// Reads the fields of a process.
    pub(crate) fn read(pid: i32) -> io::Result<Self> {
        // One read gets it whole.
        let mut text = [0; 1024];
        let length = File::open(format!("/proc/{pid}/stat"))?.read(&mut text)?;
        Self::parse(&text[..length]).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn parse(text: &[u8]) -> Option<Self> {
        // The name may hold anything, parentheses and spaces too; behind its end there are only numbers.
        let name_end = text.iter().rposition(|&b| b == b')')?;
        let rest = std::str::from_utf8(&text[name_end + 1..]).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // `fields[0]` is field 3 of proc(5).
        let field = |number: usize| fields.get(number - 3);
        let number = |at: usize| field(at)?.parse::<u64>().ok();
        Some(Self {
            parent: field(4)?.parse().ok()?,
            session: field(6)?.parse().ok()?,
            tty: field(7)?.parse::<i32>().ok()? as u32,
            cpu_ticks: number(14)? + number(15)?,
            start_time: number(22)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_confuses_nothing() {
        let text =
            b"4211 (a) (b c) S 17 4211 4211 34817 4211 4194304 9 0 0 0 250 50 0 0 20 0 1 0 8812345 1 2 3";
        assert_eq!(
            ProcStat::parse(text),
            Some(ProcStat { parent: 17, session: 4211, tty: 34817, cpu_ticks: 300, start_time: 8_812_345 })
        );
    }

    #[test]
    fn a_process_has_a_start_time() {
        let own = std::process::id() as i32;
        assert_eq!(ProcStat::read(own).unwrap().start_time, ProcStat::read(own).unwrap().start_time);
        assert!(ProcStat::read(own).unwrap().start_time > 0);
    }
}
