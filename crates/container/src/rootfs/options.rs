//! The options of a mount, as OCI specs and `mount(8)` write them.

use rustix::mount::{MountFlags, MountPropagationFlags};

/// `MOUNT_ATTR_*` of `mount_setattr(2)`.
pub(crate) mod attr {
    pub(crate) const RDONLY: u64 = 0x1;
    pub(crate) const NOSUID: u64 = 0x2;
    pub(crate) const NODEV: u64 = 0x4;
    pub(crate) const NOEXEC: u64 = 0x8;
    /// The mask of the three ways to keep access times.
    pub(crate) const ATIME: u64 = 0x70;
    pub(crate) const RELATIME: u64 = 0x0;
    pub(crate) const NOATIME: u64 = 0x10;
    pub(crate) const STRICTATIME: u64 = 0x20;
    pub(crate) const NODIRATIME: u64 = 0x80;
    pub(crate) const NOSYMFOLLOW: u64 = 0x20_0000;
    /// For options that are not attributes of a mount.
    pub(super) const NONE: u64 = 1 << 63;
}

/// What the options of one mount say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// For `mount(2)`.
    pub flags: MountFlags,
    /// Attributes of the mount to set, for `mount_setattr(2)`; the same as `flags` as far as they say that.
    pub set: u64,
    /// Attributes to clear.
    pub clear: u64,
    /// Attributes to set and clear on everything below a recursive bind mount as well.
    pub recursive: (u64, u64),
    /// How mounts made elsewhere travel.
    pub propagation: Option<MountPropagationFlags>,
    /// Mount what is at the source, and with it what is mounted below it.
    pub bind: Option<Depth>,
    /// Change an existing mount.
    pub remount: bool,
    /// Fill a new tmpfs with what the image has at its place.
    pub copy_up: bool,
    /// For the file system.
    pub data: Vec<String>,
}

/// How far a bind mount reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// One mount.
    One,
    /// All mounts below it, too.
    All,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            flags: MountFlags::empty(),
            set: 0,
            clear: 0,
            recursive: (0, 0),
            propagation: None,
            bind: None,
            remount: false,
            copy_up: false,
            data: Vec::new(),
        }
    }
}

const SILENT: MountFlags = MountFlags::SILENT;

/// name, flag of `mount(2)`, attribute, whether the option sets or clears them.
#[rustfmt::skip]
const FLAGS: &[(&str, MountFlags, u64, bool)] = &[
    ("acl", MountFlags::from_bits_retain(1 << 16), attr::NONE, true),
    ("async", MountFlags::SYNCHRONOUS, attr::NONE, false),
    ("atime", MountFlags::NOATIME, attr::NOATIME, false),
    ("defaults", MountFlags::empty(), attr::NONE, true),
    ("dev", MountFlags::NODEV, attr::NODEV, false),
    ("diratime", MountFlags::NODIRATIME, attr::NODIRATIME, false),
    ("dirsync", MountFlags::DIRSYNC, attr::NONE, true),
    ("exec", MountFlags::NOEXEC, attr::NOEXEC, false),
    ("iversion", MountFlags::from_bits_retain(1 << 23), attr::NONE, true),
    ("lazytime", MountFlags::LAZYTIME, attr::NONE, true),
    ("loud", SILENT, attr::NONE, false),
    ("mand", MountFlags::PERMIT_MANDATORY_FILE_LOCKING, attr::NONE, true),
    ("noacl", MountFlags::from_bits_retain(1 << 16), attr::NONE, false),
    ("noatime", MountFlags::NOATIME, attr::NOATIME, true),
    ("nodev", MountFlags::NODEV, attr::NODEV, true),
    ("nodiratime", MountFlags::NODIRATIME, attr::NODIRATIME, true),
    ("noexec", MountFlags::NOEXEC, attr::NOEXEC, true),
    ("noiversion", MountFlags::from_bits_retain(1 << 23), attr::NONE, false),
    ("nolazytime", MountFlags::LAZYTIME, attr::NONE, false),
    ("nomand", MountFlags::PERMIT_MANDATORY_FILE_LOCKING, attr::NONE, false),
    ("norelatime", MountFlags::RELATIME, attr::RELATIME, false),
    ("nostrictatime", MountFlags::STRICTATIME, attr::STRICTATIME, false),
    ("nosuid", MountFlags::NOSUID, attr::NOSUID, true),
    ("nosymfollow", MountFlags::NOSYMFOLLOW, attr::NOSYMFOLLOW, true),
    ("relatime", MountFlags::RELATIME, attr::RELATIME, true),
    ("ro", MountFlags::RDONLY, attr::RDONLY, true),
    ("rw", MountFlags::RDONLY, attr::RDONLY, false),
    ("silent", SILENT, attr::NONE, true),
    ("strictatime", MountFlags::STRICTATIME, attr::STRICTATIME, true),
    ("suid", MountFlags::NOSUID, attr::NOSUID, false),
    ("symfollow", MountFlags::NOSYMFOLLOW, attr::NOSYMFOLLOW, false),
    ("sync", MountFlags::SYNCHRONOUS, attr::NONE, true),
];

/// Recursive forms, from Linux 5.12 on: name, attribute, set or clear.
#[rustfmt::skip]
const RECURSIVE: &[(&str, u64, bool)] = &[
    ("ratime", attr::NOATIME, false),
    ("rdev", attr::NODEV, false),
    ("rdiratime", attr::NODIRATIME, false),
    ("rexec", attr::NOEXEC, false),
    ("rnoatime", attr::NOATIME, true),
    ("rnodev", attr::NODEV, true),
    ("rnodiratime", attr::NODIRATIME, true),
    ("rnoexec", attr::NOEXEC, true),
    ("rnorelatime", attr::RELATIME, false),
    ("rnostrictatime", attr::STRICTATIME, false),
    ("rnosuid", attr::NOSUID, true),
    ("rnosymfollow", attr::NOSYMFOLLOW, true),
    ("rrelatime", attr::RELATIME, true),
    ("rro", attr::RDONLY, true),
    ("rrw", attr::RDONLY, false),
    ("rstrictatime", attr::STRICTATIME, true),
    ("rsuid", attr::NOSUID, false),
    ("rsymfollow", attr::NOSYMFOLLOW, false),
];

const PROPAGATION: &[(&str, MountPropagationFlags)] = &[
    ("private", MountPropagationFlags::PRIVATE),
    ("rprivate", MountPropagationFlags::PRIVATE.union(MountPropagationFlags::REC)),
    ("rshared", MountPropagationFlags::SHARED.union(MountPropagationFlags::REC)),
    ("rslave", MountPropagationFlags::DOWNSTREAM.union(MountPropagationFlags::REC)),
    ("runbindable", MountPropagationFlags::UNBINDABLE.union(MountPropagationFlags::REC)),
    ("shared", MountPropagationFlags::SHARED),
    ("slave", MountPropagationFlags::DOWNSTREAM),
    ("unbindable", MountPropagationFlags::UNBINDABLE),
];

/// All options that are not handed to the file system, for `features`.
pub(crate) fn known() -> Vec<String> {
    let other = ["bind", "rbind", "remount", "tmpcopyup"].into_iter();
    let flags = FLAGS.iter().map(|(name, ..)| *name);
    let recursive = RECURSIVE.iter().map(|(name, ..)| *name);
    let propagation = PROPAGATION.iter().map(|(name, _)| *name);
    let mut all: Vec<_> = other.chain(flags).chain(recursive).chain(propagation).map(str::to_owned).collect();
    all.sort_unstable();
    all
}

/// How mounts travel, by its name.
pub(crate) fn propagation(name: &str) -> Option<MountPropagationFlags> {
    PROPAGATION.iter().find(|(known, _)| *known == name).map(|(_, flags)| *flags)
}

/// Reads the options of one mount; what is not known goes to the file system.
///
/// # Errors
/// The option that is known but not supported.
pub(crate) fn parse(list: &[String]) -> Result<Options, String> {
    let mut options = Options::default();
    for option in list {
        options.take(option)?;
    }
    Ok(options)
}

impl Options {
    fn take(&mut self, option: &str) -> Result<(), String> {
        match option {
            "bind" => self.bind = self.bind.or(Some(Depth::One)),
            "rbind" => self.bind = Some(Depth::All),
            "remount" => self.remount = true,
            "tmpcopyup" => self.copy_up = true,
            "idmap" | "ridmap" => return Err(option.to_owned()),
            _ => self.take_from_tables(option),
        }
        Ok(())
    }

    fn take_from_tables(&mut self, option: &str) {
        if let Some((_, flag, attribute, set)) = FLAGS.iter().find(|(name, ..)| *name == option) {
            self.flags.set(*flag, *set);
            mark(&mut self.set, &mut self.clear, *attribute, *set);
        } else if let Some((_, attribute, set)) = RECURSIVE.iter().find(|(name, ..)| *name == option) {
            let (on, off) = &mut self.recursive;
            mark(on, off, *attribute, *set);
        } else if let Some(flags) = propagation(option) {
            self.propagation = Some(flags);
        } else {
            self.data.push(option.to_owned());
        }
    }
}

/// Notes an attribute as to be set or cleared. The ways to keep access times exclude each other.
fn mark(on: &mut u64, off: &mut u64, attribute: u64, set: bool) {
    if attribute == attr::NONE {
        return;
    }
    let bits = if attribute & attr::ATIME == attribute { attr::ATIME } else { attribute };
    *on &= !bits;
    if set {
        *on |= attribute;
    }
    if set && bits != attr::ATIME {
        *off &= !bits;
    } else {
        // The kernel wants the whole mask cleared before it sets one of the three.
        *off |= bits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(list: &str) -> Options {
        parse(&list.split(',').map(str::to_owned).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_later_option_wins() {
        let options = parsed("ro,nosuid,rw");
        assert_eq!(options.flags, MountFlags::NOSUID);
        assert_eq!((options.set, options.clear), (attr::NOSUID, attr::RDONLY));
    }

    #[test]
    fn access_times_are_one_choice() {
        let options = parsed("noatime,strictatime");
        assert_eq!((options.set, options.clear), (attr::STRICTATIME, attr::ATIME));
    }

    #[test]
    fn binds_propagation_and_data_are_told_apart() {
        let options = parsed("rbind,rslave,size=64k,mode=755,rro");
        assert_eq!(options.bind, Some(Depth::All));
        assert_eq!(options.propagation, propagation("rslave"));
        assert_eq!(options.data, ["size=64k", "mode=755"]);
        assert_eq!(options.recursive, (attr::RDONLY, 0));
    }

    #[test]
    fn mounts_with_mapped_ids_are_refused() {
        assert_eq!(parse(&["ridmap".to_owned()]), Err("ridmap".to_owned()));
    }
}
