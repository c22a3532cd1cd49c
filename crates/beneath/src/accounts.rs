//! Users and groups as the files of a root file system name them; never the host's NSS.

use std::io::ErrorKind;

use crate::{ResolveError, Root};

/// Largest account file that is read, in bytes.
const FILE_LIMIT: u64 = 16 << 20;
/// Largest id that may be given by number.
const MAX_ID: u32 = i32::MAX as u32;

/// Who a process runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary groups the group file lists for the user (empty when a group was given).
    pub groups: Vec<u32>,
    /// Home directory; `/` when the user is not in the file.
    pub home: String,
}

/// A user specification that the root file system's files do not answer.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// No such user name.
    #[error("unable to find user {0}: no matching entries in passwd file")]
    UnknownUser(String),
    /// No such group name.
    #[error("unable to find group {0}: no matching entries in group file")]
    UnknownGroup(String),
    /// A numeric id outside 0..=2147483647.
    #[error("uids and gids must be in range 0-2147483647, not {0}")]
    OutOfRange(String),
    /// `/etc/passwd` or `/etc/group` could not be read.
    #[error(transparent)]
    Read(#[from] ResolveError),
}

/// The parsed `/etc/passwd` and `/etc/group` of a root file system.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    users: Vec<User>,
    groups: Vec<Group>,
}

#[derive(Debug, Clone)]
struct User {
    name: String,
    uid: u32,
    gid: u32,
    home: String,
}

#[derive(Debug, Clone)]
struct Group {
    name: String,
    gid: u32,
    members: Vec<String>,
}

impl Accounts {
    /// Parses the two files' contents; lines that do not parse are skipped, as libc does.
    pub fn parse(passwd: &[u8], group: &[u8]) -> Self {
        Self {
            users: lines(passwd).filter_map(User::parse).collect(),
            groups: lines(group).filter_map(Group::parse).collect(),
        }
    }

    /// Reads both files beneath a root; a missing file is an empty one.
    pub fn read(root: &Root) -> Result<Self, AccountError> {
        Ok(Self::parse(&read_or_empty(root, "etc/passwd")?, &read_or_empty(root, "etc/group")?))
    }

    /// Resolves Docker's user specification: `""`, `user`, `uid`, `user:group`, `uid:gid`, …; `""` is root.
    pub fn resolve(&self, spec: &str) -> Result<Identity, AccountError> {
        let (user, group) = spec.split_once(':').unwrap_or((spec, ""));
        let found = self.find_user(user)?;
        let mut identity = match found {
            Ok(user) => {
                Identity { uid: user.uid, gid: user.gid, groups: Vec::new(), home: user.home.clone() }
            }
            Err(uid) => Identity { uid, gid: 0, groups: Vec::new(), home: "/".to_owned() },
        };
        if !group.is_empty() {
            identity.gid = self.group(group)?;
        } else if let Ok(user) = found {
            identity.groups = self.groups_of(&user.name);
        }
        Ok(identity)
    }

    /// The id of a group given by name or number (`--group-add`).
    pub fn group(&self, spec: &str) -> Result<u32, AccountError> {
        let number = number(spec)?;
        let found = self.groups.iter().find(|group| group.name == spec || Some(group.gid) == number);
        found.map(|group| group.gid).or(number).ok_or_else(|| AccountError::UnknownGroup(spec.to_owned()))
    }

    /// The entry of a user, or the number that has none.
    fn find_user(&self, spec: &str) -> Result<Result<&User, u32>, AccountError> {
        let spec = if spec.is_empty() { "0" } else { spec };
        let number = number(spec)?;
        let found = self.users.iter().find(|user| user.name == spec || Some(user.uid) == number);
        match (found, number) {
            (Some(user), _) => Ok(Ok(user)),
            (None, Some(uid)) => Ok(Err(uid)),
            (None, None) => Err(AccountError::UnknownUser(spec.to_owned())),
        }
    }

    fn groups_of(&self, user: &str) -> Vec<u32> {
        let listed = self.groups.iter().filter(|group| group.members.iter().any(|member| member == user));
        listed.map(|group| group.gid).collect()
    }
}

impl User {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let (name, _password) = (fields.next()?, fields.next()?);
        let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let home = fields.nth(1).filter(|home| !home.is_empty()).unwrap_or("/");
        (!name.is_empty()).then(|| Self { name: name.to_owned(), uid, gid, home: home.to_owned() })
    }
}

impl Group {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let (name, _password, gid) = (fields.next()?, fields.next()?, fields.next()?.parse().ok()?);
        let members = fields.next().unwrap_or("").split(',').filter(|member| !member.is_empty());
        (!name.is_empty()).then(|| Self {
            name: name.to_owned(),
            gid,
            members: members.map(str::to_owned).collect(),
        })
    }
}

/// The number a specification is; `None` for a name.
fn number(spec: &str) -> Result<Option<u32>, AccountError> {
    if spec.is_empty() || !spec.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match spec.parse() {
        Ok(id) if id <= MAX_ID => Ok(Some(id)),
        _ => Err(AccountError::OutOfRange(spec.to_owned())),
    }
}

fn lines(content: &[u8]) -> impl Iterator<Item = &str> {
    content.split(|&byte| byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok()).map(str::trim)
}

fn read_or_empty(root: &Root, path: &str) -> Result<Vec<u8>, ResolveError> {
    match root.read(path, FILE_LIMIT) {
        Err(error) if matches!(error.source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\nbad:x:no:0::/:\nredis:x:101:102::/var/lib/redis:/bin/sh\n+nis\n7:x:70:71::/seven:\nbare:x:5:6\n";
    const GROUP: &[u8] = b"root:x:0:\nredis:x:102:\nssl:x:103:www,redis\nadm:x:4:redis\n";

    fn resolve(spec: &str) -> Result<Identity, String> {
        Accounts::parse(PASSWD, GROUP).resolve(spec).map_err(|error| error.to_string())
    }

    fn identity(uid: u32, gid: u32, groups: &[u32], home: &str) -> Result<Identity, String> {
        Ok(Identity { uid, gid, groups: groups.to_vec(), home: home.to_owned() })
    }

    #[test]
    fn names_and_numbers_of_known_users_are_equal() {
        let redis = identity(101, 102, &[103, 4], "/var/lib/redis");
        assert_eq!(resolve("redis"), redis);
        assert_eq!(resolve("101"), redis);
        assert_eq!(resolve(""), identity(0, 0, &[], "/root"));
        assert_eq!(resolve("bare"), identity(5, 6, &[], "/"));
    }

    #[test]
    fn a_given_group_replaces_all_groups() {
        assert_eq!(resolve("redis:adm"), identity(101, 4, &[], "/var/lib/redis"));
        assert_eq!(resolve("redis:999"), identity(101, 999, &[], "/var/lib/redis"));
        assert_eq!(resolve(":ssl"), identity(0, 103, &[], "/root"));
    }

    #[test]
    fn unknown_numbers_are_taken_as_they_are() {
        assert_eq!(resolve("4242"), identity(4242, 0, &[], "/"));
        assert_eq!(resolve("4242:4343"), identity(4242, 4343, &[], "/"));
    }

    #[test]
    fn a_name_that_is_a_number_is_found_first_by_its_place_in_the_file() {
        assert_eq!(resolve("7"), identity(70, 71, &[], "/seven"));
    }

    #[test]
    fn unknown_names_and_huge_numbers_are_errors() {
        assert_eq!(
            resolve("bob").unwrap_err(),
            "unable to find user bob: no matching entries in passwd file"
        );
        assert_eq!(
            resolve("bad").unwrap_err(),
            "unable to find user bad: no matching entries in passwd file"
        );
        assert_eq!(
            resolve("redis:bob").unwrap_err(),
            "unable to find group bob: no matching entries in group file"
        );
        assert_eq!(
            resolve("2147483648").unwrap_err(),
            "uids and gids must be in range 0-2147483647, not 2147483648"
        );
        assert!(resolve("99999999999999").is_err());
    }

    #[test]
    fn a_root_without_account_files_knows_only_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = Accounts::read(&Root::open(dir.path()).unwrap()).unwrap();
        assert_eq!(accounts.resolve("12").unwrap().uid, 12);
        assert!(accounts.resolve("root").is_err());
    }
}
