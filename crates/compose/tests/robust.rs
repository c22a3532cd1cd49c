//! No input may make the loader panic, hang or take the machine's memory.

#![allow(clippy::unwrap_used)]

use compose::{LoadOptions, load, render_yaml};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn load_text(text: &str) -> Result<compose::Loaded, compose::LoadError> {
    let environment = [("A".to_owned(), "1".to_owned())].into();
    load(&LoadOptions {
        files: vec![PathBuf::from("-")],
        stdin: Some(text.to_owned()),
        current_dir: PathBuf::from("/nonexistent/project"),
        environment,
        ..LoadOptions::default()
    })
}

fn corpus() -> Vec<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .filter_map(|text| {
            let start = text.find("-- compose.yaml --")?;
            let file = text[start..].split_once('\n')?.1;
            Some(file.split("\n-- ").next()?.to_owned())
        })
        .collect()
}

/// A change to a text at a place given as a fraction of its length.
#[derive(Debug, Clone)]
enum Change {
    Delete(f64, usize),
    Insert(f64, &'static str),
    CopyLine(f64, f64),
}

fn change() -> impl Strategy<Value = Change> {
    let pieces = prop::sample::select(vec![
        ":",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "*a",
        "&a ",
        "<<: ",
        "!reset ",
        "!override ",
        "\n",
        "  ",
        "$",
        "${",
        "}",
        "\"",
        "'",
        "null",
        "-1",
        "99999999999999999999",
        "true",
        "é",
        "\u{0}",
        "|\n",
        "? ",
        "%",
        "@",
        "#",
        ",",
        "/",
        "..",
        "\t",
    ]);
    prop_oneof![
        (0.0..1.0, 1_usize..12).prop_map(|(at, len)| Change::Delete(at, len)),
        (0.0..1.0, pieces).prop_map(|(at, piece)| Change::Insert(at, piece)),
        (0.0..1.0, 0.0..1.0).prop_map(|(from, to)| Change::CopyLine(from, to)),
    ]
}

fn boundary(text: &str, at: f64) -> usize {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let mut index = (text.len() as f64 * at) as usize;
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

fn apply(text: &mut String, change: &Change) {
    match change {
        Change::Delete(at, len) => {
            let start = boundary(text, *at);
            let end =
                (start + len..=text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
            text.replace_range(start..end, "");
        }
        Change::Insert(at, piece) => text.insert_str(boundary(text, *at), piece),
        Change::CopyLine(from, to) => {
            let lines: Vec<&str> = text.lines().collect();
            if lines.is_empty() {
                return;
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let line = |at: f64| ((lines.len() as f64 * at) as usize).min(lines.len() - 1);
            let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            let copy = lines[line(*from)].clone();
            let to = line(*to);
            lines.insert(to, copy);
            *text = lines.join("\n");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_are_refused_or_loaded(index in any::<prop::sample::Index>(), changes in prop::collection::vec(change(), 1..6)) {
        let corpus = corpus();
        let mut text = index.get(&corpus).clone();
        for change in &changes {
            apply(&mut text, change);
        }
        match load_text(&text) {
            Ok(loaded) => { let _ = render_yaml(&loaded.project); }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn any_text_is_refused_or_loaded(text in "[a-z:\\-\\[\\]{}&*!<$ \n\"'#|>?%@,\\PC]{0,80}") {
        let _ = load_text(&text);
    }
}

#[test]
fn nesting_and_aliases_have_limits() {
    for text in ["[".repeat(100_000), "{a: ".repeat(50_000), "- ".repeat(50_000), "a:\n".repeat(3)] {
        assert!(load_text(&text).is_err());
    }
    let mut bomb = String::from("x0: &x0 {a: b}\n");
    for level in 1..40 {
        let alias = format!("*x{}", level - 1);
        bomb += &format!("x{level}: &x{level} {{a: {alias}, b: {alias}, <<: {alias}}}\n");
    }
    let error = load_text(&bomb).unwrap_err().to_string();
    assert!(error.contains("100000 values"), "{error}");
}

#[test]
fn extends_and_interpolation_have_limits() {
    let mut chain = String::from("services:\n  s0: {image: x}\n");
    for index in 1..200 {
        chain += &format!("  s{index}: {{extends: s{}}}\n", index - 1);
    }
    assert!(load_text(&chain).unwrap_err().to_string().contains("extend one another"));
    let deep = format!("services: {{a: {{image: \"{}{}\"}}}}", "${B:-".repeat(500), "}".repeat(500));
    assert!(load_text(&deep).unwrap_err().to_string().contains("nested"));
}
