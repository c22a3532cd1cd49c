//! Several stages: at the same time, sharing steps, stopping each other.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use std::fs;

use build::NamedContext;
use common::{Bench, chain};

/// A pipe outside the context, so that it decides nothing.
fn pipe(bench: &Bench) -> String {
    let path = bench.dir.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    path.display().to_string()
}

#[test]
fn independent_stages_run_at_the_same_time() {
    let mut bench = Bench::new();
    let pipe = pipe(&bench);
    // Each command waits for the other.
    let result = bench.build(&format!(
        "FROM scratch AS a\nRUN echo met > {pipe}; echo a > a\nFROM scratch AS b\nRUN cat {pipe} > b\n\
         FROM scratch\nCOPY --from=a /a /\nCOPY --from=b /b /\n"
    ));
    assert_eq!((bench.read(&result, "a").as_str(), bench.read(&result, "b").as_str()), ("a\n", "met\n"));
    bench.assert_tidy();
}

#[test]
fn a_step_that_two_stages_share_runs_once() {
    let mut bench = Bench::new();
    let result = bench.build(
        "FROM scratch AS a\nRUN echo x > x\nRUN echo a > a\nFROM scratch AS b\nRUN echo x > x\nRUN echo b > b\n\
         FROM scratch\nCOPY --from=a / /\nCOPY --from=b / /\n",
    );
    assert_eq!((bench.runs(), result.cached), (3, 1));
    let mut request = bench.request("FROM scratch AS a\nRUN echo x > x\nFROM scratch\nCOPY --from=a / /\n");
    assert_eq!(bench.try_request(&request).unwrap().cached, 1);
    request.no_cache_filter = vec!["A".into()];
    bench.try_request(&request).unwrap();
    assert_eq!(bench.runs(), 4);
}

#[test]
fn the_stage_that_fails_first_is_told() {
    let mut bench = Bench::new();
    let pipe = pipe(&bench);
    let error = bench
        .try_build(&format!(
            "FROM scratch AS a\nRUN : > {pipe}; exit 3\nFROM scratch AS b\nRUN : < {pipe}\n\
             FROM scratch\nCOPY --from=a / /\nCOPY --from=b / /\n"
        ))
        .unwrap_err();
    assert!(chain(&error).starts_with("Dockerfile:2: the command exited with code 3"), "{}", chain(&error));
    bench.assert_tidy();
}

#[test]
fn a_trigger_may_copy_from_a_stage_of_the_file() {
    let mut bench = Bench::new();
    bench.build_as("base:1", "FROM scratch\nONBUILD COPY --from=made /x /y\n");
    let result = bench.build("FROM scratch AS made\nRUN echo x > x\nFROM base:1\n");
    assert_eq!(bench.read(&result, "y"), "x\n");
}

#[test]
fn named_contexts_hide_stages_and_images() {
    let mut bench = Bench::new();
    bench.build_as("other:1", "FROM scratch\nRUN echo image > file\n");
    let further = bench.dir.path().join("further");
    fs::create_dir(&further).unwrap();
    for (name, content) in [("file", "further"), ("hidden", ""), (".dockerignore", "hidden")] {
        fs::write(further.join(name), content).unwrap();
    }
    let mut request = bench.request(
        "FROM base AS one\nFROM scratch AS files\nRUN exit 1\n\
         FROM one\nCOPY --from=files . /new/\nRUN --mount=from=files,target=/m true\n",
    );
    request.contexts.insert("base".into(), build::NamedContext::Image("other:1".into()));
    request.contexts.insert("files".into(), build::NamedContext::Directory(further));
    let result = bench.try_request(&request).unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!(bench.read(&result, "file"), "image\n");
    assert_eq!(bench.read(&result, "new/file"), "further");
    assert_eq!(bench.path(&result, "new/hidden"), None);
}

/// An OCI layout with one image of one file, made by saving it.
fn layout(bench: &mut Bench, file: &str) -> std::path::PathBuf {
    bench.write(file, "of the layout");
    let built = bench.build_as("saved:v1", &format!("FROM scratch\nCOPY {file} /\n"));
    let mut archive = Vec::new();
    bench.store.save(&["saved:v1".to_owned()], &mut archive).unwrap();
    bench.store.untag(&image::Reference::parse("saved:v1").unwrap()).unwrap();
    assert!(!built.image.is_empty());
    let directory = bench.dir.path().join("layout");
    fs::create_dir(&directory).unwrap();
    let root = beneath::Root::open(&directory).unwrap();
    image::extract(
        &root,
        std::path::Path::new("."),
        &mut archive.as_slice(),
        &image::ExtractOptions::default(),
    )
    .unwrap();
    directory
}

#[test]
fn an_oci_layout_is_a_context_and_gets_no_name() {
    let mut bench = Bench::new();
    let directory = layout(&mut bench, "own");
    let mut request = bench.request("FROM base\nCOPY --from=base /own /copied\n");
    let context = |image: Option<&str>| NamedContext::Layout {
        directory: directory.clone(),
        image: image.map(str::to_owned),
    };
    for image in [None, Some("v1"), Some("saved:v1")] {
        request.contexts.insert("base".into(), context(image));
        let result = bench.try_request(&request).unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert_eq!(bench.read(&result, "copied"), "of the layout");
    }
    assert!(bench.store.list().unwrap().iter().all(|image| image.references.is_empty()));
    request.contexts.insert("base".into(), context(Some("v2")));
    let told = chain(&bench.try_request(&request).unwrap_err());
    assert!(told.contains("it has no image v2; it holds saved:v1"), "{told}");
}
