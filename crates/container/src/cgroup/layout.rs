//! Which hierarchies this machine has, and where.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{fs, io};

use rustix::fs::statfs;

const CGROUP2_MAGIC: i64 = 0x6367_7270;
const BASE: &str = "/sys/fs/cgroup";

/// One v1 hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// Its controllers; a name such as `name=systemd` for one without.
    pub controllers: Vec<String>,
    /// Where its root is mounted.
    pub mount: PathBuf,
}

/// The hierarchies of this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    /// v1 hierarchies.
    pub v1: Vec<Hierarchy>,
    /// Where the v2 hierarchy's root is mounted, with the controllers it has.
    pub unified: Option<(PathBuf, Vec<String>)>,
}

/// Where a controller is to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// In the v1 hierarchy mounted here.
    V1(&'a Path),
    /// In the v2 hierarchy mounted here.
    V2(&'a Path),
}

impl Layout {
    /// The machine's layout, found once.
    pub(crate) fn of_machine() -> &'static Self {
        static LAYOUT: OnceLock<Layout> = OnceLock::new();
        LAYOUT.get_or_init(Self::detect)
    }

    fn detect() -> Self {
        if is_unified(Path::new(BASE)) {
            return Self { v1: Vec::new(), unified: Some(unified(PathBuf::from(BASE))) };
        }
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mut mounts = None;
        let v1 = hierarchies(&own).into_iter().filter_map(|controllers| {
            let mount = mount_of(&controllers, &mut mounts)?;
            Some(Hierarchy { controllers, mount })
        });
        let v1 = v1.collect();
        let hybrid = Some(Path::new(BASE).join("unified")).filter(|path| is_unified(path));
        Self { v1, unified: hybrid.map(unified) }
    }

    /// Whether there is no v1 hierarchy.
    pub(crate) fn is_v2(&self) -> bool {
        self.v1.is_empty() && self.unified.is_some()
    }

    /// Where `controller` is; v1 first, as a controller is in one of them at most.
    pub(crate) fn place(&self, controller: &str) -> Option<Place<'_>> {
        let v1 = self.v1.iter().find(|one| one.controllers.iter().any(|name| name == controller));
        v1.map(|one| Place::V1(&one.mount)).or_else(|| {
            let (mount, controllers) = self.unified.as_ref()?;
            controllers.iter().any(|name| name == controller).then_some(Place::V2(mount.as_path()))
        })
    }

    /// Whether v2's groups can be killed at once. The root has no such file, so that any group below it is asked.
    pub(crate) fn has_kill(&self) -> bool {
        let Some((root, _)) = &self.unified else { return false };
        let groups = fs::read_dir(root).into_iter().flatten().flatten();
        let mut groups = groups.map(|entry| entry.path()).filter(|path| path.is_dir());
        groups.next().is_some_and(|group| group.join("cgroup.kill").exists()) || kernel_at_least(5, 14)
    }

    /// The roots of all hierarchies, v1 first.
    pub(crate) fn roots(&self) -> impl Iterator<Item = &Path> {
        let unified = self.unified.iter().map(|(mount, _)| mount.as_path());
        self.v1.iter().map(|one| one.mount.as_path()).chain(unified)
    }
}

fn kernel_at_least(major: u32, minor: u32) -> bool {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    let mut numbers = release.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
}

fn is_unified(path: &Path) -> bool {
    statfs(path).is_ok_and(|fs| fs.f_type == CGROUP2_MAGIC)
}

fn unified(mount: PathBuf) -> (PathBuf, Vec<String>) {
    let controllers = fs::read_to_string(mount.join("cgroup.controllers")).unwrap_or_default();
    (mount, controllers.split_whitespace().map(str::to_owned).collect())
}

/// The controller lists in `/proc/self/cgroup`, without v2's.
fn hierarchies(own: &str) -> Vec<Vec<String>> {
    let lists = own.lines().filter_map(|line| line.split(':').nth(1)).filter(|list| !list.is_empty());
    lists.map(|list| list.split(',').map(str::to_owned).collect()).collect()
}

/// The mount of a v1 hierarchy: at its usual place, or else where the mount table says.
fn mount_of(controllers: &[String], mounts: &mut Option<String>) -> Option<PathBuf> {
    let joined = controllers.join(",");
    let usual = Path::new(BASE).join(joined.strip_prefix("name=").unwrap_or(&joined));
    if usual.join("cgroup.procs").exists() {
        return Some(usual);
    }
    let table = mounts.get_or_insert_with(|| {
        let read: io::Result<String> = fs::read_to_string("/proc/self/mountinfo");
        read.unwrap_or_default()
    });
    table.lines().find_map(|line| mounted_at(line, controllers)).map(PathBuf::from)
}

/// The mount point in a line of `mountinfo` if it is that of the hierarchy with `controllers`.
fn mounted_at<'a>(line: &'a str, controllers: &[String]) -> Option<&'a str> {
    let (before, after) = line.split_once(" - ")?;
    let mut fields = after.split(' ');
    let is_v1 = fields.next() == Some("cgroup");
    let options: Vec<&str> = fields.nth(1)?.split(',').collect();
    let all = controllers.iter().all(|controller| options.contains(&controller.as_str()));
    if is_v1 && all { before.split(' ').nth(4) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_are_read_from_the_kernels_list() {
        let own = "9:name=systemd:/\n4:cpu,cpuacct:/x:y\n0::/user.slice\n";
        assert_eq!(hierarchies(own), [vec!["name=systemd"], vec!["cpu", "cpuacct"]]);
    }

    #[test]
    fn an_unusual_mount_is_found_in_the_table() {
        let line = "33 32 0:29 / /mnt/cg rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct";
        let both = ["cpuacct".to_owned(), "cpu".to_owned()];
        assert_eq!(mounted_at(line, &both), Some("/mnt/cg"));
        assert_eq!(mounted_at(line, &["memory".to_owned()]), None);
        assert_eq!(mounted_at("33 32 0:29 / /x rw - cgroup2 cgroup2 rw,cpu,cpuacct", &both), None);
    }

    #[test]
    fn a_controller_is_found_in_v1_before_v2() {
        let v1 = vec![Hierarchy { controllers: vec!["memory".into()], mount: "/m".into() }];
        let layout = Layout { v1, unified: Some(("/u".into(), vec!["memory".into(), "io".into()])) };
        assert_eq!(layout.place("memory"), Some(Place::V1(Path::new("/m"))));
        assert_eq!(layout.place("io"), Some(Place::V2(Path::new("/u"))));
        assert_eq!(layout.place("cpu"), None);
        assert!(!layout.is_v2());
    }
}
