//! Compose files: any text is a project that is written as one that reads the same, or has a mistake with its place.
#![no_main]

use compose::{LoadOptions, load, render_yaml};
use libfuzzer_sys::fuzz_target;

fn options(text: &str) -> LoadOptions {
    LoadOptions {
        files: vec!["-".into()],
        stdin: Some(text.to_owned()),
        current_dir: "/proc/self/task".into(),
        project_name: Some("fuzz".to_owned()),
        ignore_missing_files: true,
        ..LoadOptions::default()
    }
}

fuzz_target!(|text: &str| {
    // What names files of this machine would read them.
    if ["include", "env_file", "extends", "file"].iter().any(|word| text.contains(word)) {
        return;
    }
    match load(&options(text)) {
        Ok(loaded) => {
            let written = render_yaml(&loaded.project);
            if let Err(error) = load(&options(&written)) {
                panic!("{written}\n{error}");
            }
        }
        Err(error) => assert!(!error.diagnostics.is_empty()),
    }
});
