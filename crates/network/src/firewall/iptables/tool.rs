//! Running `iptables-restore` and `iptables-save`.

use std::io::{self, Write};
use std::process::{Command, Output, Stdio};

use super::Protocol;

/// A working set of programs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tool {
    /// What stands between `ip[6]tables` and `-restore`: nothing, `-legacy` or `-nft`.
    variant: &'static str,
    /// Whether `-restore` can wait for others that change rules at the same time (since 1.6.2).
    waits: bool,
}

impl Tool {
    /// The first variant that can do nothing at all without an error.
    pub(super) fn find(variants: &[&'static str]) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for variant in variants {
            for waits in [true, false] {
                let tool = Self { variant, waits };
                match tool.restore(Protocol::Ipv4, "*filter\nCOMMIT\n*nat\nCOMMIT\n") {
                    Ok(()) => return Ok(tool),
                    Err(error) => last = error,
                }
            }
        }
        Err(last)
    }

    /// What is run to change rules.
    pub(super) fn name(&self) -> String {
        format!("iptables{}-restore", self.variant)
    }

    /// Applies a text in the format of `iptables-restore`, keeping what it does not mention.
    pub(super) fn restore(&self, protocol: Protocol, text: &str) -> io::Result<()> {
        let mut command = self.command(protocol, "restore");
        command.arg("--noflush");
        if self.waits {
            command.args(["-w", "10"]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // It may have ended already; then its exit says why.
            let _ = input.write_all(text.as_bytes());
        }
        checked(&command, child.wait_with_output()?).map(|_| ())
    }

    /// All rules in the format of `iptables-save`.
    pub(super) fn save(&self, protocol: Protocol) -> io::Result<String> {
        let mut command = self.command(protocol, "save");
        let output = command.stdin(Stdio::null()).output()?;
        checked(&command, output)
    }

    fn command(&self, protocol: Protocol, verb: &str) -> Command {
        let program = match protocol {
            Protocol::Ipv4 => "iptables",
            Protocol::Ipv6 => "ip6tables",
        };
        Command::new(format!("{program}{}-{verb}", self.variant))
    }
}

fn checked(command: &Command, output: Output) -> io::Result<String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let program = command.get_program().to_string_lossy().into_owned();
    let words = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(io::Error::other(format!("{program}: {words}")))
}
