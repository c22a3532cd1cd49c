//! Names of the host's users.

use std::collections::HashMap;

/// Users by number, from `/etc/passwd`.
#[derive(Debug)]
pub(super) struct Accounts(HashMap<u32, String>);

impl Accounts {
    pub(super) fn read() -> Self {
        Self::parse(&std::fs::read_to_string("/etc/passwd").unwrap_or_default())
    }

    fn parse(passwd: &str) -> Self {
        let account = |line: &str| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            Some((fields.nth(1)?.parse().ok()?, name.to_owned()))
        };
        // Of several names for one number the first counts.
        Self(passwd.lines().rev().filter_map(account).collect())
    }

    /// The user's name, or number if it has none.
    pub(super) fn name(&self, uid: u32) -> String {
        self.0.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_names_or_numbers() {
        let accounts = Accounts::parse("root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nbroken\n");
        assert_eq!(accounts.name(0), "root");
        assert_eq!(accounts.name(4711), "4711");
    }
}
