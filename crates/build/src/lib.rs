#![forbid(unsafe_code)]
//! Dockerfile to image, with a layer cache.
