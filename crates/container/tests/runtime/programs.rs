//! What the command line cannot do, done by the test program in a process of its own.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Instant;

use container::cgroup::Cgroup;
use container::runtime::{CreateOptions, create};
use oci_spec::runtime::Spec;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// Runs the program that `args` name and exits.
pub(crate) fn run(args: &[String]) -> ! {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["write-exe", path] => write_exe(path),
        ["run-with-init", bundle, signal] => run_with_init(Path::new(bundle), signal.parse().unwrap()),
        ["measure", count] => measure(count.parse().unwrap()),
        other => panic!("no program {other:?}"),
    }
}

/// Tries to write to an executable; the exit code is the error number. Truncating asks whether the mount may be
/// written before it asks whether the file is being executed.
fn write_exe(path: &str) -> ! {
    let code = match OpenOptions::new().write(true).truncate(true).open(path) {
        Ok(_) => 0,
        // Busy as long as it runs. What counts is that it cannot be written afterwards either.
        Err(error) if error.raw_os_error() == Some(ETXTBSY) && is_sealed(path) => EPERM,
        Err(error) => error.raw_os_error().unwrap_or(255),
    };
    std::process::exit(code)
}

const EPERM: i32 = 1;
const ETXTBSY: i32 = 26;

fn is_sealed(path: &str) -> bool {
    let file = std::fs::File::open(path).unwrap();
    rustix::fs::fcntl_get_seals(&file).is_ok_and(|seals| seals.contains(rustix::fs::SealFlags::WRITE))
}

fn spec(bundle: &Path) -> Spec {
    serde_json::from_slice(&std::fs::read(bundle.join("config.json")).unwrap()).unwrap()
}

/// Runs a bundle under the built-in init, sends it `signal` (if not 0) once it has written the file `ready`, and
/// exits as it does. The init's private memory, in KiB, is written to the file `memory`.
fn run_with_init(bundle: &Path, signal: i32) -> ! {
    let spec = spec(bundle);
    let mut options = CreateOptions::new("init", bundle);
    options.init = true;
    let mut created = create(&spec, options).unwrap();
    created.start().unwrap();
    let pid = Pid::from_raw(created.pid()).unwrap();
    if let Some(signal) = Signal::from_named_raw(signal) {
        while !bundle.join("rootfs/ready").exists() {
            std::thread::yield_now();
        }
        let maps = std::fs::read_to_string(format!("/proc/{}/smaps", created.pid())).unwrap();
        let private = own_memory(&maps);
        std::fs::write(bundle.join("memory"), private.to_string()).unwrap();
        kill_process(pid, signal).unwrap();
    }
    let (_, status) = waitpid(Some(pid), WaitOptions::empty()).unwrap().unwrap();
    std::process::exit(status.exit_status().unwrap_or(255))
}

/// The private memory in `smaps`, in KiB, without the program's code, which all shims of a machine share.
fn own_memory(maps: &str) -> u64 {
    let mut code = false;
    let mut sum = 0;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some(range), Some(rights)) if range.contains('-') => code = !rights.contains('w'),
            (Some(name), Some(size)) if name.starts_with("Private") && !code => {
                sum += size.parse::<u64>().unwrap()
            }
            _ => {}
        }
    }
    sum
}

/// Makes, starts and removes containers of busybox's `true` with Docker's defaults, and prints how long the steps take.
fn measure(count: usize) -> ! {
    let made = crate::bundle::Bundle::new("").args(&["/bin/true"]);
    made.command(&[]);
    let bundle = made.dir();
    let spec = spec(bundle);
    let mut rows = Vec::new();
    for number in 0..count {
        let begin = Instant::now();
        let path = format!("/berth-measure/{number}");
        let cgroup = Cgroup::create(Path::new(&path)).unwrap();
        cgroup.apply(spec.linux().as_ref().unwrap().resources().as_ref().unwrap()).unwrap();
        let limited = begin.elapsed();
        let mut options = CreateOptions::new("measure", bundle);
        options.cgroup = Some(&cgroup);
        let mut created = create(&spec, options).unwrap();
        let ready = begin.elapsed();
        created.start().unwrap();
        let started = begin.elapsed();
        waitpid(Pid::from_raw(created.pid()), WaitOptions::empty()).unwrap();
        let ended = begin.elapsed();
        cgroup.remove().unwrap();
        rows.push([limited, ready, started, ended, begin.elapsed()]);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let _ = Cgroup::existing(Path::new("/berth-measure")).remove();
    for (at, name) in ["cgroup", "created", "started", "ended", "removed"].iter().enumerate() {
        let mut all: Vec<_> = rows.iter().map(|row| row[at].as_micros()).collect();
        all.sort_unstable();
        println!("{name:>8}: median {:>6} us, best {:>6} us", all[all.len() / 2], all[0]);
    }
    drop(made);
    std::process::exit(0)
}
