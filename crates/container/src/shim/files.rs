//! The shim's files in its run directory, which is its working directory.

use std::io;

use serde::Serialize;

use crate::protocol::{EXIT_FILE, ExitRecord, STATE_FILE, State};

/// Writes the state of a created container.
pub(super) fn write_state(state: &State) -> io::Result<()> {
    write(STATE_FILE, state)
}

/// Writes how the container ended; replaces an earlier record.
pub(super) fn write_exit(record: &ExitRecord) -> io::Result<()> {
    write(EXIT_FILE, record)
}

/// Writes down why the shim ends before its time, there being no other place to say it.
pub(super) fn write_panic(message: &str) {
    let _ = std::fs::write("shim.panic", message);
}

/// A reader sees the whole file or none.
fn write(name: &str, content: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec(content)?;
    let unfinished = format!("{name}.new");
    std::fs::write(&unfinished, text)?;
    std::fs::rename(unfinished, name)
}
