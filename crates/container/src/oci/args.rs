//! Command line flags in the manner of runc: `--flag value`, `--flag=value`, `-f value`, one dash or two.

use super::error::OciError;

/// A flag that a command knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flag {
    /// Its name.
    pub name: &'static str,
    /// Its one-letter name, or `'\0'`.
    pub short: char,
    /// Whether it takes a value.
    pub value: bool,
}

/// A flag without value.
pub(super) const fn switch(name: &'static str, short: char) -> Flag {
    Flag { name, short, value: false }
}

/// A flag with a value.
pub(super) const fn value(name: &'static str, short: char) -> Flag {
    Flag { name, short, value: true }
}

/// The flags and arguments that were given.
#[derive(Debug, Default)]
pub(super) struct Args {
    flags: Vec<(&'static str, String)>,
    /// What is not a flag.
    pub positional: Vec<String>,
}

impl Args {
    /// Parses flags and arguments in any order.
    pub(super) fn parse(args: Vec<String>, known: &[Flag]) -> Result<Self, OciError> {
        let mut parsed = Self::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            if arg == "--" {
                parsed.positional.extend(args);
                break;
            }
            parsed.take(arg, &mut args, known)?;
        }
        Ok(parsed)
    }

    /// Parses flags up to the first argument; all that follows is left as it is.
    pub(super) fn parse_until_id(args: Vec<String>, known: &[Flag]) -> Result<Self, OciError> {
        let mut parsed = Self::default();
        let mut args = args.into_iter();
        while parsed.positional.is_empty() {
            match args.next() {
                None => return Ok(parsed),
                Some(arg) if arg == "--" => break,
                Some(arg) => parsed.take(arg, &mut args, known)?,
            }
        }
        let rest: Vec<String> = args.collect();
        // `exec ID -- command` is as good as `exec ID command`.
        let skip = usize::from(parsed.positional.len() == 1 && rest.first().is_some_and(|arg| arg == "--"));
        parsed.positional.extend(rest.into_iter().skip(skip));
        Ok(parsed)
    }

    fn take(
        &mut self,
        arg: String,
        more: &mut impl Iterator<Item = String>,
        known: &[Flag],
    ) -> Result<(), OciError> {
        let Some(body) =
            arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|body| !body.is_empty())
        else {
            self.positional.push(arg);
            return Ok(());
        };
        let (name, inline) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (body, None),
        };
        let is_short = |flag: &Flag| name.len() == 1 && name.starts_with(flag.short);
        let flag = known.iter().find(|flag| flag.name == name || is_short(flag));
        let flag = flag.ok_or_else(|| OciError::UnknownFlag(arg.clone()))?;
        let text = match (flag.value, inline) {
            (true, None) => more.next().ok_or(OciError::MissingValue(flag.name))?,
            (_, Some(text)) => text,
            (false, None) => "true".to_owned(),
        };
        self.flags.push((flag.name, text));
        Ok(())
    }

    /// The last value of a flag.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// All values of a flag.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.flags.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a switch is on.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value != "false")
    }

    /// The value of a flag as a number.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, OciError> {
        let parse =
            |text: &str| text.parse().map_err(|_| OciError::BadValue { flag: name, value: text.to_owned() });
        self.get(name).map(parse).transpose()
    }

    /// The container's id, which comes first.
    pub(super) fn id(&self) -> Result<&str, OciError> {
        self.positional.first().map(String::as_str).ok_or(OciError::MissingId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Flag] = &[value("bundle", 'b'), switch("detach", 'd'), value("env", 'e')];

    fn strings(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn every_spelling_of_a_flag_is_understood() {
        for text in ["--bundle x id", "--bundle=x id", "-b x id", "-bundle x id", "-b=x id", "id --bundle x"]
        {
            let args = Args::parse(strings(text), KNOWN).unwrap();
            assert_eq!((args.get("bundle"), args.id().unwrap()), (Some("x"), "id"), "{text}");
        }
    }

    #[test]
    fn flags_of_the_command_to_run_are_its_own() {
        let args = Args::parse_until_id(strings("-e A=1 --env B=2 -d id ls -l -d"), KNOWN).unwrap();
        assert_eq!(args.positional, ["id", "ls", "-l", "-d"]);
        assert_eq!(args.all("env").collect::<Vec<_>>(), ["A=1", "B=2"]);
        assert!(args.is_set("detach"));
        let args = Args::parse_until_id(strings("id -- ls --"), KNOWN).unwrap();
        assert_eq!(args.positional, ["id", "ls", "--"]);
    }

    #[test]
    fn mistakes_are_told() {
        assert!(matches!(Args::parse(strings("--nope"), KNOWN), Err(OciError::UnknownFlag(_))));
        assert!(matches!(Args::parse(strings("--bundle"), KNOWN), Err(OciError::MissingValue("bundle"))));
        let args = Args::parse(strings("--bundle x --detach=false"), KNOWN).unwrap();
        assert!(!args.is_set("detach"));
        assert!(args.number::<u32>("bundle").is_err() && args.id().is_err());
    }
}
