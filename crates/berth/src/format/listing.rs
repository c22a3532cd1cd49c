//! Lists: Docker's `--format`, `--quiet` and default tables.

use serde_json::{Map, Value};
use template::Template;

use super::{columns, human};
use crate::failure::Failure;
use crate::output;
use crate::terminal::Size;

/// What a list shows unless told otherwise.
pub(crate) struct Listing {
    /// Fields and their headings.
    pub(crate) headings: &'static [(&'static str, &'static str)],
    /// The fields of the default table, in order.
    pub(crate) table: &'static [&'static str],
    /// The field that `-q` shows.
    pub(crate) quiet: &'static str,
}

/// How a default table gets narrower for a terminal.
pub(crate) struct Narrow {
    /// Fields that are left out, the first first.
    pub(crate) yields: &'static [&'static str],
    /// The field that is cut if that is not enough; none with an empty name.
    pub(crate) cut: &'static str,
}

/// What is left of a field that is cut.
const LEAST_CUT: usize = 10;

impl Listing {
    /// As [`Listing::print`]; the default table is made to fit a terminal, where a wrapped one cannot be read.
    ///
    /// # Errors
    /// As [`Listing::print`].
    pub(crate) fn print_fitting(
        &self,
        rows: &[Value],
        format: Option<&str>,
        quiet: bool,
        narrow: &Narrow,
    ) -> Result<(), Failure> {
        let width = Size::now().filter(|_| output::stdout_is_terminal()).map(|size| usize::from(size.width));
        match width {
            Some(width) if format.is_none() && !quiet => {
                output::write(self.fitting(rows, width, narrow)?.as_bytes())
            }
            _ => self.print(rows, format, quiet),
        }
    }

    fn fitting(&self, rows: &[Value], width: usize, narrow: &Narrow) -> Result<String, Failure> {
        let mut fields = self.table.to_vec();
        let mut cells = self.cells(&table_of(&fields), rows)?;
        for field in narrow.yields {
            if widest(&cells) <= width {
                break;
            }
            fields.retain(|known| known != field);
            cells = self.cells(&table_of(&fields), rows)?;
        }
        let excess = widest(&cells).saturating_sub(width);
        if let Some(at) = fields.iter().position(|field| *field == narrow.cut).filter(|_| excess > 0) {
            let length = |row: &Vec<String>| row.get(at).map_or(0, |cell| cell.chars().count());
            let kept = cells.iter().map(length).max().unwrap_or(0).saturating_sub(excess).max(LEAST_CUT);
            for cell in cells.iter_mut().filter_map(|row| row.get_mut(at)) {
                *cell = human::ellipsis(cell, kept);
            }
        }
        Ok(columns(&cells))
    }

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
            None | Some("table") => self.table(&table_of(self.table), rows),
            Some("json") => lines("{{json .}}", rows),
            Some(format) => match format.strip_prefix("table ") {
                Some(template) => self.table(template.trim(), rows),
                None => lines(format, rows),
            },
        }
    }

    fn table(&self, template: &str, rows: &[Value]) -> Result<String, Failure> {
        Ok(columns(&self.cells(template, rows)?))
    }

    /// The headings and the rows, in cells.
    fn cells(&self, template: &str, rows: &[Value]) -> Result<Vec<Vec<String>>, Failure> {
        let template = parsed(template)?;
        let headings = std::iter::once(self.heading_row(&template, rows));
        let mut cells = Vec::new();
        for row in headings.chain(rows.iter().cloned()) {
            let line = rendered(&template, &row)?;
            cells.push(line.split('\t').map(str::to_owned).collect());
        }
        Ok(cells)
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

/// The template of a table of fields.
fn table_of(fields: &[&str]) -> String {
    fields.iter().map(|field| format!("{{{{.{field}}}}}")).collect::<Vec<_>>().join("\t")
}

fn widest(cells: &[Vec<String>]) -> usize {
    columns(cells).lines().map(|line| line.trim_end().chars().count()).max().unwrap_or(0)
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
    fn a_table_leaves_out_and_cuts_what_does_not_fit() {
        let rows = [json!({"ID": "0123456789ab", "Names": "a-container-of-a-long-name"})];
        let fitting = |width, yields| LIST.fitting(&rows, width, &Narrow { yields, cut: "Names" }).unwrap();
        assert_eq!(fitting(41, &["ID"]), "CONTAINER ID   NAMES\n0123456789ab   a-container-of-a-long-name\n");
        assert_eq!(fitting(40, &["ID"]), "NAMES\na-container-of-a-long-name\n");
        assert_eq!(fitting(30, &[]), "CONTAINER ID   NAMES\n0123456789ab   a-container-of…\n");
    }

    #[test]
    fn a_field_that_is_not_there_is_named() {
        let failure = LIST.text(&[json!({"ID": "1"})], Some("{{.Nope}}"), false).unwrap_err();
        assert!(failure.message().contains("Nope"), "{}", failure.message());
    }
}
