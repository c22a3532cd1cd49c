//! `berth -f FILE ps` means `berth compose -f FILE ps`: who chooses a project means a project.

use std::ffi::OsString;

/// Flags that choose a project.
const PROJECT: &[&str] =
    &["-f", "--file", "-p", "--project-name", "--project-directory", "--profile", "--env-file"];
/// Other flags before the command that take a value.
const VALUED: &[&str] = &["--root", "--run", "-H", "--host", "--context", "--log-level"];
/// Words that are a group or that mean the same in a project and outside.
const NOT_IN_A_PROJECT: &[&str] = &["compose", "help"];

/// Inserts `compose` before the command when a flag before it chooses a project.
pub(super) fn project_form(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.collect();
    if let Some(at) = place_for_compose(&args) {
        args.insert(at, "compose".into());
    }
    args
}

fn place_for_compose(args: &[OsString]) -> Option<usize> {
    let mut project = false;
    let mut at = 1;
    while let Some(arg) = args.get(at) {
        let arg = arg.to_string_lossy();
        if !arg.starts_with('-') || arg == "-" {
            return (project && !NOT_IN_A_PROJECT.contains(&arg.as_ref())).then_some(at);
        }
        let name =
            if arg.starts_with("--") { arg.split('=').next().unwrap_or_default() } else { arg.get(..2)? };
        let known = |flags: &[&str]| flags.contains(&name);
        project |= known(PROJECT);
        let takes_next = (known(PROJECT) || known(VALUED)) && name.len() == arg.len();
        at += if takes_next { 2 } else { 1 };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(line: &str) -> String {
        let args = line.split(' ').map(OsString::from);
        let args: Vec<_> = project_form(args).into_iter().map(|a| a.into_string().unwrap()).collect();
        args.join(" ")
    }

    #[test]
    fn a_flag_that_chooses_a_project_makes_the_command_composes() {
        assert_eq!(form("berth -f a.yaml ps -a"), "berth -f a.yaml compose ps -a");
        assert_eq!(
            form("berth --root /r -fa.yaml --profile=x up"),
            "berth --root /r -fa.yaml --profile=x compose up"
        );
    }

    #[test]
    fn flags_after_the_command_and_other_flags_choose_nothing() {
        assert_eq!(form("berth logs -f web"), "berth logs -f web");
        assert_eq!(form("berth --root=/r -H s ps"), "berth --root=/r -H s ps");
        assert_eq!(form("berth -p x compose ps"), "berth -p x compose ps");
        assert_eq!(form("berth -p"), "berth -p");
    }
}
