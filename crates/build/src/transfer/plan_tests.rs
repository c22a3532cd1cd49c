use std::fs;
use std::os::unix::fs::symlink;

use super::super::select::Origin;
use super::*;
use crate::context::Ignore;
use crate::request::Cancel;

struct Fixture {
    dir: tempfile::TempDir,
}

impl Fixture {
    /// Makes `src/…` and `image/…`; a path that ends in a slash is a directory.
    fn new(paths: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for path in ["src/", "image/"].iter().chain(paths) {
            let full = dir.path().join(path);
            fs::create_dir_all(if path.ends_with('/') { &full } else { full.parent().unwrap() }).unwrap();
            if !path.ends_with('/') {
                fs::write(full, path).unwrap();
            }
        }
        Self { dir }
    }

    fn link(&self, to: &str, path: &str) {
        symlink(to, self.dir.path().join(path)).unwrap();
    }

    /// Copies `sources` to `destination` and shows the plan.
    fn plan(&self, sources: &[&str], destination: &str) -> Result<Vec<String>, String> {
        let src = Tree::plain(&self.dir.path().join("src")).unwrap();
        let image = Tree::plain(&self.dir.path().join("image")).unwrap();
        let (none, cancel) = (Ignore::default(), Cancel::default());
        let origin = Origin {
            tree: &src,
            ignore: &none,
            exclude: &none,
            devices: false,
            name: "the build context",
            cancel: &cancel,
        };
        let mut planner = Planner::new(&image, Overrides { root_owned: true, ..Overrides::default() });
        for source in sources {
            for selected in origin.select(source).map_err(|error| error.to_string())? {
                planner
                    .add(selected, destination, destination.ends_with('/'))
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(planner.finish().iter().map(show).collect())
    }
}

fn show(planned: &Planned) -> String {
    let from = match &planned.content {
        Content::Directory { .. } => "/".to_owned(),
        Content::File(entry) => format!(" < {}", entry.path.display()),
        Content::HardLink { to, .. } => format!(" = {}", to.display()),
        Content::Special(_) => " *".to_owned(),
        Content::Text(_) => " text".to_owned(),
    };
    format!("{}{from}", planned.target.display())
}

#[test]
fn a_file_goes_to_a_name_or_into_a_directory() {
    let fixture = Fixture::new(&["src/a", "image/dir/x"]);
    assert_eq!(fixture.plan(&["a"], "/new/b").unwrap(), ["new/", "new/b < a"]);
    assert_eq!(fixture.plan(&["a"], "/new/").unwrap(), ["new/", "new/a < a"]);
    assert_eq!(fixture.plan(&["a"], "/dir").unwrap(), ["dir/", "dir/a < a"]);
    assert_eq!(fixture.plan(&["a"], "/").unwrap(), ["a < a"]);
    assert_eq!(fixture.plan(&["./../../a"], "/dir/x").unwrap(), ["dir/", "dir/x < a"]);
}

#[test]
fn a_directory_gives_its_content() {
    let fixture = Fixture::new(&["src/d/a", "src/d/e/b", "image/app/e/z"]);
    assert_eq!(fixture.plan(&["d"], "/app").unwrap(), ["app/", "app/a < d/a", "app/e/", "app/e/b < d/e/b"]);
    assert_eq!(fixture.plan(&["."], "/x").unwrap().len(), 5);
    assert_eq!(fixture.plan(&["d/*"], "/x/").unwrap(), ["x/", "x/a < d/a", "x/b < d/e/b"]);
}

#[test]
fn links_of_the_image_are_followed_inside_it() {
    let fixture = Fixture::new(&["src/root/bin/a", "src/f", "image/usr/bin/z"]);
    fixture.link("usr/bin", "image/bin");
    fixture.link("/../../../usr", "image/u");
    fixture.link("/outside/file", "image/out");
    assert_eq!(fixture.plan(&["f"], "/bin/").unwrap(), ["usr/", "usr/bin/", "usr/bin/f < f"]);
    assert_eq!(fixture.plan(&["f"], "/u/../u/x").unwrap(), ["usr/", "usr/x < f"]);
    assert_eq!(fixture.plan(&["f"], "/out").unwrap(), ["outside/", "outside/file < f"]);
    assert_eq!(fixture.plan(&["root"], "/").unwrap(), ["usr/", "usr/bin/", "usr/bin/a < root/bin/a"]);
}

#[test]
fn later_sources_win_and_hard_links_stay() {
    let fixture = Fixture::new(&["src/d/a", "src/e/a"]);
    fs::hard_link(fixture.dir.path().join("src/d/a"), fixture.dir.path().join("src/d/b")).unwrap();
    assert_eq!(fixture.plan(&["d"], "/x/").unwrap(), ["x/", "x/a < d/a", "x/b = x/a"]);
    assert_eq!(fixture.plan(&["d", "e"], "/x/").unwrap(), ["x/", "x/a < e/a", "x/b < d/b"]);
}

#[test]
fn conflicts_are_named() {
    let fixture = Fixture::new(&["src/a", "src/d/x/y", "image/file", "image/dir/a/", "image/dir/x"]);
    let error = |sources: &[&str], to: &str| fixture.plan(sources, to).unwrap_err();
    assert_eq!(
        error(&["a"], "/file/b"),
        "/file/b is not a directory in the image, so nothing can be copied into it"
    );
    assert_eq!(
        error(&["a"], "/file/"),
        "/file is not a directory in the image, so nothing can be copied into it"
    );
    assert_eq!(
        error(&["d"], "/file"),
        "/file is not a directory in the image, so nothing can be copied into it"
    );
    assert_eq!(error(&["a"], "/dir"), "/dir/a is a directory in the image; a file cannot replace it");
    assert_eq!(
        error(&["d"], "/dir"),
        "/dir/x is not a directory in the image, so nothing can be copied into it"
    );
    assert_eq!(error(&["nope"], "/x"), "\"nope\" is not in the build context");
    assert_eq!(error(&["*.go"], "/x/"), "no file in the build context matches \"*.go\"");
}
