//! The Dockerfile parser: any text is a file or a mistake with its line.
#![no_main]

use build::dockerfile::{Dockerfile, parse_trigger};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Dockerfile::parse("Dockerfile", text) {
        Ok(file) => {
            let instructions = file.stages.iter().flat_map(|stage| &stage.instructions);
            for instruction in file.globals.iter().chain(instructions) {
                assert!(instruction.line <= instruction.last_line);
                assert!(!file.excerpt(instruction).lines.is_empty());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let _ = parse_trigger(text);
});
