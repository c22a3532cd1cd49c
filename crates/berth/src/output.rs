//! Everything that is written to the terminal goes through here.
//!
//! A reader that has gone away is success: `berth ps | head -1` ends quietly.

use std::io::{self, IsTerminal, Write};

use crate::failure::{Exit, Failure};

/// Writes to standard output.
///
/// # Errors
/// A broken pipe becomes a silent success; anything else is reported.
pub(crate) fn write(bytes: &[u8]) -> Result<(), Failure> {
    written(io::stdout().lock().write_all(bytes).and_then(|()| io::stdout().lock().flush()))
}

/// Writes one line to standard output.
///
/// # Errors
/// As [`write`].
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut whole = String::with_capacity(text.len() + 1);
    whole.push_str(text);
    whole.push('\n');
    write(whole.as_bytes())
}

/// Writes to standard error; nobody can be told when that fails.
pub(crate) fn error_bytes(bytes: &[u8]) {
    let _ = io::stderr().lock().write_all(bytes);
}

/// Writes one line to standard error.
pub(crate) fn note(text: &str) {
    error_bytes(format!("{text}\n").as_bytes());
}

/// Writes a warning to standard error.
pub(crate) fn warn(text: &str) {
    note(&format!("berth: warning: {text}"));
}

/// Whether standard output is a terminal.
pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether standard error is a terminal.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::silent(Exit::SUCCESS)),
        Err(error) => Err(Failure::new(format!("cannot write to standard output: {error}"))),
    }
}
