#![forbid(unsafe_code)]
//! The Docker Engine API and Berth's own routes over a Unix socket.
