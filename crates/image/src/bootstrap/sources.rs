//! The machine's apt sources: read in both formats, reduced to Debian's own for one suite, written as deb822.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One enabled source of packages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Source {
    pub(super) uris: Vec<String>,
    pub(super) suites: Vec<String>,
    pub(super) components: Vec<String>,
    /// Path of a keyring, or keys inline (several lines); empty when apt's trusted keys count.
    pub(super) signed_by: String,
    /// Further fields, name and value, in deb822's spelling.
    pub(super) options: Vec<(String, String)>,
}

/// Reads `sources.list`, `sources.list.d/*.list` and `sources.list.d/*.sources` in apt's directory.
pub(super) fn read(apt: &Path) -> io::Result<Vec<Source>> {
    let mut sources = one_line_file(&text(&apt.join("sources.list"))?);
    for path in parts(&apt.join("sources.list.d"))? {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("list") => sources.extend(one_line_file(&text(&path)?)),
            Some("sources") => sources.extend(deb822_file(&text(&path)?)),
            _ => {}
        }
    }
    Ok(sources)
}

fn text(path: &Path) -> io::Result<String> {
    match fs::read(path) {
        Ok(content) => Ok(String::from_utf8_lossy(&content).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn parts(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

/// The `deb` lines of a file in the one-line format.
pub(super) fn one_line_file(text: &str) -> Vec<Source> {
    text.lines().filter_map(one_line).collect()
}

/// `deb [option=value …] uri suite component…`
fn one_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t', '['])?;
    let rest = if line.starts_with("deb[") { format!("[{rest}") } else { rest.trim().to_owned() };
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest.as_str()),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let mut source = Source {
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        ..Source::default()
    };
    for (name, value) in options.split_whitespace().filter_map(|option| option.split_once('=')) {
        source.set(one_line_option(name), &value.replace(',', " "));
    }
    Some(source)
}

/// The deb822 name of a one-line option.
fn one_line_option(name: &str) -> &str {
    match name {
        "arch" => "Architectures",
        "lang" => "Languages",
        "signed-by" => "Signed-By",
        "trusted" => "Trusted",
        "target" => "Targets",
        "check-valid-until" => "Check-Valid-Until",
        "check-date" => "Check-Date",
        "by-hash" => "By-Hash",
        "pdiffs" => "PDiffs",
        other => other,
    }
}

/// The enabled `deb` stanzas of a file in deb822 format.
pub(super) fn deb822_file(text: &str) -> Vec<Source> {
    let mut stanzas = vec![Vec::new()];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.trim().is_empty() {
            stanzas.push(Vec::new());
        } else if let Some(stanza) = stanzas.last_mut() {
            stanza.push(line);
        }
    }
    stanzas.iter().filter_map(|lines| stanza(lines)).collect()
}

fn stanza(lines: &[&str]) -> Option<Source> {
    let mut source = Source::default();
    let mut enabled = true;
    let mut binary = false;
    for (name, value) in fields(lines) {
        match name.to_ascii_lowercase().as_str() {
            "types" => binary = value.split_whitespace().any(|kind| kind == "deb"),
            "enabled" => {
                enabled = !matches!(value.trim(), "no" | "false" | "0" | "off" | "without" | "disable")
            }
            "uris" => source.uris = words(&value),
            "suites" => source.suites = words(&value),
            "components" => source.components = words(&value),
            _ => source.set(&name, &value),
        }
    }
    (enabled && binary && !source.uris.is_empty()).then_some(source)
}

/// Names and values; lines that start with a blank go on with the value before.
fn fields(lines: &[&str]) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines {
        match (line.starts_with([' ', '\t']), fields.last_mut()) {
            (true, Some((_, value))) => {
                value.push('\n');
                value.push_str(line.trim_end());
            }
            (true, None) => {}
            (false, _) => {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                fields.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
    }
    fields
}

fn words(value: &str) -> Vec<String> {
    value.split_whitespace().map(str::to_owned).collect()
}

impl Source {
    fn set(&mut self, name: &str, value: &str) {
        if name.eq_ignore_ascii_case("signed-by") {
            value.clone_into(&mut self.signed_by);
        } else {
            self.options.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Whether this is a repository of Debian itself, not a vendor's for Debian: one signed with Debian's keyring, or
    /// one without a keyring file whose components and directory are those of Debian's archive.
    fn is_debian(&self) -> bool {
        if let Some(keyring) = self.keyring() {
            let name = keyring.file_name().and_then(|name| name.to_str());
            return name.is_some_and(|name| name.starts_with("debian-archive-")) && self.has_main();
        }
        self.has_main()
            && self.components.iter().all(|component| COMPONENTS.contains(&component.as_str()))
            && self.uris.iter().all(|uri| is_mirror_path(uri))
    }

    fn has_main(&self) -> bool {
        self.components.iter().any(|component| component == "main")
    }

    /// Whether its suites are those of the security archive.
    fn is_security(&self) -> bool {
        self.suites.iter().any(|suite| suite.ends_with("-security") || suite.ends_with("/updates"))
    }

    /// The keyring file it names.
    pub(super) fn keyring(&self) -> Option<&Path> {
        Some(Path::new(self.signed_by.trim())).filter(|path| path.is_absolute())
    }

    /// The stanza apt reads.
    pub(super) fn to_deb822(&self) -> String {
        let mut out =
            format!("Types: deb\nURIs: {}\nSuites: {}\n", self.uris.join(" "), self.suites.join(" "));
        if !self.components.is_empty() {
            out += &format!("Components: {}\n", self.components.join(" "));
        }
        if !self.signed_by.is_empty() {
            out += &format!("Signed-By: {}\n", self.signed_by);
        }
        self.options.iter().fold(out, |out, (name, value)| out + &format!("{name}: {value}\n"))
    }
}

/// What Debian's archive is divided into.
const COMPONENTS: [&str; 4] = ["main", "contrib", "non-free", "non-free-firmware"];

/// Mirrors keep Debian's directory names.
fn is_mirror_path(uri: &str) -> bool {
    uri.trim_end_matches('/').split('/').skip(1).any(|part| part == "debian" || part == "debian-security")
}

/// What the machine has for a suite.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// Sources for exactly that suite.
    Served(Vec<Source>),
    /// The machine's Debian mirrors, asked for a suite it does not use itself; they may not have it.
    Derived(Vec<Source>),
    /// No Debian source at all.
    Nothing,
}

/// Debian's own sources among `all`, reduced to one suite with its updates and security fixes.
pub(super) fn select(all: &[Source], suite: &str) -> Selection {
    let debian: Vec<&Source> = all.iter().filter(|source| source.is_debian()).collect();
    let served: Vec<Source> = debian.iter().filter_map(|source| source.reduced_to(suite)).collect();
    if served.iter().any(|source| source.suites.iter().any(|own| own == suite)) {
        return Selection::Served(served);
    }
    let mut derived: Vec<Source> = debian.iter().filter_map(|source| source.turned_to(suite)).collect();
    derived.dedup();
    if derived.is_empty() { Selection::Nothing } else { Selection::Derived(derived) }
}

/// The suites Debian's sources serve, for messages.
pub(super) fn served_suites(all: &[Source]) -> Vec<String> {
    let mut suites: Vec<String> =
        all.iter().filter(|source| source.is_debian()).flat_map(|source| source.suites.clone()).collect();
    suites.sort();
    suites.dedup();
    suites
}

impl Source {
    fn reduced_to(&self, suite: &str) -> Option<Source> {
        let mut source = self.clone();
        source.suites.retain(|own| {
            let rest = own.strip_prefix(suite);
            matches!(rest, Some("" | "-updates" | "-security" | "/updates"))
        });
        (!source.suites.is_empty()).then_some(source)
    }

    fn turned_to(&self, suite: &str) -> Option<Source> {
        let rolling = matches!(suite, "sid" | "unstable" | "experimental");
        let suites = match (self.is_security(), rolling) {
            (true, true) => return None,
            (true, false) => vec![format!("{suite}-security")],
            (false, true) => vec![suite.to_owned()],
            (false, false) => vec![suite.to_owned(), format!("{suite}-updates")],
        };
        Some(Source { suites, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VENDORS: &str = "\
deb https://cloud.example.com/apt cloud-sdk-bookworm main
deb [arch=amd64 signed-by=/etc/apt/keyrings/vendor.asc] https://download.example.com/linux/debian bookworm stable
deb [signed-by=/usr/share/keyrings/vendor.gpg] https://apt.example.com/debian bookworm main
deb http://database.example.org/pub/repos/apt bookworm-pgdg main
# deb http://deb.example.org/debian bookworm main
deb-src http://deb.example.org/debian bookworm main
";
    const DEBIAN: &str = "\
# comment
Types: deb deb-src
URIs: http://deb.example.org/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://deb.example.org/debian
Suites: trixie
Components: main
";

    #[test]
    fn vendors_are_left_out() {
        assert_eq!(select(&one_line_file(VENDORS), "bookworm"), Selection::Nothing);
        assert_eq!(one_line_file(VENDORS).len(), 4);
    }

    #[test]
    fn only_the_suite_and_its_fixes_are_kept() {
        let text = DEBIAN.replace("Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----\n", "");
        let Selection::Served(sources) = select(&deb822_file(&text), "bookworm") else {
            panic!("not served")
        };
        let text: String = sources.iter().map(|source| source.to_deb822() + "\n").collect();
        assert_eq!(
            text,
            "Types: deb\nURIs: http://deb.example.org/debian\nSuites: bookworm bookworm-updates\nComponents: main contrib\n\
             Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\
             Types: deb\nURIs: http://mirror.example/debian-security\nSuites: bookworm-security\nComponents: main\n\n"
        );
    }

    #[test]
    fn inline_keys_are_kept_line_by_line() {
        let sources = deb822_file(DEBIAN);
        assert_eq!(sources.len(), 2);
        let text = sources[1].to_deb822();
        assert!(text.contains("Signed-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"), "{text}");
        assert_eq!(deb822_file(&text), [sources[1].clone()]);
        assert_eq!(sources[1].keyring(), None);
    }

    #[test]
    fn another_suite_is_asked_of_the_same_mirrors() {
        let sources = one_line_file(
            "deb http://deb.example.org/debian bookworm main\ndeb [ trusted=yes ] http://security.example.org/debian-security bookworm-security main\n",
        );
        let Selection::Derived(derived) = select(&sources, "trixie") else { panic!("not derived") };
        assert_eq!(derived[0].suites, ["trixie", "trixie-updates"]);
        assert_eq!(derived[1].suites, ["trixie-security"]);
        assert!(derived[1].to_deb822().ends_with("Trusted: yes\n"));
        let Selection::Derived(derived) = select(&sources, "sid") else { panic!("not derived") };
        assert_eq!(derived.iter().map(|source| source.suites.join(" ")).collect::<Vec<_>>(), ["sid"]);
        assert_eq!(served_suites(&sources), ["bookworm", "bookworm-security"]);
    }

    #[test]
    fn the_archive_is_known_by_keyring_or_components_and_directory() {
        let debian = |line: &str| one_line_file(line)[0].is_debian();
        assert!(debian("deb http://user:pw@mirror.example:3142/debian/ bookworm main contrib"));
        assert!(debian("deb http://snapshot.example/archive/debian/20250101T000000Z bookworm main"));
        assert!(debian(
            "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://x.example/m bookworm main"
        ));
        assert!(!debian("deb http://x.example/ubuntu jammy main"));
        assert!(!debian("deb [signed-by=/k/vendor.gpg] http://x.example/debian bookworm main"));
        assert!(!debian("deb http://x.example/debian bookworm main extras"));
        assert!(!debian("deb http://x.example/debian bookworm stable"));
        assert!(!debian("deb http://x.example/anything bookworm main"));
    }

    #[test]
    fn both_formats_are_read_from_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap(), []);
        fs::create_dir(dir.path().join("sources.list.d")).unwrap();
        fs::write(dir.path().join("sources.list"), "deb http://deb.example.org/debian bookworm main\n")
            .unwrap();
        fs::write(dir.path().join("sources.list.d/b.sources"), DEBIAN).unwrap();
        fs::write(dir.path().join("sources.list.d/a.list"), VENDORS).unwrap();
        fs::write(dir.path().join("sources.list.d/c.list.disabled"), VENDORS).unwrap();
        assert_eq!(read(dir.path()).unwrap().len(), 1 + 4 + 2);
    }
}
