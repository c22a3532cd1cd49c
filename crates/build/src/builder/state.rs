//! A stage while it is built: the image so far, and the values its instructions see. Pure.

use std::collections::{BTreeMap, BTreeSet};

use image::{HistoryEntry, ImageConfig, LayerId};

use crate::dockerfile::{ArgDefault, Command};
use crate::expand::{self, ExpandError};

/// What the builder writes in the comment of its history entries.
const COMMENT: &str = "berth.dockerfile";

/// The search path where an image sets none.
pub(super) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Arguments that may be given without being declared, and do not take part in cache keys.
const PROXIES: [&str; 5] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/// The image a stage has become so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// Configuration and history; the layers are apart.
    pub(crate) image: ImageConfig,
    /// Lowest first.
    pub(crate) layers: Vec<LayerId>,
    /// Declared arguments that have a value.
    pub(crate) args: BTreeMap<String, String>,
    /// History entries that came with the base image.
    pub(crate) inherited: usize,
    /// Names of `--build-arg`s that were of use.
    pub(crate) consumed: BTreeSet<String>,
    /// This stage has its own `CMD`.
    pub(crate) cmd_is_own: bool,
}

/// Values from outside the stage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    /// `--build-arg`
    pub(crate) build_args: &'a BTreeMap<String, Option<String>>,
    /// Arguments declared before the first `FROM`, and the platform's.
    pub(crate) globals: &'a BTreeMap<String, String>,
    /// The file's escape character.
    pub(crate) escape: char,
}

impl State {
    /// A stage that begins with an image.
    pub(crate) fn of_image(image: &image::Image) -> Self {
        let inherited = image.config.history.len();
        Self { image: image.config.clone(), layers: image.layers.clone(), inherited, ..Self::default() }
    }

    /// A stage that begins with nothing.
    pub(crate) fn scratch() -> Self {
        let mut state = Self::default();
        state.image.os = "linux".to_owned();
        state.image.architecture = crate::platform::architecture().to_owned();
        state.image.config.env.push(format!("PATH={DEFAULT_PATH}"));
        state
    }

    /// A stage that begins with another one.
    pub(crate) fn of_stage(other: &Self) -> Self {
        Self { cmd_is_own: false, ..other.clone() }
    }

    /// Replaces variables and quotes.
    pub(crate) fn expand(&self, text: &str, escape: char) -> Result<String, ExpandError> {
        expand::word(text, escape, &|name| self.variable(name))
    }

    /// The value of a variable: the environment hides arguments.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let env = self.image.config.env.iter().filter_map(|entry| entry.split_once('='));
        let mut own = env.filter(|(own, _)| *own == name).map(|(_, value)| value.to_owned());
        own.next().or_else(|| self.args.get(name).cloned())
    }

    /// `ENV`: all values see the environment before the instruction.
    pub(crate) fn set_env(&mut self, pairs: Vec<(String, String)>) {
        for (name, value) in pairs {
            let entry = format!("{name}={value}");
            let env = &mut self.image.config.env;
            match env.iter_mut().find(|own| own.split_once('=').is_some_and(|(own, _)| own == name)) {
                Some(own) => *own = entry,
                None => env.push(entry),
            }
        }
    }

    /// `ARG`: the value given, the default, or that of the same name before the first `FROM`.
    pub(crate) fn declare(&mut self, argument: &ArgDefault, given: Given<'_>) -> Result<(), ExpandError> {
        let name = &argument.name;
        let from_outside = given.build_args.get(name).cloned().flatten();
        if from_outside.is_some() {
            self.consumed.insert(name.clone());
        }
        let value = match (from_outside, &argument.value) {
            (Some(value), _) => Some(value),
            (None, Some(default)) => Some(self.expand(default, given.escape)?),
            (None, None) => given.globals.get(name).cloned(),
        };
        if let Some(value) = value {
            self.args.insert(name.clone(), value);
        }
        Ok(())
    }

    /// The environment of a `RUN`: arguments, then the image's own.
    pub(crate) fn run_env(&self) -> Vec<String> {
        let config = &self.image.config.env;
        let is_set =
            |name: &str| config.iter().any(|entry| entry.split_once('=').is_some_and(|(own, _)| own == name));
        let args =
            self.args.iter().filter(|(name, _)| !is_set(name)).map(|(name, value)| format!("{name}={value}"));
        args.chain(config.iter().cloned()).collect()
    }

    /// Proxy settings that were given without being declared.
    pub(crate) fn proxies(&self, given: Given<'_>) -> Vec<String> {
        let is_proxy = |name: &str| PROXIES.iter().any(|proxy| proxy.eq_ignore_ascii_case(name));
        let undeclared =
            given.build_args.iter().filter(|(name, _)| is_proxy(name) && self.variable(name).is_none());
        undeclared.filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))).collect()
    }

    /// A command as a list of words: the shell form is wrapped in the stage's shell.
    pub(crate) fn argv(&self, command: &Command) -> Vec<String> {
        match command {
            Command::Exec(words) => words.clone(),
            Command::Shell(line) => {
                let mut argv =
                    self.image.config.shell.clone().unwrap_or_else(|| vec!["/bin/sh".into(), "-c".into()]);
                argv.push(line.clone());
                argv
            }
        }
    }

    /// Notes a step; `layer` says when and what it made, if it made one.
    pub(crate) fn note(&mut self, created_by: String, layer: Option<(String, Option<LayerId>)>) {
        let (created, layer) = layer.map_or((None, None), |(created, layer)| (Some(created), layer));
        self.image.history.push(HistoryEntry {
            created,
            created_by: Some(created_by),
            comment: Some(COMMENT.to_owned()),
            empty_layer: layer.is_none(),
            ..HistoryEntry::default()
        });
        self.layers.extend(layer);
    }

    /// Gives every step of this build that has no time of its own, and the image itself, the time `created`.
    pub(crate) fn date(&mut self, created: &str) {
        for entry in self.image.history.iter_mut().skip(self.inherited) {
            entry.created.get_or_insert_with(|| created.to_owned());
        }
        self.image.created = Some(created.to_owned());
    }
}

/// Whether an argument is of use to every build without being declared.
pub(super) fn is_predefined(name: &str) -> bool {
    PROXIES.iter().any(|proxy| proxy.eq_ignore_ascii_case(name)) || name == "SOURCE_DATE_EPOCH"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arg(name: &str, value: Option<&str>) -> ArgDefault {
        ArgDefault { name: name.into(), value: value.map(str::to_owned) }
    }

    #[test]
    fn the_environment_hides_arguments() {
        let build_args = BTreeMap::from([("A".to_owned(), Some("given".to_owned())), ("N".to_owned(), None)]);
        let globals = BTreeMap::from([("G".to_owned(), "global".to_owned())]);
        let given = Given { build_args: &build_args, globals: &globals, escape: '\\' };
        let mut state = State::scratch();
        for argument in [arg("A", Some("default")), arg("B", Some("$A-b")), arg("G", None), arg("N", None)] {
            state.declare(&argument, given).unwrap();
        }
        state.set_env(vec![("B".into(), "env".into()), ("PATH".into(), "/bin".into())]);
        assert_eq!(state.run_env(), ["A=given", "G=global", "PATH=/bin", "B=env"]);
        assert_eq!(state.expand("$A $B $G $N", '\\').unwrap(), "given env global ");
        assert!(state.consumed.contains("A"));
    }

    #[test]
    fn undeclared_proxies_are_passed_on() {
        let build_args =
            BTreeMap::from([("http_proxy".to_owned(), Some("p".to_owned())), ("X".to_owned(), None)]);
        let given = Given { build_args: &build_args, globals: &BTreeMap::new(), escape: '\\' };
        let mut state = State::scratch();
        assert_eq!(state.proxies(given), ["http_proxy=p"]);
        state.declare(&arg("http_proxy", None), given).unwrap();
        assert_eq!(state.proxies(given), [""; 0]);
    }

    #[test]
    fn only_own_steps_are_dated() {
        let mut state = State::scratch();
        state.note("base".into(), None);
        state.inherited = 1;
        state.note("ENV a=b".into(), None);
        state.note("RUN x".into(), Some(("then".into(), None)));
        state.date("now");
        let times: Vec<_> = state.image.history.iter().map(|entry| entry.created.as_deref()).collect();
        assert_eq!(times, [None, Some("now"), Some("then")]);
    }
}
