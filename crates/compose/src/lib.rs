#![forbid(unsafe_code)]
//! Compose files to a resolved Project: interpolation, merge, include, extends, profiles.
