//! Files of variables and labels, as `docker run --env-file` reads them.

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::failure::Failure;

/// The variables of files, and after them those of flags. A flag's name without any value is sent as it is: it takes
/// the image's variable of that name away.
///
/// # Errors
/// A file that cannot be read, or a variable without a name.
pub(crate) fn environment(files: &[PathBuf], variables: &[String]) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    for file in files {
        all.extend(self::variables(file)?);
    }
    for variable in variables {
        all.push(with_own_value(variable)?.unwrap_or_else(|| variable.clone()));
    }
    Ok(all)
}

/// The variables of a file; a name without a value is taken from this process, and left out when it has none.
fn variables(path: &Path) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    for line in lines(path)? {
        let name = line.split('=').next().unwrap_or_default();
        if name.is_empty() || name.contains(char::is_whitespace) {
            let text =
                format!("{}: the variable name {name:?} is empty or contains white space", path.display());
            return Err(Failure::new(text));
        }
        all.extend(with_own_value(&line)?);
    }
    Ok(all)
}

/// `NAME=VALUE` as it is; `NAME` with this process's value, nothing when it has none.
fn with_own_value(variable: &str) -> Result<Option<String>, Failure> {
    if variable.is_empty() || variable.starts_with('=') {
        return Err(Failure::new(format!("invalid environment variable: {variable:?}")));
    }
    if variable.contains('=') {
        return Ok(Some(variable.to_owned()));
    }
    Ok(env::var(variable).ok().map(|value| format!("{variable}={value}")))
}

/// The lines of a file that are neither empty nor comments.
pub(crate) fn lines(path: &Path) -> Result<Vec<String>, Failure> {
    let text =
        fs::read_to_string(path).map_err(|e| Failure::new(format!("cannot read {}: {e}", path.display())))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_variables_keeps_quotes_and_skips_comments() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("env");
        fs::write(&path, "# note\nA=1\n\n  B=\"x y\"\nNO_SUCH_VARIABLE_HERE\n").unwrap();
        assert_eq!(variables(&path).unwrap(), ["A=1", "B=\"x y\""]);
        let all = environment(std::slice::from_ref(&path), &["NO_SUCH_VARIABLE_HERE".to_owned()]).unwrap();
        assert_eq!(all, ["A=1", "B=\"x y\"", "NO_SUCH_VARIABLE_HERE"]);
        fs::write(&path, "bad name=1\n").unwrap();
        assert!(variables(&path).unwrap_err().message().contains("\"bad name\""));
    }
}
