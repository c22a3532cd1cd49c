use crate::Outcome;
use std::{path::PathBuf, process::Command};

/// A network namespace of a test. Its uplink leads nowhere (both its ends are inside, and nobody answers for the gateway),
/// so that no packet of a test leaves the machine.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Makes one.
    ///
    /// # Panics
    /// When it cannot be made (not root, no iproute2).
    pub fn new(name: &str) -> Self {
        ip(&["netns", "add", name]);
        let made = Self { name: name.to_owned() };
        for line in [
            "link set lo up",
            "link add uplink0 type veth peer name uplink1",
            "link set uplink1 up",
            "addr add 198.51.100.2/24 dev uplink0",
            "link set uplink0 mtu 1400 up",
            "route add default via 198.51.100.1",
            "route add unreachable 10.0.0.0/8 metric 4294967295",
            "route add unreachable 172.16.0.0/12 metric 4294967295",
            "route add unreachable 192.168.0.0/16 metric 4294967295",
        ] {
            let arguments: Vec<&str> = ["-n", name].into_iter().chain(line.split(' ')).collect();
            ip(&arguments);
        }
        made
    }

    /// Its path, which `setns` takes.
    pub fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }

    /// A command that runs inside.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path().display())).arg("--").arg(program);
        command
    }

    /// Moves the calling thread inside, for clients that run in the test itself.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn enter(&self) {
        Self::enter_path(&self.path());
    }

    /// As [`Netns::enter`], for a thread that has the path only.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn enter_path(path: &std::path::Path) {
        let file = std::fs::File::open(path).expect("the namespace is there");
        let kind = Some(rustix::thread::LinkNameSpaceType::Network);
        rustix::thread::move_into_link_name_space(std::os::fd::AsFd::as_fd(&file), kind)
            .expect("root may enter a network namespace");
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

fn ip(arguments: &[&str]) {
    Outcome::of(Command::new("ip").args(arguments)).ok();
}
