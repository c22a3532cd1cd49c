//! Docker's `config.json`: credentials in the file, or in the helper programs it names.
//!
//! Follows the documented format of the Docker command line (`auths`, `credHelpers`, `credsStore`) and the protocol of
//! its credential helpers: `docker-credential-NAME get|store|erase`, JSON on the standard streams. Fields that are not
//! known stay as they are.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use crate::auth::Credentials;

/// The key of the default registry.
const DEFAULT_KEY: &str = "https://index.docker.io/v1/";
/// The user name under which a helper keeps an identity token.
const TOKEN_USER: &str = "<token>";

/// Why credentials were not read or kept.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The file is not JSON of the expected form.
    #[error("{} is not a valid Docker configuration", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A helper cannot be started.
    #[error("cannot run the credential helper {program}; install it, or take it out of {}", path.display())]
    Start {
        /// The program.
        program: String,
        /// The file that names it.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A helper failed.
    #[error("the credential helper {program} failed: {message}")]
    Helper {
        /// The program.
        program: String,
        /// Its words.
        message: String,
    },
}

/// A user's configuration file.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    path: PathBuf,
    content: Map<String, Value>,
}

/// What a helper answers and takes.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperEntry {
    #[serde(rename = "ServerURL", default)]
    server_url: String,
    username: String,
    secret: String,
}

impl ConfigFile {
    /// `$DOCKER_CONFIG/config.json`, or `.docker/config.json` in the home directory.
    pub fn default_path() -> Option<PathBuf> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let dir = set("DOCKER_CONFIG").or_else(|| set("HOME").map(|home| home.join(".docker")))?;
        Some(dir.join("config.json"))
    }

    /// Reads a file; one that is not there is empty.
    pub fn load(path: &Path) -> Result<Self, CredentialsError> {
        let content = match fs::read(path) {
            Ok(content) => serde_json::from_slice(&content)
                .map_err(|source| CredentialsError::Format { path: path.to_owned(), source })?,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Map::new()
            }
            Err(source) => {
                return Err(CredentialsError::File { action: "read", path: path.to_owned(), source });
            }
        };
        Ok(Self { path: path.to_owned(), content })
    }

    /// The credentials for a registry (the domain of image names); `None` when there are none.
    pub fn get(&self, domain: &str) -> Result<Option<Credentials>, CredentialsError> {
        match self.helper(domain) {
            Some(helper) => self.ask_helper(&helper, key(domain)),
            None => Ok(self.in_file(domain)),
        }
    }

    /// Keeps credentials; where they went.
    pub fn store(&mut self, domain: &str, credentials: &Credentials) -> Result<String, CredentialsError> {
        let (username, secret) = match credentials {
            Credentials::Password { username, password } => (username.clone(), password.clone()),
            Credentials::IdentityToken(token) | Credentials::RegistryToken(token) => {
                (TOKEN_USER.to_owned(), token.clone())
            }
        };
        if let Some(helper) = self.helper(domain) {
            let entry = HelperEntry { server_url: key(domain).to_owned(), username, secret };
            let input = serde_json::to_vec(&entry).unwrap_or_default();
            self.run_helper(&helper, "store", &input)?;
            self.set_auth(domain, json!({}));
            self.save()?;
            return Ok(format!("docker-credential-{helper}"));
        }
        let auth = match credentials {
            Credentials::Password { .. } => {
                json!({ "auth": BASE64_STANDARD.encode(format!("{username}:{secret}")) })
            }
            Credentials::IdentityToken(token) => json!({ "identitytoken": token }),
            Credentials::RegistryToken(token) => json!({ "registrytoken": token }),
        };
        self.set_auth(domain, auth);
        self.save()?;
        Ok(self.path.display().to_string())
    }

    /// Forgets credentials; false when there were none.
    pub fn erase(&mut self, domain: &str) -> Result<bool, CredentialsError> {
        let mut known = false;
        if let Some(helper) = self.helper(domain) {
            known = self.ask_helper(&helper, key(domain))?.is_some();
            if known {
                self.run_helper(&helper, "erase", key(domain).as_bytes())?;
            }
        }
        if let Some(auths) = self.content.get_mut("auths").and_then(Value::as_object_mut) {
            let before = auths.len();
            auths.retain(|own, _| normal(own) != normal(key(domain)));
            if auths.len() != before {
                known = true;
                self.save()?;
            }
        }
        Ok(known)
    }

    fn helper(&self, domain: &str) -> Option<String> {
        let own = self.content.get("credHelpers").and_then(Value::as_object);
        let own = own.and_then(|helpers| helpers.get(domain).or_else(|| helpers.get(key(domain))));
        let helper = own.or_else(|| self.content.get("credsStore")).and_then(Value::as_str)?;
        // The name becomes part of a program's name.
        let plain = helper.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        (plain && !helper.is_empty()).then(|| helper.to_owned())
    }

    fn in_file(&self, domain: &str) -> Option<Credentials> {
        let auths = self.content.get("auths")?.as_object()?;
        let exact = auths.get(key(domain));
        let entry = exact.or_else(|| {
            auths.iter().find(|(own, _)| normal(own) == normal(key(domain))).map(|(_, entry)| entry)
        })?;
        let text = |field: &str| entry.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
        if let Some(token) = text("registrytoken") {
            return Some(Credentials::RegistryToken(token.to_owned()));
        }
        if let Some(token) = text("identitytoken") {
            return Some(Credentials::IdentityToken(token.to_owned()));
        }
        let pair = match text("auth") {
            Some(auth) => String::from_utf8(BASE64_STANDARD.decode(auth).ok()?).ok()?,
            None => format!("{}:{}", text("username")?, text("password")?),
        };
        let (username, password) = pair.trim_end_matches('\0').split_once(':')?;
        Some(Credentials::Password { username: username.to_owned(), password: password.to_owned() })
    }

    fn ask_helper(&self, helper: &str, key: &str) -> Result<Option<Credentials>, CredentialsError> {
        let answer = match self.run_helper(helper, "get", key.as_bytes()) {
            Ok(answer) => answer,
            Err(CredentialsError::Helper { message, .. }) if message.contains("not found") => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let entry: HelperEntry =
            serde_json::from_slice(&answer).map_err(|error| CredentialsError::Helper {
                program: format!("docker-credential-{helper}"),
                message: format!("its answer is not valid: {error}"),
            })?;
        Ok(Some(match entry.username.as_str() {
            TOKEN_USER => Credentials::IdentityToken(entry.secret),
            _ => Credentials::Password { username: entry.username, password: entry.secret },
        }))
    }

    fn run_helper(&self, helper: &str, verb: &str, input: &[u8]) -> Result<Vec<u8>, CredentialsError> {
        let program = format!("docker-credential-{helper}");
        let start =
            |source| CredentialsError::Start { program: program.clone(), path: self.path.clone(), source };
        let mut command = Command::new(&program);
        command.arg(verb).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(start)?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read its input says why itself.
            let _ = stdin.write_all(input);
        }
        let done = child.wait_with_output().map_err(start)?;
        if done.status.success() {
            return Ok(done.stdout);
        }
        let words = if done.stdout.is_empty() { done.stderr } else { done.stdout };
        let message = String::from_utf8_lossy(&words).trim().to_owned();
        Err(CredentialsError::Helper { program, message })
    }

    fn set_auth(&mut self, domain: &str, auth: Value) {
        let auths = self.content.entry("auths").or_insert_with(|| json!({}));
        if let Some(auths) = auths.as_object_mut() {
            auths.insert(key(domain).to_owned(), auth);
        }
    }

    /// Replaces the file, readable by its owner alone.
    fn save(&self) -> Result<(), CredentialsError> {
        let failed =
            |action| move |source| CredentialsError::File { action, path: self.path.clone(), source };
        if let Some(dir) = self.path.parent() {
            fs::create_dir_all(dir).map_err(failed("make the directory of"))?;
        }
        // A link to a file elsewhere stays one.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let temporary = path.with_extension(format!("json.{}", std::process::id()));
        let mut text = serde_json::to_vec_pretty(&self.content).unwrap_or_default();
        text.push(b'\n');
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary);
        file.and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&temporary, &path))
            .map_err(|error| {
                let _ = fs::remove_file(&temporary);
                failed("write")(error)
            })
    }
}

/// The key of a registry in the file.
fn key(domain: &str) -> &str {
    if domain == "docker.io" { DEFAULT_KEY } else { domain }
}

/// Keys are also written as addresses.
fn normal(key: &str) -> &str {
    let host = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    host.split('/').next().unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn password(username: &str, password: &str) -> Credentials {
        Credentials::Password { username: username.into(), password: password.into() }
    }

    #[test]
    fn what_is_kept_is_found_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/config.json");
        let mut file = ConfigFile::load(&path).unwrap();
        file.store("r.example:5000", &password("me", "a:b")).unwrap();
        file.store("docker.io", &Credentials::IdentityToken("t".into())).unwrap();
        let mut file = ConfigFile::load(&path).unwrap();
        assert_eq!(file.get("r.example:5000").unwrap(), Some(password("me", "a:b")));
        assert_eq!(file.get("docker.io").unwrap(), Some(Credentials::IdentityToken("t".into())));
        assert_eq!(file.get("other.example").unwrap(), None);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(file.erase("r.example:5000").unwrap());
        assert!(!file.erase("r.example:5000").unwrap());
    }

    #[test]
    fn unknown_fields_stay_and_addresses_are_keys_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        fs::write(&path, r#"{"detachKeys":"ctrl-q","auths":{"https://r.example/v2/":{"auth":"bWU6cA=="}}}"#)
            .unwrap();
        let mut file = ConfigFile::load(&path).unwrap();
        assert_eq!(file.get("r.example").unwrap(), Some(password("me", "p")));
        file.erase("r.example").unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("ctrl-q"));
    }

    #[test]
    fn a_helper_that_is_not_there_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        fs::write(&path, r#"{"credHelpers":{"r.example":"is-not-installed"},"credsStore":"../x"}"#).unwrap();
        let file = ConfigFile::load(&path).unwrap();
        let error = file.get("r.example").unwrap_err().to_string();
        assert!(error.contains("docker-credential-is-not-installed"), "{error}");
        assert_eq!(file.get("other.example").unwrap(), None);
    }
}
