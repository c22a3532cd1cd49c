//! `HEALTHCHECK`

use std::time::Duration;

use super::{Arguments, Result, command};
use crate::dockerfile::duration;
use crate::dockerfile::error::ParseErrorKind;
use crate::dockerfile::flags::Flags;
use crate::dockerfile::instruction::{Healthcheck, HealthcheckTest};

const FLAGS: [&str; 5] = ["interval", "timeout", "start-period", "start-interval", "retries"];

pub(super) fn healthcheck(arguments: &Arguments<'_>) -> Result<Healthcheck> {
    let (mut flags, rest) = arguments.flags()?;
    let mut time = |name| duration(&mut flags, name);
    let (interval, timeout) = (time("interval")?, time("timeout")?);
    let (start_period, start_interval) = (time("start-period")?, time("start-interval")?);
    let retries = flags.parsed("retries", "a number of at least 1", |text| {
        text.parse().ok().filter(|retries| (1..=i32::MAX as u32).contains(retries))
    })?;
    flags.finish(&FLAGS)?;
    Ok(Healthcheck { test: test(rest)?, interval, timeout, start_period, start_interval, retries })
}

fn duration(flags: &mut Flags, name: &str) -> Result<Option<Duration>> {
    flags.parsed(name, "a duration of at least 1ms, such as 30s or 1m30s", |text| {
        duration::parse(text).filter(|time| time.is_zero() || *time >= Duration::from_millis(1))
    })
}

fn test(rest: &str) -> Result<HealthcheckTest> {
    let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let rest = rest.trim();
    match word.to_ascii_uppercase().as_str() {
        "NONE" if rest.is_empty() => Ok(HealthcheckTest::None),
        "NONE" => Err(ParseErrorKind::TooMany { instruction: "HEALTHCHECK NONE", takes: "no arguments" }),
        "CMD" if rest.is_empty() || rest == "[]" => {
            Err(ParseErrorKind::Missing { instruction: "HEALTHCHECK CMD", needs: "a command" })
        }
        "CMD" => Ok(HealthcheckTest::Command(command(rest))),
        _ => Err(ParseErrorKind::HealthcheckForm { word: word.to_owned() }),
    }
}
