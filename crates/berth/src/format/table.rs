//! Columns as Docker aligns them.

/// The least width of a column.
const LEAST: usize = 10;
/// Spaces between columns.
const GAP: usize = 3;

/// Lines whose cells stand under each other; the last cell of a line is not padded.
pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter(|row| row.len() > column + 1).map(|row| shown(&row[column])).max();
    let widths: Vec<usize> =
        (0..count).map(|column| width(column).map_or(0, |w| (w + GAP).max(LEAST))).collect();
    let mut text = String::new();
    for row in rows {
        for (at, cell) in row.iter().enumerate() {
            text.push_str(cell);
            if at + 1 < row.len() {
                text.push_str(&" ".repeat(widths[at] - shown(cell)));
            }
        }
        text.push('\n');
    }
    text
}

fn shown(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_under_each_other_with_three_spaces_between() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        let text = columns(&[row(&["NAME", "ID"]), row(&["a-long-name", "1"])]);
        assert_eq!(text, "NAME          ID\na-long-name   1\n");
        assert_eq!(columns(&[row(&["A", "B"])]), "A         B\n");
    }
}
