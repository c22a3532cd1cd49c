//! Splitting an instruction's arguments.

/// Splits at blanks outside quotes. Quotes and escapes stay in the words.
pub(super) fn split(text: &str, escape: char) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote: Option<char> = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            if let Some(start) = start.take() {
                words.push(&text[start..at]);
            }
            continue;
        }
        start.get_or_insert(at);
        if c == escape && quote != Some('\'') {
            chars.next();
            continue;
        }
        match quote {
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if open == c => quote = None,
            _ => {}
        }
    }
    if let Some(start) = start {
        words.push(&text[start..]);
    }
    words
}

/// Removes quotes; `None` if one is left open.
pub(super) fn unquote(word: &str) -> Option<String> {
    let mut plain = String::with_capacity(word.len());
    let mut quote: Option<char> = None;
    for c in word.chars() {
        match quote {
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if open == c => quote = None,
            _ => plain.push(c),
        }
    }
    quote.is_none().then_some(plain)
}

/// A JSON list of strings, if that is what it is.
pub(super) fn json(text: &str) -> Option<Vec<String>> {
    text.starts_with('[').then(|| serde_json::from_str(text).ok())?
}

/// A JSON list of strings, or words separated by blanks.
pub(super) fn json_or_words(text: &str) -> Vec<String> {
    json(text).unwrap_or_else(|| text.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_blanks_together() {
        assert_eq!(split(r#"a="b c" d='e f'  g\ h "#, '\\'), [r#"a="b c""#, "d='e f'", r"g\ h"]);
        assert_eq!(split(r#""a \" b" c"#, '\\'), [r#""a \" b""#, "c"]);
        assert_eq!(split("a` b c", '`'), ["a` b", "c"]);
        assert_eq!(split(" \t ", '\\'), [""; 0]);
    }

    #[test]
    fn only_lists_of_strings_are_the_json_form() {
        assert_eq!(json(r#"["a", "b c"]"#), Some(vec!["a".into(), "b c".into()]));
        assert_eq!(json("[]"), Some(Vec::new()));
        assert_eq!(json(r#"["a", 1]"#), None);
        assert_eq!(json("['a']"), None);
        assert_eq!(json("[ -f x ]"), None);
    }
}
