//! Columns of the user's choice, from the host's `ps`.

use std::process::{Command, Stdio};

use super::{Top, TopError};

/// The rows of `ps ARGS` that are about these processes.
pub(super) fn table(pids: &[i32], args: &[String]) -> Result<Top, TopError> {
    let output = Command::new("ps").args(args).stdin(Stdio::null()).output().map_err(TopError::Ps)?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        let message = message.lines().find(|line| !line.is_empty()).unwrap_or("unknown reason").to_owned();
        return Err(TopError::PsFailed { message });
    }
    select(&String::from_utf8_lossy(&output.stdout), pids)
}

fn select(output: &str, pids: &[i32]) -> Result<Top, TopError> {
    let mut lines = output.lines();
    let titles: Vec<String> = words(lines.next().unwrap_or_default(), usize::MAX);
    let pid = titles.iter().position(|title| title == "PID").ok_or(TopError::NoPidColumn)?;
    let rows = lines.map(|line| words(line, titles.len()));
    let ours = |row: &Vec<String>| row.get(pid).is_some_and(|p| p.parse().is_ok_and(|p| pids.contains(&p)));
    let processes = rows.filter(ours).collect();
    Ok(Top { titles, processes })
}

/// Splits at white space into at most `count` words; the last takes all that is left.
fn words(line: &str, count: usize) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let end = rest.find(char::is_whitespace).filter(|_| words.len() + 1 < count).unwrap_or(rest.len());
        words.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_container_are_selected() {
        let output = "  PID TTY      CMD\n    1 ?        init\n  42 pts/0    sh -c  'a b'\n";
        let top = select(output, &[42]).unwrap();
        assert_eq!(top.titles, ["PID", "TTY", "CMD"]);
        assert_eq!(top.processes, [["42", "pts/0", "sh -c  'a b'"]]);
    }

    #[test]
    fn rows_need_a_pid() {
        assert!(matches!(select("TTY CMD\n", &[]), Err(TopError::NoPidColumn)));
    }
}
