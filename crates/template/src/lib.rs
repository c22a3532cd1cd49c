#![forbid(unsafe_code)]
//! The subset of Go's `text/template` that `--format` and `inspect -f` speak, over JSON values.
