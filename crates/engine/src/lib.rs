#![forbid(unsafe_code)]
//! Records, planner, executor, health, restart, events.
