//! The node on real parts: SQLite files, its embedded broker, HTTP.
//!
//! Owns one test program with one module per subject. Takes a folder of its own per test. Emits nothing. On failure: says which promise broke.
#![allow(clippy::unwrap_used)]
mod budget;
mod commands;
mod content;
mod devices;
mod documents;
mod input;
mod journal;
mod labels;
mod phones;
mod products;
mod screens;
mod signage;
mod storage;
mod tck;
mod time;
mod torn;
mod trips;
mod world;
