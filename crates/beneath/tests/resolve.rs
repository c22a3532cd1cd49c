//! Both strategies against the same trees: nothing leads out of the root, and what `chroot` would find is found.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use beneath::{Root, Strategy};
use proptest::prelude::*;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

struct Tree {
    dir: tempfile::TempDir,
}

impl Tree {
    /// `outside` lies beside the root, `secret` in it.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("root/a/b")).unwrap();
        fs::write(dir.path().join("secret"), "outside").unwrap();
        fs::write(dir.path().join("root/a/b/file"), "inside").unwrap();
        Self { dir }
    }

    fn link(&self, target: &str, name: &str) -> &Self {
        symlink(target, self.dir.path().join("root").join(name)).unwrap();
        self
    }

    fn roots(&self) -> Vec<Root> {
        [Strategy::Kernel, Strategy::Walk].map(|strategy| Root::with_strategy(self.fd(), strategy)).into()
    }

    fn fd(&self) -> OwnedFd {
        fs::File::open(self.dir.path().join("root")).unwrap().into()
    }
}

fn errno(error: &beneath::ResolveError) -> Errno {
    Errno::from_io_error(&error.source).unwrap()
}

fn read(root: &Root, path: &str) -> Result<String, Errno> {
    root.read(path, 100).map(|content| String::from_utf8(content).unwrap()).map_err(|error| errno(&error))
}

#[test]
fn links_and_dots_stay_inside() {
    let tree = Tree::new();
    tree.link("../secret", "up")
        .link("/a/b", "absolute")
        .link("../../../../a", "a/b/far")
        .link("loop", "loop");
    tree.link("/", "slash").link("a/b/file/", "filedir");
    for root in tree.roots() {
        assert_eq!(read(&root, "up"), Err(Errno::NOENT));
        assert_eq!(read(&root, "../secret"), Err(Errno::NOENT));
        assert_eq!(read(&root, "/../../secret"), Err(Errno::NOENT));
        assert_eq!(read(&root, "absolute/file").unwrap(), "inside");
        assert_eq!(read(&root, "a/b/far/b/file").unwrap(), "inside");
        assert_eq!(read(&root, "slash/../absolute/../b/file").unwrap(), "inside");
        assert_eq!(read(&root, "loop"), Err(Errno::LOOP));
        assert_eq!(read(&root, "a/b/file/"), Err(Errno::NOTDIR));
        assert_eq!(read(&root, "filedir"), Err(Errno::NOTDIR));
        assert_eq!(read(&root, ""), Err(Errno::NOENT));
        assert_eq!(read(&root, "a"), Err(Errno::INVAL));
    }
}

#[test]
fn creating_through_a_dangling_link_lands_inside() {
    let tree = Tree::new();
    tree.link("/made/by", "link");
    for (turn, root) in tree.roots().iter().enumerate() {
        let path = format!("link/../deep{turn}/x");
        root.create_dir_all("link", Mode::from(0o755)).unwrap();
        root.create_dir_all(&path, Mode::from(0o700)).unwrap();
        root.open_at(format!("{path}/new"), OFlags::CREATE | OFlags::WRONLY, Mode::from(0o640)).unwrap();
        let made = tree.dir.path().join(format!("root/made/deep{turn}/x"));
        assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(made.join("new")).unwrap().mode() & 0o777, 0o640);
    }
}

#[test]
fn made_directories_are_reported_once_each() {
    let tree = Tree::new();
    for (turn, root) in tree.roots().iter().enumerate() {
        let mut made = 0;
        let path = format!("a/{turn}/y/z");
        root.create_dir_all_with(&path, Mode::from(0o755), &mut |_| {
            made += 1;
            Ok(())
        })
        .unwrap();
        root.create_dir_all_with(&path, Mode::from(0o755), &mut |_| unreachable!()).unwrap();
        assert_eq!(made, 3);
        assert_eq!(errno(&root.create_dir_all("a/b/file/c", Mode::empty()).unwrap_err()), Errno::NOTDIR);
    }
}

#[test]
fn the_real_path_follows_every_link_and_keeps_what_is_missing() {
    let tree = Tree::new();
    tree.link("/a/b", "absolute").link("../../../x/y", "a/b/gone");
    for root in tree.roots() {
        let real = |path: &str| root.real_path(path).unwrap().to_str().unwrap().to_owned();
        assert_eq!(real("absolute/file"), "/a/b/file");
        assert_eq!(real("absolute/gone/z"), "/x/y/z");
        assert_eq!(real("none/../such/./dir/"), "/such/dir");
        assert_eq!(real("../.."), "/");
    }
}

#[test]
fn the_parent_is_resolved_and_the_name_is_not() {
    let tree = Tree::new();
    tree.link("a/b", "dir").link("/dev/null", "a/b/last");
    for root in tree.roots() {
        let parent = root.parent("dir/last/").unwrap();
        assert_eq!(parent.name, "last");
        assert!(rustix::fs::readlinkat(&parent.dir, "last", Vec::new()).is_ok());
        assert_eq!(errno(&root.parent("dir/..").unwrap_err()), Errno::INVAL);
    }
}

#[test]
fn a_final_link_is_not_followed_when_so_asked() {
    let tree = Tree::new();
    tree.link("a", "link");
    for root in tree.roots() {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW;
        assert_eq!(errno(&root.open_at("link", flags, Mode::empty()).unwrap_err()), Errno::LOOP);
        assert!(root.open_at("link/", flags, Mode::empty()).is_ok());
    }
}

#[test]
fn files_that_are_too_large_or_special_are_not_read() {
    let tree = Tree::new();
    fs::write(tree.dir.path().join("root/big"), vec![0; 101]).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, tree.dir.path().join("root/pipe"), Mode::from(0o600)).unwrap();
    for root in tree.roots() {
        assert_eq!(read(&root, "big"), Err(Errno::FBIG));
        assert_eq!(read(&root, "pipe"), Err(Errno::INVAL));
    }
}

fn component() -> impl Strategy_<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "c", "..", ".", "", "file", "link", "other"])
}

use proptest::strategy::Strategy as Strategy_;

fn paths() -> impl Strategy_<Value = String> {
    (any::<bool>(), prop::collection::vec(component(), 1..7))
        .prop_map(|(absolute, parts)| format!("{}{}", if absolute { "/" } else { "" }, parts.join("/")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The walk agrees with the kernel on every tree of links.
    #[test]
    fn the_walk_finds_what_the_kernel_finds(links in prop::collection::vec((paths(), paths()), 0..6), path in paths()) {
        let tree = Tree::new();
        for (name, target) in links {
            let name = name.split('/').filter(|part| *part != "..").collect::<Vec<_>>().join("/");
            let _ = symlink(&target, tree.dir.path().join("root").join(name.trim_start_matches('/')));
        }
        let found: Vec<_> = tree.roots().iter().map(|root| identify(root, Path::new(&path))).collect();
        prop_assert_eq!(&found[0], &found[1], "path {:?}", path);
    }
}

fn identify(root: &Root, path: &Path) -> Result<(u64, u64), Errno> {
    let fd = root.open_at(path, OFlags::PATH, Mode::empty()).map_err(|error| errno(&error))?;
    let stat = rustix::fs::fstat(&fd).unwrap();
    Ok((stat.st_dev, stat.st_ino))
}
