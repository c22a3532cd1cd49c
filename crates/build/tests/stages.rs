//! Several stages: at the same time, sharing steps, stopping each other.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

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
    std::fs::create_dir(&further).unwrap();
    for (name, content) in [("file", "further"), ("hidden", ""), (".dockerignore", "hidden")] {
        std::fs::write(further.join(name), content).unwrap();
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
