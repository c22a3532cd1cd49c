//! From the tables that are there to those that should be, in as little as possible.

use super::model::{Set, Table};
use super::transaction::Transaction;
use crate::netlink::Batch;

/// The transaction that turns `old` into `new`; `None` when they are equal.
pub(crate) fn change(old: &[Table], new: &[Table]) -> Option<Batch> {
    if old == new {
        return None;
    }
    let mut transaction = Transaction::new();
    for table in old {
        if !new.iter().any(|other| same(table, other)) {
            transaction.remove(table.family, &table.name);
        }
    }
    for table in new {
        match old.iter().find(|other| same(table, other)) {
            None => transaction.replace(table),
            Some(old) if old.chains == table.chains && shapes(old) == shapes(table) => {
                change_elements(&mut transaction, old, table);
            }
            Some(_) => transaction.replace(table),
        }
    }
    Some(transaction.finish())
}

fn same(a: &Table, b: &Table) -> bool {
    a.family == b.family && a.name == b.name
}

fn shapes(table: &Table) -> Vec<(&str, usize, usize)> {
    table.sets.iter().map(|set| (set.name, set.key.len(), set.data.len())).collect()
}

/// Removals first, so that a port can pass from one container to another within the transaction.
fn change_elements(transaction: &mut Transaction, old: &Table, new: &Table) {
    let pairs = || old.sets.iter().zip(&new.sets).filter(|(a, b): &(&Set, &Set)| a.elements != b.elements);
    for (before, after) in pairs() {
        transaction.remove_elements(new, after, before.elements.difference(&after.elements));
    }
    for (before, after) in pairs() {
        transaction.add_elements(new, after, after.elements.difference(&before.elements));
    }
}
