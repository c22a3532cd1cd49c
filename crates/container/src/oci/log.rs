//! The log file that engines read errors from.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::OciError;
use super::options::Global;

/// Where messages go.
#[derive(Debug)]
pub(super) struct Log {
    file: Option<Mutex<File>>,
    json: bool,
    debug: bool,
}

impl Log {
    /// No log at all.
    pub(super) fn none() -> Self {
        Self { file: None, json: false, debug: false }
    }

    pub(super) fn open(global: &Global) -> Result<Self, OciError> {
        let open = |path: &std::path::PathBuf| {
            let file = File::options().create(true).append(true).open(path);
            file.map(Mutex::new).map_err(OciError::file("open the log", path))
        };
        Ok(Self {
            file: global.log.as_ref().map(open).transpose()?,
            json: global.log_json,
            debug: global.debug,
        })
    }

    pub(super) fn error(&self, text: &str) {
        self.write("error", text);
    }

    /// Without a log, a warning goes to a terminal on standard error; any other standard error is the container's.
    pub(super) fn warn(&self, text: &str) {
        if self.file.is_none() && std::io::stderr().is_terminal() {
            let _ = writeln!(std::io::stderr(), "warning: {text}");
        }
        self.write("warning", text);
    }

    pub(super) fn debug(&self, text: &str) {
        if self.debug {
            self.write("debug", text);
        }
    }

    fn write(&self, level: &str, text: &str) {
        let Some(Ok(mut file)) = self.file.as_ref().map(Mutex::lock) else { return };
        let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        let line = match self.json {
            true => json!({"level": level, "msg": text, "time": now}).to_string(),
            false => format!("time={now:?} level={level} msg={text:?}"),
        };
        // A log that cannot be written must not keep a container from running.
        let _ = writeln!(file, "{line}");
    }
}
