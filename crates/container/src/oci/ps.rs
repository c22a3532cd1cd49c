//! `ps`: a container's processes.

use std::process::Command;

use super::args::{Args, Flag, value};
use super::error::OciError;
use super::help::print;
use super::store::Store;

pub(super) const PS: &[Flag] = &[value("format", 'f')];

pub(super) fn ps(store: &Store, args: Args) -> Result<i32, OciError> {
    let record = store.load(args.id()?)?;
    let pids = record.cgroup.procs()?;
    match args.get("format").unwrap_or("table") {
        "json" => print(&format!("{}\n", serde_json::Value::from(pids))),
        "table" => table(&pids, &args.positional[1..]),
        other => Err(OciError::BadValue { flag: "format", value: other.to_owned() }),
    }
}

/// The lines of the host's `ps` that are about the container.
fn table(pids: &[i32], options: &[String]) -> Result<i32, OciError> {
    let default = ["-ef".to_owned()];
    let options = if options.is_empty() { &default } else { options };
    let output = Command::new("ps").args(options).output().map_err(OciError::system("run ps"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(OciError::Usage(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let column = header.split_whitespace().position(|name| name == "PID");
    let column = column.ok_or_else(|| OciError::Usage("ps prints no column PID".to_owned()))?;
    let of_container = |line: &&str| {
        let pid = line.split_whitespace().nth(column).and_then(|pid| pid.parse().ok());
        pid.is_some_and(|pid: i32| pids.contains(&pid))
    };
    let lines: Vec<&str> = std::iter::once(header).chain(lines.filter(of_container)).collect();
    print(&(lines.join("\n") + "\n"))
}
