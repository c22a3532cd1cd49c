//! Golden tests of plans, over a world in which steps are taken without an engine.

mod down;
mod interrupted;
mod preflight;
mod up;
mod world;
