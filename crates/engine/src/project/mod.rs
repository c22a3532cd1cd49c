//! Whole projects: `up`, `down` and `run`.
//!
//! | part | does | I/O |
//! |---|---|---|
//! | [`observed`] | what there is, as far as a plan needs it | — |
//! | [`plan`] | project and observation → [`Plan`], a graph of steps | none: pure |
//! | [`preflight`] | problems that would stop a plan half way, found before it starts | none: pure |
//! | [`convert`] | a service → what its container is made from | none: pure |
//! | [`execute`] | takes the steps, as many at a time as their order allows | through [`Engine`] |
//!
//! The project is written into the journal before the first step is taken, so that the next engine finds it when this
//! one is killed, and finishes: a plan made from what is left has just the steps that are missing.
//!
//! # Long-lived tasks
//! One for each `up`, `down` or preparation of `run` that is under way; it holds the project's [`locks`] entry until it ends.

mod build_request;
pub mod convert;
mod execute;
mod files;
mod images;
pub mod labels;
mod locks;
mod look;
pub mod observed;
mod one_off;
mod options;
pub mod plan;
pub mod preflight;
mod progress;
mod pull;
mod run;
mod tryout;
mod wait;

pub use build_request::build_request;
pub(crate) use locks::Locks;
pub use options::{BuildChoice, DownOptions, PullChoice, RemoveImages, RunOptions, UpOptions};
pub use plan::images::build_order;
pub use plan::{Action, Plan, PlanError, Step, plan, plan_down};
pub use progress::{ProgressEvent, ProjectSummary};
