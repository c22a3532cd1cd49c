//! What runs in a service's containers.

use super::cursor::Cursor;
use super::environment::environment;
use super::fields::Fields;
use crate::model::Process;

/// The keys of [`Process`].
pub(super) fn process(fields: &Fields<'_>) -> Process {
    Process {
        command: fields.parse("command", Cursor::command),
        entrypoint: fields.parse("entrypoint", Cursor::command),
        environment: fields.parse("environment", environment).unwrap_or_default(),
        working_dir: fields.text("working_dir"),
        user: fields.parse("user", |c| c.text_or_number().map(str::to_owned)),
        group_add: fields.parse("group_add", texts_or_numbers).unwrap_or_default(),
        stdin_open: fields.boolean("stdin_open").unwrap_or(false),
        tty: fields.boolean("tty").unwrap_or(false),
        init: fields.boolean("init"),
        hostname: fields.text("hostname"),
        domainname: fields.text("domainname"),
    }
}

/// A list of strings and numbers.
pub(super) fn texts_or_numbers(cursor: &Cursor<'_>) -> Option<Vec<String>> {
    Some(cursor.items()?.iter().filter_map(|item| item.text_or_number().map(str::to_owned)).collect())
}
