#![forbid(unsafe_code)]
//! The `berth` command.

fn main() {}
