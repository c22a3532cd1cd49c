use super::{Found, device};

const HEADER: &[u8] = b"ipv4\tmac\tusername";

/// Reads accounts from `TabSeparatedWithNames`. Where a device has several, the first by name is taken.
///
/// # Errors
/// When this is no result of the query; with what is wrong.
pub(super) fn accounts(answer: &[u8]) -> Result<Found, String> {
    let mut lines = answer.split(|byte| *byte == b'\n');
    if lines.next() != Some(HEADER) || !answer.ends_with(b"\n") {
        return Err(format!("{:?}", String::from_utf8_lossy(&answer[..answer.len().min(100)])));
    }
    let mut found = Found::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (device, username) = row(line)
            .ok_or_else(|| format!("the row {:?}", String::from_utf8_lossy(&line[..line.len().min(100)])))?;
        let known = found.entry(device).or_insert_with(|| username.clone());
        if username < *known {
            *known = username;
        }
    }
    Ok(found)
}

fn row(line: &[u8]) -> Option<(crate::Device, String)> {
    let text = std::str::from_utf8(line).ok()?;
    let mut fields = text.split('\t');
    let (ipv4, mac, username) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?, fields.next()?);
    (fields.next().is_none() && mac < 1 << 48).then(|| Some((device(ipv4, mac), unescaped(username)?)))?
}

/// Undoes the escapes of TabSeparated.
fn unescaped(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        plain.push(match sign {
            '\\' => match signs.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'r' => '\r',
                'n' => '\n',
                't' => '\t',
                '0' => '\0',
                other => other,
            },
            other => other,
        });
    }
    Some(plain)
}

/// Applies the escapes of TabSeparated.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read() {
        let found = accounts(b"ipv4\tmac\tusername\n167772161\t5\tb\\tc\\\\\n167772161\t5\tz\n").unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[&device(0x0a00_0001, 5)], "b\tc\\");
        assert!(accounts(b"ipv4\tmac\tusername\n").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_result_is_refused() {
        for answer in [
            &b""[..],
            b"ipv4\tmac\tusername",
            b"<html>\n",
            b"ipv4\tmac\tusername\n1\t2\n",
            b"ipv4\tmac\tusername\n1\t2\tanna",
            b"ipv4\tmac\tusername\n1\t2\t3\t4\n",
            b"ipv4\tmac\tusername\nCode: 159, e.displayText()\n",
            b"ipv4\tmac\tusername\n1\t2\t\xff\n",
        ] {
            assert!(accounts(answer).is_err(), "{}", String::from_utf8_lossy(answer));
        }
    }

    #[test]
    fn names_survive_the_way_there_and_back() {
        for name in ["a\tb\nc\\d", "\\n", ""] {
            assert_eq!(unescaped(&escaped(name)).as_deref(), Some(name));
        }
    }
}
