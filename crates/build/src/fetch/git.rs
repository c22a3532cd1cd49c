//! Repositories, through the host's `git`.
//!
//! A repository may be hostile: nothing of its configuration or hooks is used, no configuration of this host either, no
//! protocol is followed but those that an address may have, and nobody is asked for a password.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{GitAddress, SourceError, shown};
use crate::remote::FetchError;
use crate::request::BuildRequest;
use crate::request::Cancel;

/// How often a running git is looked at.
const NOTICE: Duration = Duration::from_millis(10);
/// Bytes of its messages that are shown.
const SHOWN: u64 = 4096;

/// How a repository is taken.
pub(crate) struct GitOptions<'a> {
    /// Has the secrets and agents that git may use.
    pub(crate) request: &'a BuildRequest,
    pub(crate) cancel: &'a Cancel,
    /// An empty directory for everything.
    pub(crate) scratch: &'a Path,
    /// Keys of hosts, kept from build to build.
    pub(crate) known_hosts: &'a Path,
    /// Keep `.git`.
    pub(crate) keep_git_dir: bool,
    /// The commit it must be.
    pub(crate) checksum: Option<&'a str>,
}

/// Checks a part of a repository out; gives its directory, and the commit if it comes with `.git`.
pub(crate) fn checkout(
    address: &GitAddress,
    options: &GitOptions<'_>,
) -> Result<(PathBuf, Option<String>), SourceError> {
    let git = Git { address, options, tree: options.scratch.join("tree") };
    let checksum = options.checksum.or(address.checksum.as_deref());
    if let Some(checksum) = checksum {
        let valid = (7..=64).contains(&checksum.len()) && checksum.chars().all(|c| c.is_ascii_hexdigit());
        if !valid {
            return Err(SourceError::BadChecksum { value: checksum.to_owned() });
        }
    }
    git.run("prepare", &["init", "--quiet", "--template=", "tree"], options.scratch)?;
    let reference = address.reference.as_deref().unwrap_or("HEAD");
    git.fetch(reference)?;
    git.run("check out", &["checkout", "--quiet", "--detach", "FETCH_HEAD"], &git.tree)?;
    let head = git.run("read", &["rev-parse", "HEAD"], &git.tree)?;
    let head = head.trim();
    if let Some(expected) = checksum.filter(|expected| !head.starts_with(&expected.to_ascii_lowercase())) {
        let (expected, found) = (expected.to_owned(), head.to_owned());
        return Err(SourceError::Checksum { url: shown(&address.url), expected, found });
    }
    if !address.no_submodules {
        let arguments = ["submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"];
        git.run("fetch the submodules of", &arguments, &git.tree)?;
    }
    let kept = address.keep_git_dir.unwrap_or(options.keep_git_dir);
    git.tidy(kept)?;
    Ok((git.directory()?, kept.then(|| head.to_owned())))
}

struct Git<'a> {
    address: &'a GitAddress,
    options: &'a GitOptions<'a>,
    tree: PathBuf,
}

impl Git<'_> {
    /// Fetches one commit; a server that gives no single ones is asked for all.
    fn fetch(&self, reference: &str) -> Result<(), SourceError> {
        let url = &self.address.url;
        let shallow = ["fetch", "--quiet", "--no-tags", "--depth=1", "--", url, reference];
        let Err(error) = self.run("fetch", &shallow, &self.tree) else { return Ok(()) };
        let is_commit = reference.len() >= 7 && reference.chars().all(|c| c.is_ascii_hexdigit());
        if !is_commit || matches!(error, SourceError::Fetch { .. }) {
            return Err(error);
        }
        let all =
            ["fetch", "--quiet", "--", url, "+refs/heads/*:refs/berth/heads/*", "+refs/tags/*:refs/tags/*"];
        self.run("fetch", &all, &self.tree)?;
        let commit = format!("{reference}^{{commit}}");
        let found = self.run("find the commit in", &["rev-parse", "--verify", &commit], &self.tree)?;
        let head = self.tree.join(".git/FETCH_HEAD");
        std::fs::write(&head, found).map_err(|source| SourceError::Keep { path: head, source })
    }

    /// Removes what is not to be copied: git's own directory, or what in it has the address with a password.
    fn tidy(&self, keep_git_dir: bool) -> Result<(), SourceError> {
        let git_dir = self.tree.join(".git");
        if !keep_git_dir {
            return std::fs::remove_dir_all(&git_dir)
                .map_err(|source| SourceError::Keep { path: git_dir, source });
        }
        let head = git_dir.join("FETCH_HEAD");
        std::fs::remove_file(&head).map_err(|source| SourceError::Keep { path: head, source })?;
        let url = shown(&self.address.url);
        self.run("name", &["remote", "add", "origin", &url], &self.tree).map(drop)
    }

    fn directory(&self) -> Result<PathBuf, SourceError> {
        let Some(path) = &self.address.subdirectory else { return Ok(self.tree.clone()) };
        let missing = || SourceError::NoDirectory { url: shown(&self.address.url), path: path.clone() };
        // A link in the repository must not lead out of it.
        let tree = crate::tree::Tree::plain(&self.tree).map_err(|_| missing())?;
        let resolved = tree.resolve(Path::new(path), true).map_err(|_| missing())?;
        resolved.directory.map(|_| self.tree.join(resolved.path)).ok_or_else(missing)
    }

    /// Runs git to its end and gives what it wrote.
    fn run(&self, action: &'static str, arguments: &[&str], directory: &Path) -> Result<String, SourceError> {
        let url = || shown(&self.address.url);
        let no_git = |source| SourceError::NoGit { url: url(), source };
        let log = self.options.scratch.join("log");
        let mut output = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&log)
            .map_err(|source| SourceError::Keep { path: log.clone(), source })?;
        let mut command = self.command(arguments, directory);
        let streams = output.try_clone().and_then(|out| Ok((out, output.try_clone()?))).map_err(no_git)?;
        let mut child = command.stdout(streams.0).stderr(streams.1).spawn().map_err(no_git)?;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(no_git)? {
                break status;
            }
            if self.options.cancel.is_cancelled() {
                // It ends either way.
                let _ = child.kill();
                let _ = child.wait();
                return Err(SourceError::Fetch { url: url(), source: FetchError::Cancelled });
            }
            std::thread::sleep(NOTICE);
        };
        let text = tail(&mut output).unwrap_or_default();
        match status.success() {
            true => Ok(text),
            false => {
                Err(SourceError::Git { action, url: url(), output: text.replace(&self.address.url, &url()) })
            }
        }
    }

    fn command(&self, arguments: &[&str], directory: &Path) -> Command {
        let ssh = format!(
            "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={}",
            self.options.known_hosts.display()
        );
        let mut command = Command::new("git");
        command
            .args([
                "-c",
                "core.hooksPath=/dev/null",
                "-c",
                "core.fsmonitor=false",
                "-c",
                "protocol.ext.allow=never",
            ])
            .args(["-c", "advice.detachedHead=false", "-c", "gc.auto=0", "-c", "init.defaultBranch=main"])
            .args([
                "-c",
                "filter.lfs.smudge=",
                "-c",
                "filter.lfs.required=false",
                "-c",
                "core.autocrlf=false",
            ])
            .args(arguments)
            .current_dir(directory)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.options.scratch)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "/bin/false")
            .env("GIT_ALLOW_PROTOCOL", "http:https:git:ssh")
            .env("GIT_CEILING_DIRECTORIES", self.options.scratch)
            .env("GIT_SSH_COMMAND", ssh)
            .env("LC_ALL", "C.UTF-8")
            .envs(self.credentials())
            .stdin(Stdio::null());
        command
    }

    /// What git may use to show who it is; never in its arguments, which everybody can see.
    fn credentials(&self) -> Vec<(String, String)> {
        let request = self.options.request;
        let mut variables = Vec::new();
        if let Some(agent) = request.ssh.get("default") {
            variables.push(("SSH_AUTH_SOCK".to_owned(), agent.display().to_string()));
        }
        let Some(origin) = origin(&self.address.url) else { return variables };
        let host = origin.rsplit_once('/').map_or("", |(_, host)| host);
        let secret = |name: &str| {
            let of_host = request.secrets.get(&format!("{name}.{host}"));
            let secret = of_host.or_else(|| request.secrets.get(name))?;
            String::from_utf8(secret.reveal().to_vec()).ok().map(|text| text.trim().to_owned())
        };
        let token = || {
            let pair = format!("x-access-token:{}", secret("GIT_AUTH_TOKEN")?);
            Some(format!("basic {}", STANDARD.encode(pair)))
        };
        if let Some(header) = secret("GIT_AUTH_HEADER").or_else(token) {
            let pairs = [
                ("GIT_CONFIG_COUNT", "1".to_owned()),
                ("GIT_CONFIG_KEY_0", format!("http.{origin}/.extraheader")),
                ("GIT_CONFIG_VALUE_0", format!("Authorization: {header}")),
            ];
            variables.extend(pairs.map(|(name, value)| (name.to_owned(), value)));
        }
        variables
    }
}

/// `https://host` of an address.
fn origin(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    let authority = rest.split('/').next()?;
    let host = authority.rsplit('@').next()?;
    Some(format!("https://{host}"))
}

/// The end of a file.
fn tail(file: &mut File) -> std::io::Result<String> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(SHOWN)))?;
    let mut bytes = Vec::new();
    file.take(SHOWN).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}
