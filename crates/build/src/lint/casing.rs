//! Upper and lower case.

use super::{Findings, written_name};
use crate::dockerfile::{Instruction, Kind};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Upper,
    Lower,
    Mixed,
}

fn case(word: &str) -> Case {
    match (word.contains(|c: char| c.is_ascii_lowercase()), word.contains(|c: char| c.is_ascii_uppercase())) {
        (true, false) => Case::Lower,
        (false, _) => Case::Upper,
        (true, true) => Case::Mixed,
    }
}

pub(super) fn check(found: &mut Findings<'_>) {
    for stage in &found.file.stages {
        from(found, &stage.at);
    }
    instructions(found);
    for instruction in found.instructions() {
        if let Kind::Expose(ports) = &instruction.kind {
            for port in ports {
                let protocol = port.split_once('/').map_or("", |(_, protocol)| protocol);
                if !protocol.contains('$') && case(protocol) != Case::Lower && !protocol.is_empty() {
                    let message = format!("the protocol {protocol:?} should be lower case");
                    found.add("ExposeProtoCasing", instruction, message);
                }
            }
        }
    }
}

/// `FROM image AS name`: the keywords alike, the name in lower case.
fn from(found: &mut Findings<'_>, at: &Instruction) {
    let words: Vec<&str> = at.text.split_whitespace().collect();
    let [.., keyword, name] = words.as_slice() else { return };
    if !keyword.eq_ignore_ascii_case("AS") || words.len() < 4 {
        return;
    }
    if case(name) != Case::Lower && name.contains(|c: char| c.is_ascii_uppercase()) {
        let message = format!("the stage name {name:?} should be lower case");
        found.add("StageNameCasing", at, message);
    }
    let own = written_name(at);
    if case(own) != case(keyword) {
        found.add("FromAsCasing", at, format!("{own:?} and {keyword:?} are not written in the same case"));
    }
}

/// All instructions in the case that most have.
fn instructions(found: &mut Findings<'_>) {
    let count = |wanted| found.instructions().filter(|line| case(written_name(line)) == wanted).count();
    let (wanted, name) = match count(Case::Lower) > count(Case::Upper) {
        true => (Case::Lower, "lower"),
        false => (Case::Upper, "upper"),
    };
    for instruction in found.instructions() {
        let word = written_name(instruction);
        if case(word) != wanted {
            let message = format!("{word:?} should be in {name} case as most instructions are");
            found.add("ConsistentInstructionCasing", instruction, message);
        }
    }
}
