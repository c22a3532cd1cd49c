//! `login` and `logout`.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use clap::Args;
use registry::credentials::Credentials;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::credentials;
use crate::cli::{Context, Run, Verb, verb};
use crate::client::Call;
use crate::failure::{Exit, Failure, Outcome};
use crate::output;

/// The command `login`.
pub(crate) const LOGIN: Verb = verb::<Login>("login", "Give name and password for a registry");
/// The command `logout`.
pub(crate) const LOGOUT: Verb = verb::<Logout>("logout", "Forget name and password for a registry");

/// Give name and password for a registry.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The user's name
    #[arg(short, long)]
    username: Option<String>,
    /// The password; others on this machine can read it there: prefer --password-stdin
    #[arg(short, long, conflicts_with = "password_stdin")]
    password: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// The registry; Docker's own by default
    server: Option<String>,
}

impl Run for Login {
    async fn run(self, context: &Context) -> Outcome {
        let domain = domain(self.server.as_deref());
        let username = match self.username {
            Some(username) => username,
            None => ask("Username: ", true)?,
        };
        let password = match (self.password, self.password_stdin) {
            (Some(password), _) => password,
            (None, true) => {
                let mut text = String::new();
                io::stdin().lock().read_to_string(&mut text).map_err(stdin_failed)?;
                text.trim_end_matches(['\r', '\n']).to_owned()
            }
            (None, false) => ask("Password: ", false)?,
        };
        if username.is_empty() || password.is_empty() {
            return Err(Failure::new("name and password must not be empty"));
        }
        let given = Credentials::Password { username, password };
        context.engine.json(Call::post("/auth").json(&credentials::document(&domain, &given))).await?;
        let place = credentials::config()?.store(&domain, &given);
        let place = place.map_err(|error| Failure::new(engine::chain(&error)))?;
        output::note(&format!("The password is kept in {place}."));
        output::line("Login Succeeded")?;
        Ok(Exit::SUCCESS)
    }
}

/// Forget name and password for a registry.
#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// The registry; Docker's own by default
    server: Option<String>,
}

impl Run for Logout {
    async fn run(self, _context: &Context) -> Outcome {
        let domain = domain(self.server.as_deref());
        let known = credentials::config()?.erase(&domain);
        match known.map_err(|error| Failure::new(engine::chain(&error)))? {
            true => output::line(&format!("Removing login credentials for {domain}"))?,
            false => output::line(&format!("Not logged in to {domain}"))?,
        }
        Ok(Exit::SUCCESS)
    }
}

/// The domain of image names for what a user calls a registry.
fn domain(server: Option<&str>) -> String {
    let server = server.unwrap_or("docker.io");
    let host = server.strip_prefix("https://").or_else(|| server.strip_prefix("http://")).unwrap_or(server);
    match host.split('/').next().unwrap_or(host) {
        "index.docker.io" => "docker.io".to_owned(),
        host => host.to_owned(),
    }
}

/// Asks on the terminal; what is typed is shown only if `shown`.
fn ask(prompt: &str, shown: bool) -> Result<String, Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::new("there is no terminal to ask on: use --username and --password-stdin"));
    }
    output::error_bytes(prompt.as_bytes());
    let before = tcgetattr(&stdin).map_err(|errno| stdin_failed(errno.into()))?;
    if !shown {
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Now, &hidden).map_err(|errno| stdin_failed(errno.into()))?;
    }
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    if !shown {
        // A terminal that has gone needs no restoring.
        let _ = tcsetattr(&stdin, OptionalActions::Now, &before);
        output::note("");
    }
    read.map_err(stdin_failed)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn stdin_failed(error: io::Error) -> Failure {
    Failure::new(format!("cannot read standard input: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_known_by_address_or_name() {
        assert_eq!(domain(None), "docker.io");
        assert_eq!(domain(Some("https://index.docker.io/v1/")), "docker.io");
        assert_eq!(domain(Some("r.example:5000")), "r.example:5000");
    }
}
