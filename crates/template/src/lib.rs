#![forbid(unsafe_code)]
//! The part of Go's `text/template` that people use with `--format` and `inspect -f`.
//!
//! Data is JSON. Offered: fields and chains, `index`, `range`, `with`, `if`/`else`, variables, pipelines,
//! comparison and logic, `len`, `slice`, `print*`, and Docker's `json`, `join`, `split`, `lower`, `upper`, `title`,
//! `pad`, `truncate`. Values print as Go prints them: `[a b]`, `map[k:v]`, `<no value>`.
//!
//! A key that ends in `()` is a method: `{{.Label "x"}}` looks `x` up in the object at the key `Label()`.
//! Deliberately absent: `define`, `template`, `block`.

mod ast;
mod eval;
mod functions;
mod lexer;
mod parser;
mod print;
mod printf;

pub use eval::RenderError;
pub use parser::ParseError;
pub use print::text;

use serde_json::Value;

/// A parsed template.
#[derive(Debug, Clone)]
pub struct Template {
    nodes: Vec<ast::Node>,
}

impl Template {
    /// Parses a template's text.
    ///
    /// # Errors
    /// [`ParseError`] names what was not understood and where.
    pub fn parse(text: &str) -> Result<Template, ParseError> {
        Ok(Template { nodes: parser::parse(text)? })
    }

    /// Renders the template with `data` as `.`.
    ///
    /// # Errors
    /// [`RenderError`]: a field that is not there, or a function that does not take what it gets.
    pub fn render(&self, data: &Value) -> Result<String, RenderError> {
        eval::render(&self.nodes, data)
    }

    /// The fields of `.` that the template begins its expressions with, in order: what a table's columns are.
    pub fn fields(&self) -> Vec<&str> {
        ast::top_fields(&self.nodes)
    }
}

#[cfg(test)]
mod tests;
