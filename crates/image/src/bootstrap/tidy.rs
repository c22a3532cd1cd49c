//! What a fresh tree gets and loses before it becomes an image.
//!
//! Guarantees: nothing of the machine stays but its apt sources, the keyrings they name and whether its mirror is frozen.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::Path;

use beneath::Root;
use rustix::fs::{AtFlags, Mode, OFlags, fchmod, unlinkat};

use super::apt::AptSettings;
use super::sources::Source;
use crate::archive::remove_tree;

/// Files of the machine, of the tool, and logs of the making.
const REMOVED: [&str; 17] = [
    "etc/resolv.conf",
    "etc/hostname",
    "etc/hosts",
    "etc/passwd-",
    "etc/group-",
    "etc/shadow-",
    "etc/gshadow-",
    "etc/subuid-",
    "etc/subgid-",
    "etc/apt/sources.list",
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    "var/cache/ldconfig/aux-cache",
    "var/cache/debconf/config.dat-old",
    "var/cache/debconf/templates.dat-old",
    "var/lib/dpkg/status-old",
    "var/lib/dpkg/available-old",
];

/// Directories that stay, without what is in them.
const EMPTIED: [&str; 7] =
    ["dev", "run", "tmp", "etc/apt/sources.list.d", "var/cache/apt", "var/lib/apt/lists", "var/tmp"];

/// What a container mounts over; the tool leaves out `dev` altogether.
const MOUNT_POINTS: [&str; 4] = ["dev", "proc", "sys", "run"];

/// Services are not started when a package is installed: there is no init to start them.
const POLICY_RC_D: &str = "#!/bin/sh\nexit 101\n";

/// Named like the file of Docker's official images, which Dockerfiles with a package cache remove.
const DOCKER_CLEAN: &str = "\
// Packages and indexes are not kept after use, so that they do not become part of a layer.
APT::Keep-Downloaded-Packages \"false\";
Dir::Cache::pkgcache \"\";
Dir::Cache::srcpkgcache \"\";
Acquire::Languages \"none\";
Acquire::GzipIndexes \"true\";
APT::AutoRemove::SuggestsImportant \"false\";
";

/// A build that is interrupted is thrown away, so dpkg need not wait for the disk after every file.
const APT_SPEEDUP: &str = "force-unsafe-io\n";

/// What is left out of every package, for dpkg; the licences stay. [`drop_docs`] does the same to what is there.
const SLIM: [&str; 9] = [
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/groff/*",
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/linda/*",
    "path-exclude=/usr/share/locale/*",
    "path-include=/usr/share/locale/locale.alias",
];

/// Tidies the tree beneath `root`; `keyrings` are read from `host`, the machine's own root.
pub(super) fn tidy(
    root: &Root,
    host: &Path,
    sources: &[Source],
    settings: &AptSettings,
    keep_docs: bool,
) -> io::Result<()> {
    REMOVED.iter().try_for_each(|path| remove(root, path))?;
    EMPTIED.iter().try_for_each(|path| empty(root, path))?;
    MOUNT_POINTS.iter().try_for_each(|path| make_dir(root, path))?;
    drop_logs(root)?;
    truncate(root, "etc/machine-id")?;
    write(root, "usr/sbin/policy-rc.d", POLICY_RC_D, 0o755)?;
    write(root, "etc/dpkg/dpkg.cfg.d/docker-apt-speedup", APT_SPEEDUP, 0o644)?;
    if !keep_docs {
        drop_docs(root)?;
        write(root, "etc/dpkg/dpkg.cfg.d/slim", &(SLIM.join("\n") + "\n"), 0o644)?;
        // Some packages put links there when they are installed and fail without the directory.
        for section in 1..=8 {
            make_dir(root, format!("usr/share/man/man{section}"))?;
        }
    }
    if exists(root, "etc/apt") {
        apt_files(root, host, sources, settings)?;
    }
    Ok(())
}

fn apt_files(root: &Root, host: &Path, sources: &[Source], settings: &AptSettings) -> io::Result<()> {
    let stanzas: Vec<String> = sources.iter().map(Source::to_deb822).collect();
    write(root, "etc/apt/sources.list.d/debian.sources", &stanzas.join("\n"), 0o644)?;
    write(root, "etc/apt/apt.conf.d/docker-clean", DOCKER_CLEAN, 0o644)?;
    if !settings.frozen.is_empty() {
        write(root, "etc/apt/apt.conf.d/frozen-mirror", &(settings.frozen.join("\n") + "\n"), 0o644)?;
    }
    make_dir(root, "var/cache/apt/archives/partial")?;
    make_dir(root, "var/lib/apt/lists/partial")?;
    for keyring in sources.iter().filter_map(Source::keyring) {
        let relative = keyring.strip_prefix("/").unwrap_or(keyring);
        if !exists(root, relative) {
            let keys = fs::read(host.join(relative))?;
            make_dir(root, relative.parent().unwrap_or(Path::new(".")))?;
            write_bytes(root, relative, &keys, 0o644)?;
        }
    }
    Ok(())
}

fn exists(root: &Root, path: impl AsRef<Path>) -> bool {
    root.open_at(path, OFlags::PATH, Mode::empty()).is_ok()
}

fn remove(root: &Root, path: &str) -> io::Result<()> {
    match root.parent(path) {
        Ok(parent) => remove_tree(parent.dir.as_fd(), &parent.name),
        Err(error) if error.source.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.source),
    }
}

fn names(root: &Root, path: &str) -> io::Result<Vec<std::ffi::OsString>> {
    let fd = match root.open_at(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()) {
        Ok(fd) => fd,
        Err(error) if error.source.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.source),
    };
    let entries = fs::read_dir(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd)))?;
    entries.map(|entry| entry.map(|entry| entry.file_name())).collect()
}

fn empty(root: &Root, path: &str) -> io::Result<()> {
    for name in names(root, path)? {
        let dir = root
            .open_at(path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())
            .map_err(|error| error.source)?;
        remove_tree(dir.as_fd(), &name)?;
    }
    Ok(())
}

/// Removes log files, and leaves the directories packages made for them.
fn drop_logs(root: &Root) -> io::Result<()> {
    for dir in ["var/log", "var/log/apt"] {
        for name in names(root, dir)? {
            let parent = root
                .open_at(dir, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())
                .map_err(|error| error.source)?;
            match unlinkat(&parent, &name, AtFlags::empty()) {
                Ok(()) | Err(rustix::io::Errno::ISDIR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
    Ok(())
}

/// Removes what [`SLIM`] leaves out. Faster than having it left out in the first place: the bootstrap unpacks its first
/// packages without dpkg.
fn drop_docs(root: &Root) -> io::Result<()> {
    for dir in ["man", "info", "groff", "lintian", "linda"] {
        empty(root, &format!("usr/share/{dir}"))?;
    }
    empty_but(root, "usr/share/locale", "locale.alias")?;
    for package in names(root, "usr/share/doc")? {
        let Some(package) = package.to_str() else { continue };
        empty_but(root, &format!("usr/share/doc/{package}"), "copyright")?;
    }
    Ok(())
}

fn empty_but(root: &Root, path: &str, kept: &str) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let dir = match root.open_at(path, flags, Mode::empty()) {
        Ok(dir) => dir,
        Err(error) if matches!(error.source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(error.source),
    };
    let mut names = names(root, path)?.into_iter().filter(|name| name != kept);
    names.try_for_each(|name| remove_tree(dir.as_fd(), &name))
}

fn truncate(root: &Root, path: &str) -> io::Result<()> {
    if exists(root, path) { write(root, path, "", 0o444) } else { Ok(()) }
}

fn make_dir(root: &Root, path: impl AsRef<Path>) -> io::Result<()> {
    let made =
        root.create_dir_all_with(path, Mode::from(0o755), &mut |fd| Ok(fchmod(fd, Mode::from(0o755))?));
    made.map(drop).map_err(|error| error.source)
}

fn write(root: &Root, path: &str, content: &str, mode: u32) -> io::Result<()> {
    write_bytes(root, Path::new(path), content.as_bytes(), mode)
}

fn write_bytes(root: &Root, path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    let fd = root.open_at(path, flags, Mode::from(mode)).map_err(|error| error.source)?;
    fchmod(&fd, Mode::from(mode))?;
    File::from(fd).write_all(content)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::bootstrap::sources::one_line_file;

    fn make(root: &Path, files: &[&str]) {
        for file in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "content").unwrap();
        }
    }

    #[test]
    fn nothing_of_the_machine_stays() {
        let (tree, host) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let tree = tree.path();
        let fresh = [
            "etc/resolv.conf",
            "etc/hostname",
            "etc/machine-id",
            "etc/apt/apt.conf.d/99mmdebstrap",
            "etc/apt/sources.list.d/0000x.sources",
            "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
            "var/lib/apt/lists/deb.example.org_Release",
            "var/cache/apt/archives/x.deb",
            "var/log/dpkg.log",
            "var/log/apt/term.log",
            "usr/share/doc/bash/README",
            "usr/share/locale/de/x.mo",
            "usr/share/man/man1/ls.1.gz",
            "usr/sbin/x",
            "dev/console",
        ];
        make(tree, &fresh);
        make(tree, &["usr/share/doc/bash/copyright"]);
        make(host.path(), &["etc/apt/keyrings/extra.gpg"]);
        let sources =
            one_line_file("deb [signed-by=/etc/apt/keyrings/extra.gpg] http://a.example/debian s main\n");
        let settings = AptSettings {
            transport: vec!["Acquire::http::Proxy \"http://secret\";".into()],
            frozen: vec!["Acquire::Check-Date \"false\";".into()],
        };
        tidy(&Root::open(tree).unwrap(), host.path(), &sources, &settings, false).unwrap();
        for gone in fresh.iter().filter(|path| !matches!(**path, "etc/machine-id" | "usr/sbin/x")) {
            assert!(!tree.join(gone).exists(), "{gone}");
        }
        assert_eq!(fs::read_to_string(tree.join("etc/machine-id")).unwrap(), "");
        assert_eq!(fs::read_to_string(tree.join("etc/apt/keyrings/extra.gpg")).unwrap(), "content");
        assert_eq!(
            fs::read_to_string(tree.join("etc/apt/sources.list.d/debian.sources")).unwrap(),
            sources[0].to_deb822()
        );
        assert_eq!(
            fs::metadata(tree.join("usr/sbin/policy-rc.d")).unwrap().permissions().mode() & 0o777,
            0o755
        );
        let found = std::process::Command::new("grep").args(["-r", "secret"]).arg(tree).output().unwrap();
        assert!(found.stdout.is_empty());
        assert!(tree.join("usr/share/doc/bash/copyright").exists());
        assert!(tree.join("var/log/apt").is_dir() && tree.join("usr/share/man/man1").is_dir());
    }

    #[test]
    fn a_tree_without_apt_gets_no_apt_files() {
        let tree = tempfile::tempdir().unwrap();
        make(tree.path(), &["usr/sbin/x", "etc/dpkg/dpkg.cfg.d/y"]);
        tidy(&Root::open(tree.path()).unwrap(), Path::new("/"), &[], &AptSettings::default(), true).unwrap();
        assert!(!tree.path().join("etc/apt").exists());
        assert!(!tree.path().join("etc/dpkg/dpkg.cfg.d/slim").exists());
    }
}
