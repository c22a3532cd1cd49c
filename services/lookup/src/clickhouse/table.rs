//! The table of accounts. README.md has the measurement behind engine, ordering key and granularity.

use super::{TableName, tsv};
use crate::{Accounts, Device};
use std::{fmt::Write as _, ops::Range};

/// Counts the rows of the table.
pub(crate) const COUNT: &str = "SELECT count() FROM";

/// The statements that make database and table.
pub(crate) fn create(name: &TableName) -> [String; 2] {
    [
        format!("CREATE DATABASE IF NOT EXISTS {}", name.database),
        format!(
            "CREATE TABLE IF NOT EXISTS {name} (username String, ipv4 UInt32, mac UInt64) \
             ENGINE = ReplacingMergeTree() ORDER BY (ipv4, mac) SETTINGS index_granularity = 256"
        ),
    ]
}

/// The statement that inserts the accounts with these numbers.
pub(crate) fn insert_rows(name: &TableName, accounts: &Accounts, numbers: Range<u64>) -> String {
    let mut query = format!("INSERT INTO {name} (username, ipv4, mac) FORMAT TabSeparated\n");
    for number in numbers {
        let Device { ipv4, mac } = accounts.device(number);
        let username = tsv::escaped(&accounts.username(number));
        let _ = writeln!(query, "{username}\t{}\t{}", ipv4.to_bits(), mac.bits());
    }
    query
}
