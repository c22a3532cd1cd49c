//! The columns of `ps -ef`, from `/proc`.

use std::fs;
use std::os::unix::fs::MetadataExt;

use time::OffsetDateTime;

use super::Top;
use super::accounts::Accounts;
use crate::procstat::ProcStat;
use crate::sys::local_offset;

/// Clock ticks in a second, as `/proc` counts them on every architecture of today.
const TICKS: u64 = 100;

/// The table of these processes; those that have ended meanwhile are left out.
pub(super) fn table(pids: &[i32]) -> Top {
    let titles = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];
    let context = Context::now();
    Top {
        titles: titles.map(str::to_owned).to_vec(),
        processes: pids.iter().filter_map(|&pid| context.row(pid)).collect(),
    }
}

/// What all rows are computed with.
struct Context {
    accounts: Accounts,
    boot: i64,
    now: OffsetDateTime,
}

impl Context {
    fn now() -> Self {
        let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
        let boot = boot.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok());
        Self { accounts: Accounts::read(), boot: boot.unwrap_or(0), now: OffsetDateTime::now_utc() }
    }

    fn row(&self, pid: i32) -> Option<Vec<String>> {
        let stat = ProcStat::read(pid).ok()?;
        let uid = fs::metadata(format!("/proc/{pid}")).ok()?.uid();
        let start = self.boot + (stat.start_time / TICKS) as i64;
        let elapsed = (self.now.unix_timestamp() - start).max(1) as u64;
        let cpu = stat.cpu_ticks / TICKS;
        Some(vec![
            self.accounts.name(uid),
            pid.to_string(),
            stat.parent.to_string(),
            (stat.cpu_ticks * 100 / TICKS / elapsed).min(99).to_string(),
            start_text(local(start)?, local(self.now.unix_timestamp())?),
            terminal(stat.tty),
            format!("{:02}:{:02}:{:02}", cpu / 3600, cpu / 60 % 60, cpu % 60),
            command(pid)?,
        ])
    }
}

fn local(unix: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(unix + local_offset(unix)).ok()
}

/// The time of day, or the day if it was another, or the year.
fn start_text(start: OffsetDateTime, now: OffsetDateTime) -> String {
    if start.date() == now.date() {
        format!("{:02}:{:02}", start.hour(), start.minute())
    } else if start.year() == now.year() {
        format!("{}{:02}", &start.month().to_string()[..3], start.day())
    } else {
        start.year().to_string()
    }
}

/// The name of a terminal by its device number as `/proc/PID/stat` has it.
fn terminal(device: u32) -> String {
    let major = (device >> 8) & 0xfff;
    let minor = (device & 0xff) | ((device >> 12) & 0xf_ff00);
    match (major, minor) {
        (136..=143, _) => format!("pts/{}", (major - 136) * 256 + minor),
        (4, 0..=63) => format!("tty{minor}"),
        (4, _) => format!("ttyS{}", minor - 64),
        _ => "?".to_owned(),
    }
}

/// The command line; a process without one has its name in brackets.
fn command(pid: i32) -> Option<String> {
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = words.strip_suffix(&[0]).unwrap_or(&words);
    if words.is_empty() {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        return Some(format!("[{}]", name.trim_end()));
    }
    let line = String::from_utf8_lossy(words);
    Some(
        line.chars()
            .map(|c| {
                if c == '\0' {
                    ' '
                } else if c.is_control() {
                    '?'
                } else {
                    c
                }
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_start_is_told_as_exactly_as_it_is_near() {
        let now = datetime!(2026-11-21 10:00 UTC);
        assert_eq!(start_text(datetime!(2026-11-21 09:05 UTC), now), "09:05");
        assert_eq!(start_text(datetime!(2026-11-02 09:05 UTC), now), "Nov02");
        assert_eq!(start_text(datetime!(2025-11-02 09:05 UTC), now), "2025");
    }

    #[test]
    fn terminals_have_names() {
        assert_eq!(terminal(0), "?");
        assert_eq!(terminal(34816 + 7), "pts/7");
        assert_eq!(terminal(1025), "tty1");
        assert_eq!(terminal(1088), "ttyS0");
    }

    #[test]
    fn this_process_is_listed_and_a_gone_one_is_not() {
        let own = std::process::id() as i32;
        let top = table(&[own, i32::MAX]);
        assert_eq!(top.processes.len(), 1);
        assert_eq!((top.processes[0].len(), &top.processes[0][1]), (top.titles.len(), &own.to_string()));
        assert!(top.processes[0][7].contains("container"));
    }
}
