//! Which namespaces a container has for itself and which it shares.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use oci_spec::runtime::{Linux, LinuxIdMapping, LinuxNamespaceType, LinuxTimeOffset};

use super::error::CreateError;
use crate::sys::{setns, unshare};

/// The namespaces of a new container.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    /// `CLONE_NEW…` of those that are new.
    pub new: libc::c_int,
    /// The user namespace to be joined.
    pub user: Option<PathBuf>,
    /// The mount namespace to be joined.
    pub mount: Option<PathBuf>,
    /// Others to be joined, by kind.
    join: Vec<(libc::c_int, PathBuf)>,
    /// Lines for `uid_map` and `gid_map`.
    pub mappings: Option<(String, String)>,
    /// Lines for `timens_offsets`.
    time_offsets: String,
}

fn flag(kind: LinuxNamespaceType) -> libc::c_int {
    match kind {
        LinuxNamespaceType::Mount => libc::CLONE_NEWNS,
        LinuxNamespaceType::Cgroup => libc::CLONE_NEWCGROUP,
        LinuxNamespaceType::Uts => libc::CLONE_NEWUTS,
        LinuxNamespaceType::Ipc => libc::CLONE_NEWIPC,
        LinuxNamespaceType::User => libc::CLONE_NEWUSER,
        LinuxNamespaceType::Pid => libc::CLONE_NEWPID,
        LinuxNamespaceType::Network => libc::CLONE_NEWNET,
        LinuxNamespaceType::Time => libc::CLONE_NEWTIME,
    }
}

/// The link in `/proc/self/ns` that leads back out of a namespace that was entered.
fn own_link(flag: libc::c_int) -> &'static str {
    match flag {
        libc::CLONE_NEWUTS => "/proc/self/ns/uts",
        libc::CLONE_NEWIPC => "/proc/self/ns/ipc",
        libc::CLONE_NEWPID => "/proc/self/ns/pid",
        libc::CLONE_NEWNET => "/proc/self/ns/net",
        libc::CLONE_NEWTIME => "/proc/self/ns/time",
        _ => "/proc/self/ns/cgroup",
    }
}

impl Namespaces {
    pub(super) fn from_spec(linux: &Linux) -> Result<Self, CreateError> {
        let invalid = |what: &str| Err(CreateError::InvalidSpec(what.to_owned()));
        let mut namespaces = Self::default();
        let mut seen = 0;
        for one in linux.namespaces().iter().flatten() {
            let flag = flag(one.typ());
            if seen & flag != 0 {
                return invalid(&format!("the {} namespace is listed twice", one.typ()));
            }
            seen |= flag;
            match one.path().as_ref().filter(|path| !path.as_os_str().is_empty()) {
                None => namespaces.new |= flag,
                Some(path) if flag == libc::CLONE_NEWUSER => namespaces.user = Some(path.clone()),
                Some(path) if flag == libc::CLONE_NEWNS => namespaces.mount = Some(path.clone()),
                Some(path) => namespaces.join.push((flag, path.clone())),
            }
        }
        namespaces.mappings = mappings(linux)?;
        match (namespaces.is_new(libc::CLONE_NEWUSER), &namespaces.mappings) {
            (true, None) => return invalid("a new user namespace needs uidMappings and gidMappings"),
            (false, Some(_)) if namespaces.user.is_none() => {
                return invalid("uidMappings and gidMappings need a user namespace");
            }
            _ => {}
        }
        if let Some(offsets) = linux.time_offsets() {
            if !namespaces.is_new(libc::CLONE_NEWTIME) && !offsets.is_empty() {
                return invalid("time offsets need a time namespace of the container's own");
            }
            namespaces.time_offsets =
                offsets.iter().map(|(clock, offset)| time_offset(clock, offset)).collect();
        }
        Ok(namespaces)
    }

    /// Whether the namespace `flag` (`CLONE_NEW…`) is new.
    pub(super) fn is_new(&self, flag: libc::c_int) -> bool {
        self.new & flag != 0
    }

    /// Whether the container shares the namespace `flag` with the host.
    pub(super) fn is_hosts(&self, flag: libc::c_int) -> bool {
        !self.is_new(flag) && !self.join.iter().any(|(known, _)| *known == flag)
    }

    /// Whether the process ends up in a user namespace.
    pub(super) fn has_user(&self) -> bool {
        self.is_new(libc::CLONE_NEWUSER) || self.user.is_some()
    }

    /// What is asked of `clone`; the child makes its control group namespace when it is in its group, and a new
    /// time namespace is for children only.
    pub(super) fn clone_flags(&self) -> libc::c_int {
        self.new & !(libc::CLONE_NEWCGROUP | libc::CLONE_NEWTIME)
    }

    /// Enters the namespaces to be joined, so that a child is born in them. The caller's come back with
    /// [`Entered::leave`].
    pub(super) fn enter(&self) -> Result<Entered, CreateError> {
        let mut entered = Entered::default();
        for (flag, path) in &self.join {
            entered.enter(*flag, path).map_err(|source| CreateError::Path {
                what: "join the namespace".to_owned(),
                path: path.clone(),
                source,
            })?;
        }
        if self.is_new(libc::CLONE_NEWTIME) {
            entered
                .new_time(&self.time_offsets)
                .map_err(|source| CreateError::Step { step: "make a time namespace".to_owned(), source })?;
        }
        Ok(entered)
    }
}

/// The way back to the caller's own namespaces.
#[derive(Debug, Default)]
pub(super) struct Entered(Vec<(libc::c_int, OwnedFd)>);

impl Entered {
    fn enter(&mut self, flag: libc::c_int, path: &Path) -> io::Result<()> {
        let target = File::open(path)?;
        self.enter_fd(flag, &target.into())
    }

    /// Enters the namespace(s) of kind `flag` behind `fd`.
    pub(super) fn enter_fd(&mut self, flag: libc::c_int, fd: &OwnedFd) -> io::Result<()> {
        let own = File::open(own_link(flag))?;
        setns(fd.as_fd(), flag)?;
        self.0.push((flag, own.into()));
        Ok(())
    }

    fn new_time(&mut self, offsets: &str) -> io::Result<()> {
        let own = File::open("/proc/self/ns/time")?;
        unshare(libc::CLONE_NEWTIME)?;
        self.0.push((libc::CLONE_NEWTIME, own.into()));
        if offsets.is_empty() { Ok(()) } else { std::fs::write("/proc/self/timens_offsets", offsets) }
    }

    /// Goes back.
    pub(super) fn leave(mut self) -> Result<(), CreateError> {
        self.back()
            .map_err(|source| CreateError::Step { step: "return to the own namespaces".to_owned(), source })
    }

    /// For the child: it stays.
    pub(super) fn stay(mut self) {
        self.0.clear();
    }

    fn back(&mut self) -> io::Result<()> {
        std::mem::take(&mut self.0).iter().rev().try_for_each(|(flag, fd)| setns(fd.as_fd(), *flag))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // Only on the way out with an error, which is the one to be told.
        let _ = self.back();
    }
}

fn mappings(linux: &Linux) -> Result<Option<(String, String)>, CreateError> {
    let lines = |list: &[LinuxIdMapping]| -> String {
        let line = |m: &LinuxIdMapping| format!("{} {} {}\n", m.container_id(), m.host_id(), m.size());
        list.iter().map(line).collect()
    };
    let filled = |list: &Option<Vec<LinuxIdMapping>>| list.clone().filter(|list| !list.is_empty());
    match (filled(linux.uid_mappings()), filled(linux.gid_mappings())) {
        (None, None) => Ok(None),
        (Some(uids), Some(gids)) => Ok(Some((lines(&uids), lines(&gids)))),
        _ => Err(CreateError::InvalidSpec("uidMappings and gidMappings come together".to_owned())),
    }
}

fn time_offset(clock: &str, offset: &LinuxTimeOffset) -> String {
    format!("{clock} {} {}\n", offset.secs().unwrap_or(0), offset.nanosecs().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<Namespaces, String> {
        Namespaces::from_spec(&serde_json::from_str(json).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn new_and_joined_namespaces_are_told_apart() {
        let all = of(
            r#"{"namespaces":[{"type":"mount"},{"type":"network","path":"/run/netns/x"},{"type":"cgroup"}]}"#,
        )
        .unwrap();
        assert_eq!(all.new, libc::CLONE_NEWNS | libc::CLONE_NEWCGROUP);
        assert_eq!(all.clone_flags(), libc::CLONE_NEWNS);
        assert!(all.is_hosts(libc::CLONE_NEWPID) && !all.is_hosts(libc::CLONE_NEWNET));
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(of(r#"{"namespaces":[{"type":"mount"},{"type":"mount"}]}"#).unwrap_err().contains("twice"));
        assert!(
            of(r#"{"namespaces":[{"type":"mount"},{"type":"user"}]}"#).unwrap_err().contains("uidMappings")
        );
        let unmapped = r#"{"namespaces":[{"type":"mount"}],
            "uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],
            "gidMappings":[{"containerID":0,"hostID":100000,"size":65536}]}"#;
        assert!(of(unmapped).unwrap_err().contains("need a user namespace"));
    }
}
