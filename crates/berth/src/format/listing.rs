//! Lists: Docker's `--format`, `--quiet` and default tables.

use serde_json::{Map, Value};
use template::Template;

use super::columns;
use crate::failure::Failure;
use crate::output;

/// What a list shows unless told otherwise.
pub(crate) struct Listing {
    /// Fields and their headings.
    pub(crate) headings: &'static [(&'static str, &'static str)],
    /// The fields of the default table, in order.
    pub(crate) table: &'static [&'static str],
    /// The field that `-q` shows.
    pub(crate) quiet: &'static str,
}

impl Listing {
    /// Prints rows, each an object of the fields.
    ///
    /// # Errors
    /// A template that is none or does not fit the rows.
    pub(crate) fn print(&self, rows: &[Value], format: Option<&str>, quiet: bool) -> Result<(), Failure> {
        let text = self.text(rows, format, quiet)?;
        output::write(text.as_bytes())
    }

    fn text(&self, rows: &[Value], format: Option<&str>, quiet: bool) -> Result<String, Failure> {
        let format = format.map(str::trim).filter(|format| !format.is_empty());
        if quiet && format.is_none_or(|format| format == "table") {
            return Ok(rows.iter().map(|row| format!("{}\n", template::text(&row[self.quiet]))).collect());
        }
        match format {
            None | Some("table") => self.table(&self.default_table(), rows),
            Some("json") => lines("{{json .}}", rows),
            Some(format) => match format.strip_prefix("table ") {
                Some(template) => self.table(template.trim(), rows),
                None => lines(format, rows),
            },
        }
    }

    fn default_table(&self) -> String {
        self.table.iter().map(|field| format!("{{{{.{field}}}}}")).collect::<Vec<_>>().join("\t")
    }

    fn table(&self, template: &str, rows: &[Value]) -> Result<String, Failure> {
        let template = parsed(template)?;
        let headings = std::iter::once(self.heading_row(&template, rows));
        let mut cells = Vec::new();
        for row in headings.chain(rows.iter().cloned()) {
            let line = rendered(&template, &row)?;
            cells.push(line.split('\t').map(str::to_owned).collect());
        }
        Ok(columns(&cells))
    }

    /// A row whose values are the headings; a method's heading is what it is asked for.
    fn heading_row(&self, template: &Template, rows: &[Value]) -> Value {
        let mut row = Map::new();
        for field in template.fields() {
            row.insert(field.to_owned(), Value::from(field.to_uppercase()));
        }
        for (field, heading) in self.headings {
            row.insert((*field).to_owned(), Value::from(*heading));
        }
        for method in
            rows.iter().filter_map(Value::as_object).flat_map(Map::keys).filter(|key| key.ends_with("()"))
        {
            row.insert(method.clone(), Value::Object(Map::new()));
        }
        Value::Object(row)
    }
}

fn lines(format: &str, rows: &[Value]) -> Result<String, Failure> {
    let template = parsed(format)?;
    let mut text = String::new();
    for row in rows {
        text.push_str(&rendered(&template, row)?);
        text.push('\n');
    }
    Ok(text)
}

/// Renders one document with a template given by the user; `json` is the whole document.
///
/// # Errors
/// A template that is none or does not fit.
pub(crate) fn render_template(format: &str, data: &Value) -> Result<String, Failure> {
    let format = if format == "json" { "{{json .}}" } else { format };
    rendered(&parsed(format)?, data)
}

/// `\t` and `\n` may be written as such.
fn parsed(format: &str) -> Result<Template, Failure> {
    let text = format.replace("\\t", "\t").replace("\\n", "\n");
    Template::parse(&text).map_err(|e| Failure::new(format!("invalid format template: {e}")))
}

fn rendered(template: &Template, data: &Value) -> Result<String, Failure> {
    template.render(data).map_err(|e| Failure::new(format!("template cannot be rendered: {e}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIST: Listing = Listing {
        headings: &[("ID", "CONTAINER ID"), ("Names", "NAMES")],
        table: &["ID", "Names"],
        quiet: "ID",
    };

    fn shown(format: Option<&str>, quiet: bool) -> String {
        let rows = [json!({"ID": "1", "Names": "web", "Label()": {"k": "v"}})];
        LIST.text(&rows, format, quiet).unwrap()
    }

    #[test]
    fn every_form_of_a_list() {
        assert_eq!(shown(None, false), "CONTAINER ID   NAMES\n1              web\n");
        assert_eq!(shown(None, true), "1\n");
        assert_eq!(shown(Some("{{.Names}}\\t{{.ID}}"), false), "web\t1\n");
        assert_eq!(shown(Some("table {{.Names}}"), true), "NAMES\nweb\n");
        assert_eq!(shown(Some("json"), false), "{\"ID\":\"1\",\"Names\":\"web\"}\n");
        assert_eq!(shown(Some(r#"{{.Label "k"}}"#), false), "v\n");
    }

    #[test]
    fn a_field_that_is_not_there_is_named() {
        let failure = LIST.text(&[json!({"ID": "1"})], Some("{{.Nope}}"), false).unwrap_err();
        assert!(failure.message().contains("Nope"), "{}", failure.message());
    }
}
