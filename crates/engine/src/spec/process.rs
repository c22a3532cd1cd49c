use serde::{Deserialize, Serialize};

/// One environment variable of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnvVar {
    /// `NAME=value`
    Set(String, String),
    /// `NAME`: the image's variable is removed.
    Unset(String),
}

impl EnvVar {
    /// Reads `NAME=value` or `NAME`.
    pub fn parse(text: &str) -> Self {
        match text.split_once('=') {
            Some((name, value)) => Self::Set(name.to_owned(), value.to_owned()),
            None => Self::Unset(text.to_owned()),
        }
    }
}

/// Terminal and standard streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamSettings {
    /// The process has a terminal.
    pub tty: bool,
    /// Standard input stays open for clients.
    pub open_stdin: bool,
    /// Standard input ends when the first client leaves.
    pub stdin_once: bool,
    /// Docker's `AttachStdin`, kept for `inspect`.
    pub attach_stdin: bool,
    /// Docker's `AttachStdout`, kept for `inspect`.
    pub attach_stdout: bool,
    /// Docker's `AttachStderr`, kept for `inspect`.
    pub attach_stderr: bool,
    /// First size of the terminal: columns, rows.
    pub console_size: Option<(u16, u16)>,
}
