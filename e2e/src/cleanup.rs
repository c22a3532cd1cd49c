//! What a host leaves on the machine, and its removal.

use crate::{Host, Outcome, wait};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// A process that belongs to a host.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    argv: Vec<String>,
}

impl Process {
    /// `engine`, `shim`, … of a berth process.
    pub(crate) fn role(&self) -> Option<&str> {
        self.argv.iter().skip(1).map(String::as_str).find(|word| ["engine", "shim", "oci"].contains(word))
    }
}

/// All processes that have the host's runtime directory in their arguments or environment, or are in its network namespace.
pub(crate) fn processes_of(host: &Host) -> Vec<Process> {
    let mark = host.run_dir().display().to_string();
    let namespace =
        fs::metadata(host.netns().path()).ok().map(|file| std::os::unix::fs::MetadataExt::ino(&file));
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != std::process::id())
        .filter_map(|pid: u32| {
            let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let (argv, environment) = (words(&read("cmdline")), words(&read("environ")));
            let marked = argv.iter().chain(&environment).any(|word| word.contains(&mark));
            let inside = fs::metadata(format!("/proc/{pid}/ns/net"))
                .is_ok_and(|file| Some(std::os::unix::fs::MetadataExt::ino(&file)) == namespace);
            (marked || inside && !argv.is_empty()).then_some(Process { pid, argv })
        })
        .filter(|process| process.argv.first().is_some_and(|program| !program.ends_with("nextest")))
        .collect()
}

fn words(bytes: &[u8]) -> Vec<String> {
    let parts = bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

/// Kills one process with SIGKILL.
pub(crate) fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// The command lines of all processes but zombies.
pub(crate) fn command_lines() -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(words(&fs::read(entry.path().join("cmdline")).ok()?).join(" "))).collect()
}

/// Takes away all that does not outlive the machine.
pub(crate) fn power_off(host: &Host) {
    for process in processes_of(host) {
        kill(process.pid);
    }
    for group in cgroups(host) {
        let inside = fs::read_to_string(Path::new(&group).join("cgroup.procs")).unwrap_or_default();
        inside.lines().filter_map(|pid| pid.parse().ok()).for_each(kill);
    }
    let _ = wait_for_end(host);
    remove_cgroups(host);
    Outcome::of(host.netns().command("nft").args(["flush", "ruleset"])).ok();
    let links = Outcome::of(host.netns().command("ip").args(["-br", "link", "show", "type", "bridge"])).ok();
    for bridge in links.lines().filter_map(|line| line.split_whitespace().next()) {
        Outcome::of(host.netns().command("ip").args(["link", "del", bridge])).ok();
    }
    fs::remove_dir_all(host.run_dir()).expect("the runtime directory can be cleared");
}

/// What is there of a host beside its namespace and its files.
pub(crate) fn leaks(host: &Host) -> Vec<String> {
    let mut found: Vec<String> = processes_of(host)
        .iter()
        .map(|process| format!("process {} {}", process.pid, process.argv.join(" ")))
        .collect();
    let scratch = host.scratch().display().to_string();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    found.extend(mounts.lines().filter(|line| line.contains(&scratch)).map(|line| format!("mount {line}")));
    let links = Outcome::of(host.netns().command("ip").args(["-o", "link"])).stdout;
    let foreign = links.lines().filter(|line| !line.contains(": lo:") && !line.contains(": uplink"));
    found.extend(foreign.map(|line| format!("interface {line}")));
    let rules = Outcome::of(host.netns().command("nft").args(["list", "tables"])).stdout;
    found.extend(rules.lines().map(|line| format!("rules {line}")));
    found
}

/// Removes everything of a host; returns what the engine itself left behind.
pub(crate) fn clear(host: &Host, keep_root: bool) -> Vec<String> {
    let left = if host.run_dir().exists() { ask_engine(host) } else { Vec::new() };
    for process in processes_of(host) {
        kill(process.pid);
    }
    for group in cgroups(host) {
        let inside = fs::read_to_string(Path::new(&group).join("cgroup.procs")).unwrap_or_default();
        inside.lines().filter_map(|pid| pid.parse().ok()).for_each(kill);
    }
    let _ = wait_for_end(host);
    unmount_below(host.scratch());
    remove_cgroups(host);
    if !keep_root {
        let _ = fs::remove_dir_all(host.root());
    }
    left
}

/// Removes all containers, networks and the engine by its own commands.
fn ask_engine(host: &Host) -> Vec<String> {
    if std::thread::panicking() {
        return Vec::new();
    }
    let ids = host.berth(["container", "ls", "-aq", "--no-trunc"]).stdout;
    for id in ids.split_whitespace() {
        host.berth(["container", "rm", "-f", "-v", id]);
    }
    host.berth(["network", "prune", "-f"]);
    host.berth(["network", "rm", "bridge"]);
    host.berth(["engine", "stop"]);
    let mut left = Vec::new();
    for _ in 0..250 {
        left = leaks(host);
        left.extend(cgroups(host).into_iter().map(|path| format!("control group {path}")));
        if left.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    left
}

fn wait_for_end(host: &Host) -> Result<(), ()> {
    for _ in 0..200 {
        if processes_of(host).is_empty() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(())
}

fn unmount_below(scratch: &Path) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .filter(|point| Path::new(point).starts_with(scratch));
    for point in points.collect::<Vec<_>>().into_iter().rev() {
        let _ = Command::new("umount").args(["-l", point]).status();
    }
}

/// Control groups of containers that this host has, or has had since the journal was last compacted.
fn cgroups(host: &Host) -> Vec<String> {
    let journal = fs::read_to_string(host.root().join("journal")).unwrap_or_default();
    let ids: BTreeSet<&str> = journal.split('"').filter(|word| is_id(word)).collect();
    let hierarchies =
        fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    let parents: Vec<_> = hierarchies.chain([PathBuf::from("/sys/fs/cgroup")]).collect();
    let paths = ids.iter().flat_map(|id| parents.iter().map(move |parent| parent.join("berth").join(id)));
    paths.filter(|path| path.exists()).map(|path| path.display().to_string()).collect()
}

fn is_id(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn remove_cgroups(host: &Host) {
    for path in cgroups(host) {
        let _ = wait::eventually_removed(Path::new(&path));
    }
}
