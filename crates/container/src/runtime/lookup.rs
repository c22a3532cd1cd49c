//! Finding the program, from inside the container.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, FileType, access, stat};

use super::error::CreateError;

/// Where programs are looked for when the environment has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Finds `program` as the calling process' user would: by its path if it has a slash, else along `path`.
pub(super) fn find(program: &str, path: Option<&str>) -> Result<CString, CreateError> {
    if program.contains('/') {
        return match probe(Path::new(program)) {
            Ok(()) => c_path(Path::new(program)),
            Err(why) => Err(refusal(program, why)),
        };
    }
    let mut denied = None;
    for dir in path.unwrap_or(DEFAULT_PATH).split(':').filter(|_| !program.is_empty()) {
        let candidate = Path::new(if dir.is_empty() { "." } else { dir }).join(program);
        match probe(&candidate) {
            Ok(()) => return c_path(&candidate),
            Err(Why::Denied) => denied = Some(candidate),
            Err(_) => {}
        }
    }
    match denied {
        Some(_) => Err(refusal(program, Why::Denied)),
        None => Err(CreateError::CommandNotFound {
            program: program.to_owned(),
            reason: "executable file not found in $PATH".to_owned(),
        }),
    }
}

/// Why a file cannot be executed.
enum Why {
    Missing(io::Error),
    Directory,
    Denied,
}

fn probe(path: &Path) -> Result<(), Why> {
    let stat = stat(path).map_err(|errno| Why::Missing(errno.into()))?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        return Err(Why::Directory);
    }
    access(path, Access::EXEC_OK).map_err(|_| Why::Denied)
}

fn refusal(program: &str, why: Why) -> CreateError {
    let name = program.to_owned();
    match why {
        Why::Missing(error) if error.raw_os_error() == Some(libc::EACCES) => refusal(program, Why::Denied),
        Why::Missing(error) => {
            let reason = format!("stat {program}: {}", plain(&error));
            CreateError::CommandNotFound { program: name, reason }
        }
        Why::Directory => CreateError::NotExecutable { program: name, reason: "is a directory".to_owned() },
        Why::Denied => CreateError::NotExecutable { program: name, reason: "permission denied".to_owned() },
    }
}

/// Why `execve` of a program that was found has failed.
pub(super) fn exec_failure(program: &str, error: &io::Error) -> CreateError {
    let (program, reason) = (program.to_owned(), plain(error));
    match error.raw_os_error() {
        // The interpreter that a script or the program names.
        Some(libc::ENOENT | libc::ENOTDIR) => CreateError::CommandNotFound { program, reason },
        _ => CreateError::NotExecutable { program, reason },
    }
}

/// The kernel's words, in the spelling that everybody knows from C.
fn plain(error: &io::Error) -> String {
    let text = match error.raw_os_error() {
        Some(libc::ENOENT) => "no such file or directory",
        Some(libc::EACCES) => "permission denied",
        Some(libc::ENOEXEC) => "exec format error",
        Some(libc::ENOTDIR) => "not a directory",
        Some(libc::ELOOP) => "too many levels of symbolic links",
        Some(libc::ETXTBSY) => "text file busy",
        Some(libc::E2BIG) => "argument list too long",
        _ => return error.to_string(),
    };
    text.to_owned()
}

fn c_path(path: &Path) -> Result<CString, CreateError> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| CreateError::InvalidSpec("the program's name contains a NUL byte".to_owned()))
}

/// The value of `name` in an environment.
pub(super) fn variable<'a>(env: &'a [String], name: &str) -> Option<&'a str> {
    env.iter().rev().find_map(|one| one.strip_prefix(name)?.strip_prefix('='))
}

/// Makes the path of a working directory known to be absolute.
pub(super) fn absolute(cwd: &Path) -> PathBuf {
    Path::new("/").join(cwd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(program: &str, path: Option<&str>) -> (i32, String) {
        let error = find(program, path).unwrap_err();
        (error.kind().exit_code(), error.to_string())
    }

    #[test]
    fn a_program_is_found_along_the_path() {
        assert_eq!(find("sh", Some("/nowhere:/bin")).unwrap().to_str().unwrap(), "/bin/sh");
        assert_eq!(find("/bin/sh", None).unwrap().to_str().unwrap(), "/bin/sh");
    }

    #[test]
    fn failures_are_told_as_docker_tells_them() {
        assert_eq!(
            message("no-such-program", None),
            (127, r#"exec: "no-such-program": executable file not found in $PATH"#.to_owned())
        );
        assert_eq!(
            message("/no/such", None),
            (127, r#"exec: "/no/such": stat /no/such: no such file or directory"#.to_owned())
        );
        assert_eq!(message("/etc", None), (126, r#"exec: "/etc": is a directory"#.to_owned()));
        assert_eq!(
            message("/etc/passwd", None),
            (126, r#"exec: "/etc/passwd": permission denied"#.to_owned())
        );
        assert_eq!(message("", None).0, 127);
    }

    #[test]
    fn the_last_value_of_a_variable_counts() {
        let env = ["A=1".to_owned(), "AB=2".to_owned(), "A=3".to_owned()];
        assert_eq!(variable(&env, "A"), Some("3"));
        assert_eq!(variable(&env, "B"), None);
    }
}
