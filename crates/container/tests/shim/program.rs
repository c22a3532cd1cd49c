//! What runs in the containers.

use std::io::{self, IsTerminal, Read, Write};
use std::time::Duration;

/// Does what the words say and ends.
pub(crate) fn main(word: &str, mut args: impl Iterator<Item = String>) -> ! {
    let mut arg = || args.next().unwrap_or_default();
    match word {
        "exit" => std::process::exit(arg().parse().unwrap()),
        "echo" => print!("{}", arg()),
        "both" => {
            println!("{}", arg());
            eprintln!("{}", arg());
        }
        "cat" => drop(io::copy(&mut io::stdin(), &mut io::stdout())),
        "first-line" => {
            let mut line = String::new();
            io::stdin().read_line(&mut line).unwrap();
            print!("got {line}");
        }
        "flood" => flood(arg().parse().unwrap()),
        "sleep" => std::thread::sleep(Duration::from_secs(arg().parse().unwrap())),
        "terminal" => terminal(),
        "eat" => eat(),
        "inherited" => inherited(),
        "orphan" => orphan(),
        "volatile" => volatile(),
        other => panic!("unknown word {other}"),
    }
    io::stdout().flush().unwrap();
    std::process::exit(0)
}

/// Whether the root file system is volatile, where the kernel (5.10 on) knows that.
fn volatile() {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
    let old = rustix::system::uname().release().to_bytes().starts_with(b"5.4.");
    assert!(old || root.contains("volatile"), "{root}");
}

fn flood(bytes: usize) {
    let mut out = io::stdout().lock();
    for n in 0..bytes / 8 {
        writeln!(out, "{n:07}").unwrap();
    }
}

fn terminal() {
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal();
    let mut byte = [0];
    io::stdin().read_exact(&mut byte).unwrap();
    let size = rustix::termios::tcgetwinsize(io::stdout()).unwrap();
    println!("{is_terminal} {} {}", size.ws_row, size.ws_col);
}

/// Tells what came from whoever made this process.
fn inherited() {
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let open = open.map(|entry| entry.unwrap().file_name().into_string().unwrap().parse::<u32>().unwrap());
    // The highest is this very directory.
    let mut open: Vec<u32> = open.collect();
    open.sort_unstable();
    open.pop();
    println!("fds {open:?}");
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    for line in status.lines().filter(|line| line.starts_with("SigBlk") || line.starts_with("Umask")) {
        println!("{}", line.replace('\t', " "));
    }
    // Rust itself ignores one signal: SIGPIPE, 13. Some runtimes leave the C library's 32 ignored.
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
    println!("ignored {:x}", u64::from_str_radix(ignored, 16).unwrap() & !(1 << 12 | 1 << 31));
    println!("oom {}", std::fs::read_to_string("/proc/self/oom_score_adj").unwrap().trim());
    println!("session {}", rustix::process::getsid(None).unwrap() == rustix::process::getpid());
}

/// Uses memory until it is killed.
fn eat() {
    let mut eaten = Vec::new();
    loop {
        eaten.push(vec![1u8; 1 << 20]);
    }
}

/// Leaves a process behind that holds the output open.
#[allow(clippy::zombie_processes)]
fn orphan() {
    std::process::Command::new("/box").args(["sleep", "60"]).spawn().unwrap();
    println!("left");
}
