//! Patterns of `.dockerignore`: any text and any path have an answer, and the short ways give the same one.
#![no_main]

use build::Ignore;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (text, path) = input;
    let Ok(ignore) = Ignore::parse(text) else { return };
    let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).take(16).collect();
    let path = path.join("/");
    if !ignore.excludes(&path) {
        // A walk must come to what takes part: it goes into an excluded directory only if told to.
        for (at, _) in path.match_indices('/') {
            assert!(!ignore.excludes(&path[..at]) || ignore.may_include_beneath(&path[..at]));
        }
    }
});
