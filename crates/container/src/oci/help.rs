//! What the runtime says about itself.

use std::io::{self, Write};

use super::error::OciError;

const OVERVIEW: &str = "\
berth oci - an OCI runtime with runc's command line

Usage: berth oci [--root DIR] [--log FILE] [--log-format text|json] [--systemd-cgroup] COMMAND …

  create [--bundle DIR] [--console-socket PATH] [--pid-file FILE] [--no-pivot] [--preserve-fds N] ID
  start ID                        execute the program of a created container
  run [create's flags] [--detach] [--keep] ID
  state ID                        its state as JSON
  kill [--all] ID [SIGNAL]
  delete [--force] ID
  exec [--tty] [--cwd DIR] [--env K=V] [--user U[:G]] [--process FILE] [--detach] ID COMMAND …
  list [--format table|json] [--quiet]
  ps [--format table|json] ID [ps options]
  pause ID | resume ID
  update [--resources FILE] [--memory N] [--cpu-shares N] [--pids-limit N] … ID
  events [--stats] [--interval 5s] ID
  features                        what this runtime and this kernel can do, as JSON
  spec [--bundle DIR]             write a config.json to begin with
";

/// Writes to standard output; a reader that has gone away is no failure.
pub(super) fn print(text: &str) -> Result<i32, OciError> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(OciError::system("write the answer")(error))
        }
        _ => Ok(0),
    }
}

pub(super) fn overview() -> Result<i32, OciError> {
    print(OVERVIEW)
}

pub(super) fn version() -> Result<i32, OciError> {
    print(&format!("berth version {}\nspec: 1.2.0\n", env!("CARGO_PKG_VERSION")))
}
