use serde::{Deserialize, Serialize};

/// Where a container's output goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogConfig {
    /// How it is kept.
    pub driver: LogDriver,
    /// Size in bytes at which the file is rotated; none never rotates.
    pub max_size: Option<u64>,
    /// Files kept, the current one included; at least 1.
    pub max_file: u32,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { driver: LogDriver::JsonFile, max_size: None, max_file: 1 }
    }
}

/// How output is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogDriver {
    /// Docker's json-file format beside the container's record.
    #[default]
    JsonFile,
    /// Output goes to attached clients only.
    None,
}
