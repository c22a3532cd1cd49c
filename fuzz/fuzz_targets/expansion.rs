//! Quotes and variables in the arguments of instructions.
#![no_main]

use build::expand::{document, word, words};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let lookup = |name: &str| (name.len() < 3).then(|| name.repeat(2));
    for escape in ['\\', '`'] {
        let _ = word(text, escape, &lookup);
        let _ = words(text, escape, &lookup);
        let _ = document(text, escape, &lookup);
    }
});
