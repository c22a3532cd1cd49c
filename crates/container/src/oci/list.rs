//! `state` and `list`.

use super::args::{Args, Flag, switch, value};
use super::error::OciError;
use super::help::print;
use super::state::{Status, json};
use super::store::{Record, Store};

pub(super) const LIST: &[Flag] = &[value("format", 'f'), switch("quiet", 'q')];

pub(super) fn state(store: &Store, args: Args) -> Result<i32, OciError> {
    let record = store.load(args.id()?)?;
    let status = Status::of(store, &record)?;
    let text = serde_json::to_string_pretty(&json(&record, status)).unwrap_or_default();
    print(&format!("{text}\n"))
}

pub(super) fn list(store: &Store, args: Args) -> Result<i32, OciError> {
    let all: Vec<(Record, Status)> = store
        .all()
        .into_iter()
        .filter_map(|record| Some((Status::of(store, &record).ok()?, record)))
        .map(|(status, record)| (record, status))
        .collect();
    if args.is_set("quiet") {
        return print(&all.iter().map(|(record, _)| format!("{}\n", record.id)).collect::<String>());
    }
    match args.get("format").unwrap_or("table") {
        "json" => {
            let all: Vec<_> = all.iter().map(|(record, status)| json(record, *status)).collect();
            print(&format!("{}\n", serde_json::Value::from(all)))
        }
        "table" => print(&table(&all)),
        other => Err(OciError::BadValue { flag: "format", value: other.to_owned() }),
    }
}

fn table(all: &[(Record, Status)]) -> String {
    let header = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned);
    let rows = all.iter().map(|(record, status)| {
        let pid = if *status == Status::Stopped { 0 } else { record.pid };
        [
            record.id.clone(),
            pid.to_string(),
            status.name().to_owned(),
            record.bundle.display().to_string(),
            record.created.clone(),
            record.owner.clone(),
        ]
    });
    let rows: Vec<[String; 6]> = std::iter::once(header).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0).max(8);
    let line = |row: &[String; 6]| -> String {
        let cells = row.iter().enumerate().map(|(at, cell)| format!("{cell:<0$}   ", width(at)));
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
