use std::path::PathBuf;

/// A command to execute in a running container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecSpec {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Further variables, `NAME=value`.
    pub env: Vec<String>,
    /// Working directory; none is the container's.
    pub working_dir: Option<PathBuf>,
    /// `user[:group]`; none is the container's.
    pub user: Option<String>,
    /// The command has a terminal.
    pub tty: bool,
    /// With every capability.
    pub privileged: bool,
    /// Standard input is sent.
    pub attach_stdin: bool,
    /// Standard output is received.
    pub attach_stdout: bool,
    /// Standard error is received.
    pub attach_stderr: bool,
    /// Key sequence that detaches, kept for `inspect`.
    pub detach_keys: Option<String>,
    /// First size of the terminal: columns, rows.
    pub console_size: Option<(u16, u16)>,
}

/// How a prepared command is started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExecStart {
    /// Do not attach.
    pub detach: bool,
    /// First size of the terminal: columns, rows.
    pub console_size: Option<(u16, u16)>,
}
