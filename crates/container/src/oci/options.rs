//! What stands before the command.

use std::path::PathBuf;

use super::args::{Args, Flag, switch, value};
use super::error::OciError;

const DEFAULT_ROOT: &str = "/run/berth/oci";

/// The global flags.
#[derive(Debug)]
pub(super) struct Global {
    pub root: PathBuf,
    pub log: Option<PathBuf>,
    pub log_json: bool,
    pub debug: bool,
    pub systemd_cgroup: bool,
    pub version: bool,
}

const KNOWN: &[Flag] = &[
    switch("debug", '\0'),
    value("log", '\0'),
    value("log-format", '\0'),
    value("root", '\0'),
    value("criu", '\0'),
    switch("systemd-cgroup", '\0'),
    value("rootless", '\0'),
    switch("help", 'h'),
    switch("version", 'v'),
];

impl Global {
    /// Splits the command line into what is global and the rest, from the command on.
    pub(super) fn parse(args: Vec<String>) -> Result<(Self, Vec<String>), OciError> {
        let args = Args::parse_until_id(args, KNOWN)?;
        let global = Self {
            root: PathBuf::from(args.get("root").unwrap_or(DEFAULT_ROOT)),
            log: args.get("log").map(PathBuf::from).filter(|path| !path.as_os_str().is_empty()),
            log_json: match args.get("log-format") {
                None | Some("text" | "") => false,
                Some("json") => true,
                Some(other) => {
                    return Err(OciError::BadValue { flag: "log-format", value: other.to_owned() });
                }
            },
            debug: args.is_set("debug"),
            systemd_cgroup: args.is_set("systemd-cgroup"),
            version: args.is_set("version"),
        };
        let mut rest = args.positional.clone();
        if global.version {
            rest = vec!["version".to_owned()];
        }
        Ok((global, rest))
    }
}
