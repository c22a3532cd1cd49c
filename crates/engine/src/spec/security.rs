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
