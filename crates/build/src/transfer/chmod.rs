//! `--chmod`: octal or symbolic permissions.

/// A change of permission bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chmod {
    /// These bits exactly.
    Octal(u32),
    /// Changes applied in order.
    Symbolic(Vec<Clause>),
}

/// One change, such as `go-w`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clause {
    /// Bits of those it concerns (`u` 0o4700, `g` 0o2070, `o` 0o1007).
    who: u32,
    operator: char,
    permissions: String,
}

impl Chmod {
    /// Parses `755`, `0644` or `u=rwX,go=rX`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777).map(Self::Octal);
        }
        text.split(',').map(clause).collect::<Option<_>>().map(Self::Symbolic)
    }

    /// The permission bits that `mode` becomes.
    pub(crate) fn apply(&self, mode: u32, directory: bool) -> u32 {
        match self {
            Self::Octal(bits) => *bits,
            Self::Symbolic(clauses) => {
                clauses.iter().fold(mode, |mode, clause| clause.apply(mode, directory))
            }
        }
    }
}

fn clause(text: &str) -> Option<Clause> {
    let at = text.find(['+', '-', '='])?;
    let (names, rest) = text.split_at(at);
    let mut who = 0;
    for name in names.chars() {
        who |= match name {
            'u' => 0o4700,
            'g' => 0o2070,
            'o' => 0o1007,
            'a' => 0o7777,
            _ => return None,
        };
    }
    let permissions = &rest[1..];
    let known = permissions.chars().all(|c| "rwxXst".contains(c));
    known.then(|| Clause {
        who: if who == 0 { 0o7777 } else { who },
        operator: rest.chars().next().unwrap_or('='),
        permissions: permissions.to_owned(),
    })
}

impl Clause {
    fn apply(&self, mode: u32, directory: bool) -> u32 {
        let mut bits = 0;
        for permission in self.permissions.chars() {
            bits |= match permission {
                'r' => 0o444,
                'w' => 0o222,
                'x' => 0o111,
                'X' if directory || mode & 0o111 != 0 => 0o111,
                's' => 0o6000,
                't' => 0o1000,
                _ => 0,
            };
        }
        let bits = bits & self.who;
        match self.operator {
            '+' => mode | bits,
            '-' => mode & !bits,
            _ => (mode & !self.who) | bits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_understood() {
        let apply = |text: &str, mode, directory| Chmod::parse(text).unwrap().apply(mode, directory);
        assert_eq!(apply("755", 0o600, false), 0o755);
        assert_eq!(apply("04755", 0o600, false), 0o4755);
        assert_eq!(apply("u=rwX,go=rX", 0o640, false), 0o644);
        assert_eq!(apply("u=rwX,go=rX", 0o640, true), 0o755);
        assert_eq!(apply("+x", 0o644, false), 0o755);
        assert_eq!(apply("g-w,o=", 0o666, false), 0o640);
        assert_eq!(apply("u+s", 0o755, false), 0o4755);
        for wrong in ["", "8", "77777", "rwx", "u=z", "x+r"] {
            assert_eq!(Chmod::parse(wrong), None, "{wrong}");
        }
    }
}
