//! Interpolation: `$VAR`, `${VAR}` and the six forms with a default, an error or a replacement.

mod template;
mod tree;

pub(crate) use template::{TemplateError, TemplateErrorKind, substitute};
pub(crate) use tree::{interpolate, template_finding};
