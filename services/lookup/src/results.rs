//! The file of results: one JSON line for each task whose paste was made.
//!
//! Guarantees: a record that was reported as saved is on disk; no id is in the file twice, also when several workers
//! share it; a line that a crash tore is removed before the next is written.

mod file;
mod index;
mod writer;

pub(crate) use writer::{Saved, Writer};

use serde::{Deserialize, Serialize};

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The task.
    pub(crate) id: String,
    /// Where its result is.
    pub(crate) url: String,
}

/// Reads the complete and sound lines of a results file.
pub(crate) fn read(path: &std::path::Path) -> std::io::Result<impl Iterator<Item = std::io::Result<Record>>> {
    use std::io::BufRead as _;
    let lines = std::io::BufReader::new(std::fs::File::open(path)?).split(b'\n');
    Ok(lines.filter_map(|line| line.map(|line| serde_json::from_slice(&line).ok()).transpose()))
}
