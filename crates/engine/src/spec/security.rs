use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Privileges and namespaces of a container.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecuritySettings {
    /// Every capability and device, no seccomp, no masked paths.
    pub privileged: bool,
    /// Capabilities added to the default set (`NET_ADMIN`, `ALL`).
    pub cap_add: Vec<String>,
    /// Capabilities dropped from the default set.
    pub cap_drop: Vec<String>,
    /// The root file system is read-only.
    pub read_only_rootfs: bool,
    /// `no-new-privileges`: set-user-id programs give nothing.
    pub no_new_privileges: bool,
    /// The system call filter.
    pub seccomp: SeccompChoice,
    /// AppArmor profile, when the kernel has AppArmor.
    pub apparmor: Option<String>,
    /// SELinux options (`user`, `role`, `type`, `level`, `disable`).
    pub selinux: BTreeMap<String, String>,
    /// `systempaths=unconfined`, or the paths masked instead of the default ones.
    pub masked_paths: Option<Vec<String>>,
    /// The paths made read-only instead of the default ones.
    pub readonly_paths: Option<Vec<String>>,
    /// Further groups of the process, names or numbers.
    pub group_add: Vec<String>,
    /// Process ids.
    pub pid: NamespaceMode,
    /// Shared memory and queues.
    pub ipc: IpcMode,
    /// Host name.
    pub uts: NamespaceMode,
    /// Control groups; own by default on cgroup v2, the host's on v1.
    pub cgroup: Option<NamespaceMode>,
    /// User ids.
    pub user: NamespaceMode,
}

/// An option of `--security-opt` that nothing here understands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown security option: {0:?}")]
pub struct UnknownSecurityOption(pub String);

impl SecuritySettings {
    /// Applies one option of `--security-opt`: `key=value`, or the older `key:value`, or a word.
    ///
    /// The value of `seccomp` becomes [`SeccompChoice::Profile`] as it is: a caller that takes paths reads them.
    ///
    /// # Errors
    /// [`UnknownSecurityOption`] for a key or word that means nothing here.
    pub fn apply_option(&mut self, option: &str) -> Result<(), UnknownSecurityOption> {
        let (key, value) = match option.find(['=', ':']) {
            Some(at) => (&option[..at], &option[at + 1..]),
            None => (option, ""),
        };
        match key {
            "no-new-privileges" => self.no_new_privileges = !matches!(value, "false" | "0"),
            "seccomp" => {
                self.seccomp = match value {
                    "unconfined" => SeccompChoice::Unconfined,
                    "builtin" | "default" => SeccompChoice::Default,
                    profile => SeccompChoice::Profile(profile.to_owned()),
                }
            }
            "apparmor" => self.apparmor = Some(value.to_owned()),
            "label" => {
                let (name, setting) = value.split_once(':').unwrap_or((value, ""));
                self.selinux.insert(name.to_owned(), setting.to_owned());
            }
            "systempaths" if value == "unconfined" => {
                self.masked_paths = Some(Vec::new());
                self.readonly_paths = Some(Vec::new());
            }
            _ => return Err(UnknownSecurityOption(option.to_owned())),
        }
        Ok(())
    }
}

/// Files of the kernel that containers do not see.
const MASKED: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];
/// Files of the kernel that containers do not change.
const READONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

impl SecuritySettings {
    /// The paths that are masked.
    pub fn masked(&self) -> Vec<String> {
        self.paths(self.masked_paths.as_ref(), &MASKED)
    }

    /// The paths that are made read-only.
    pub fn made_readonly(&self) -> Vec<String> {
        self.paths(self.readonly_paths.as_ref(), &READONLY)
    }

    fn paths(&self, own: Option<&Vec<String>>, defaults: &[&str]) -> Vec<String> {
        match own {
            _ if self.privileged => Vec::new(),
            Some(own) => own.clone(),
            None => defaults.iter().map(|path| (*path).to_owned()).collect(),
        }
    }

    /// Whether the container has a control group namespace of its own; by default where control groups are of version 2.
    pub fn has_own_cgroup(&self, cgroup_v2: bool) -> bool {
        match &self.cgroup {
            Some(mode) => *mode == NamespaceMode::Private,
            None => cgroup_v2 && !self.privileged,
        }
    }
}

/// The system call filter of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeccompChoice {
    /// Docker's default profile.
    #[default]
    Default,
    /// None.
    Unconfined,
    /// A profile in Docker's JSON form (the text of the file, not its path).
    Profile(String),
}

/// Whose namespace a container uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NamespaceMode {
    /// Its own.
    #[default]
    Private,
    /// The host's.
    Host,
    /// That of another container, by name or id.
    Container(String),
}

impl NamespaceMode {
    /// Reads Docker's mode: empty, `private`, `host`, `container:NAME`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "private" => Some(Self::Private),
            "host" => Some(Self::Host),
            other => other.strip_prefix("container:").map(|c| Self::Container(c.to_owned())),
        }
    }
}

/// Whose IPC namespace a container uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpcMode {
    /// Its own, which others may not join.
    #[default]
    Private,
    /// Its own, which others may join.
    Shareable,
    /// Its own, without /dev/shm.
    None,
    /// The host's.
    Host,
    /// That of another container, by name or id.
    Container(String),
}

impl IpcMode {
    /// Reads Docker's mode: empty, `none`, `private`, `shareable`, `host`, `container:NAME`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "private" => Some(Self::Private),
            "shareable" => Some(Self::Shareable),
            "none" => Some(Self::None),
            "host" => Some(Self::Host),
            other => other.strip_prefix("container:").map(|c| Self::Container(c.to_owned())),
        }
    }
}
