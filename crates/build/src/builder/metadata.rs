//! Instructions that change the configuration alone. Pure.

use image::{Empty, Healthcheck as HealthConfig};

use super::state::{Given, State};
use crate::dockerfile::{Command, Healthcheck, HealthcheckTest, Kind};
use crate::error::StepError;
use crate::expand;

/// Applies an instruction and gives the text for the history; `None` if it is not one of those.
pub(super) fn apply(state: &mut State, kind: &Kind, given: Given<'_>) -> Result<Option<String>, StepError> {
    let escape = given.escape;
    let created_by = match kind {
        Kind::Env(pairs) => {
            let pairs = expand_pairs(state, pairs, escape)?;
            state.set_env(pairs.clone());
            format!("ENV {}", join(&pairs))
        }
        Kind::Label(pairs) => {
            let pairs = expand_pairs(state, pairs, escape)?;
            state.image.config.labels.extend(pairs.iter().cloned());
            format!("LABEL {}", join(&pairs))
        }
        Kind::Arg(arguments) => {
            arguments.iter().try_for_each(|argument| state.declare(argument, given))?;
            let shown =
                |name: &String| state.args.get(name).map_or(name.clone(), |value| format!("{name}={value}"));
            let words: Vec<_> = arguments.iter().map(|argument| shown(&argument.name)).collect();
            format!("ARG {}", words.join(" "))
        }
        Kind::User(user) => {
            let user = state.expand(user, escape)?;
            let invalid = user.is_empty() || user.contains(char::is_whitespace);
            let user = valid(user, !invalid, "a user: name[:group] or uid[:gid]")?;
            state.image.config.user.clone_from(&user);
            format!("USER {user}")
        }
        Kind::Expose(ports) => {
            let ports = expose(state, ports, escape)?;
            let text = format!("EXPOSE {}", ports.join(" "));
            state.image.config.exposed_ports.extend(ports.into_iter().map(|port| (port, Empty {})));
            text
        }
        Kind::Volume(paths) => {
            let paths = paths.iter().map(|path| state.expand(path, escape)).collect::<Result<Vec<_>, _>>()?;
            let text = format!("VOLUME {}", json(&paths));
            state.image.config.volumes.extend(paths.into_iter().map(|path| (path, Empty {})));
            text
        }
        Kind::StopSignal(signal) => {
            let signal = state.expand(signal, escape)?;
            let known = is_signal(&signal);
            let signal = valid(signal, known, "a signal")?;
            state.image.config.stop_signal = Some(signal.clone());
            format!("STOPSIGNAL {signal}")
        }
        Kind::Shell(words) => {
            state.image.config.shell = Some(words.clone());
            format!("SHELL {}", json(words))
        }
        Kind::Cmd(command) => {
            let argv = stored(state, command);
            let text = format!("CMD {}", json(&argv));
            state.image.config.cmd = Some(argv);
            state.cmd_is_own = true;
            text
        }
        Kind::Entrypoint(command) => {
            let argv = stored(state, command);
            let text = format!("ENTRYPOINT {}", json(&argv));
            state.image.config.entrypoint = Some(argv);
            // The base image's arguments were meant for the base image's program.
            if !state.cmd_is_own {
                state.image.config.cmd = None;
            }
            text
        }
        Kind::Healthcheck(check) => {
            let config = health(check);
            let text = format!("HEALTHCHECK {}", json(&config.test));
            state.image.config.healthcheck = Some(config);
            text
        }
        Kind::Onbuild(trigger) => {
            state.image.config.on_build.push(trigger.clone());
            format!("ONBUILD {trigger}")
        }
        Kind::Maintainer(name) => {
            state.image.author = Some(name.clone());
            format!("MAINTAINER {name}")
        }
        Kind::From(_) | Kind::Run(_) | Kind::Copy(_) | Kind::Add(_) | Kind::Workdir(_) => return Ok(None),
    };
    Ok(Some(created_by))
}

type Pairs = Vec<(String, String)>;

fn expand_pairs(state: &State, pairs: &Pairs, escape: char) -> Result<Pairs, StepError> {
    let expand = |(name, value): &(String, String)| -> Result<_, StepError> {
        let name = state.expand(name, escape)?;
        let named = !name.is_empty();
        Ok((valid(name, named, "a name")?, state.expand(value, escape)?))
    };
    pairs.iter().map(expand).collect()
}

fn join(pairs: &Pairs) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

fn json(words: &[String]) -> String {
    serde_json::to_string(words).unwrap_or_default()
}

/// A command as the configuration stores it.
fn stored(state: &State, command: &Command) -> Vec<String> {
    state.argv(command)
}

fn valid(value: String, is_valid: bool, expected: &'static str) -> Result<String, StepError> {
    if is_valid { Ok(value) } else { Err(StepError::Value { value, expected }) }
}

/// `80`, `80/udp`, `8000-8010/tcp` to single ports with their protocol.
fn expose(state: &State, ports: &[String], escape: char) -> Result<Vec<String>, StepError> {
    let mut found = Vec::new();
    for port in ports {
        for word in expand::words(port, escape, &|name| state.variable(name))? {
            let single = port_range(&word);
            let known = single.is_some();
            valid(word, known, "a port: number[-number][/tcp|/udp|/sctp]")?;
            found.extend(single.unwrap_or_default());
        }
    }
    Ok(found)
}

fn port_range(word: &str) -> Option<Vec<String>> {
    let (numbers, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    let known = matches!(protocol.as_str(), "tcp" | "udp" | "sctp") && first > 0 && first <= last;
    known.then(|| (first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

/// A number or a name, with or without `SIG`.
fn is_signal(text: &str) -> bool {
    const NAMES: [&str; 34] = [
        "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL",
        "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP",
        "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
    ];
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |text: &str| text.parse::<u8>().is_ok_and(|offset| offset <= 30);
    text.parse::<u8>().is_ok_and(|number| (1..=64).contains(&number))
        || NAMES.contains(&name)
        || matches!(name, "RTMIN" | "RTMAX")
        || name.strip_prefix("RTMIN+").is_some_and(real_time)
        || name.strip_prefix("RTMAX-").is_some_and(real_time)
}

fn health(check: &Healthcheck) -> HealthConfig {
    let nanos = |time: Option<std::time::Duration>| {
        time.map_or(0, |time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
    };
    let test = match &check.test {
        HealthcheckTest::None => vec!["NONE".to_owned()],
        HealthcheckTest::Command(Command::Shell(line)) => vec!["CMD-SHELL".to_owned(), line.clone()],
        HealthcheckTest::Command(Command::Exec(words)) => [vec!["CMD".to_owned()], words.clone()].concat(),
    };
    HealthConfig {
        test,
        interval: nanos(check.interval),
        timeout: nanos(check.timeout),
        start_period: nanos(check.start_period),
        start_interval: nanos(check.start_interval),
        retries: check.retries.unwrap_or(0).into(),
    }
}

#[cfg(test)]
#[path = "metadata_tests.rs"]
mod tests;
