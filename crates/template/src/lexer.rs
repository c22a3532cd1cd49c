//! Text and actions, and the words of an action.

use crate::parser::ParseError;

/// A part of the source.
#[derive(Debug, PartialEq)]
pub(crate) enum Part<'a> {
    Text(String),
    /// What stands between `{{` and `}}`.
    Action(&'a str),
}

/// Splits the source at its actions; `{{-` and `-}}` take white space away, comments vanish.
pub(crate) fn parts(source: &str) -> Result<Vec<Part<'_>>, ParseError> {
    let mut parts = Vec::new();
    let (mut rest, mut trim_next) = (source, false);
    loop {
        let (text, after) = match rest.find("{{") {
            Some(at) => (&rest[..at], Some(&rest[at + 2..])),
            None => (rest, None),
        };
        let text = if trim_next { text.trim_start() } else { text };
        let Some(after) = after else {
            push_text(&mut parts, text);
            return Ok(parts);
        };
        let trims_before = after.starts_with("- ");
        push_text(&mut parts, if trims_before { text.trim_end() } else { text });
        let inside = if trims_before { &after[2..] } else { after };
        let end = action_end(inside).ok_or(ParseError::Unclosed)?;
        let action = &inside[..end];
        trim_next = action.ends_with(" -");
        let action = if trim_next { &action[..action.len() - 2] } else { action };
        if !action.trim_start().starts_with("/*") {
            parts.push(Part::Action(action.trim()));
        }
        rest = &inside[end + 2..];
    }
}

fn push_text(parts: &mut Vec<Part<'_>>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

/// Where the `}}` is that is not inside a string or comment.
fn action_end(text: &str) -> Option<usize> {
    if text.trim_start().starts_with("/*") {
        let end = text.find("*/")?;
        return text[end..].find("}}").map(|at| end + at);
    }
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match quote {
            Some('"') if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '`' => quote = Some(c),
            None if text[at..].starts_with("}}") => return Some(at),
            None => {}
        }
    }
    None
}

/// A word of an action.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A name of a function, a keyword, `true`, `false`, `nil`.
    Word(String),
    /// `.A` directly behind something: a chain; `.` alone has no name.
    Field(String),
    /// `$x`
    Variable(String),
    Text(String),
    Number(String),
    Open,
    Close,
    Pipe,
    Comma,
    Declare,
    Assign,
    Space,
}

/// Splits an action into words. Spaces count: `.A .B` are two operands, `.A.B` is one.
pub(crate) fn tokens(action: &str) -> Result<Vec<Token>, ParseError> {
    let mut tokens = Vec::new();
    let mut rest = action;
    while let Some(c) = rest.chars().next() {
        let (token, length) = match c {
            c if c.is_whitespace() => (Token::Space, rest.len() - rest.trim_start().len()),
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '|' => (Token::Pipe, 1),
            ',' => (Token::Comma, 1),
            ':' if rest.starts_with(":=") => (Token::Declare, 2),
            '=' => (Token::Assign, 1),
            '"' => quoted(rest)?,
            '`' => {
                let end = rest[1..].find('`').ok_or(ParseError::Unclosed)?;
                (Token::Text(rest[1..=end].to_owned()), end + 2)
            }
            '.' => named(rest, Token::Field),
            '$' => named(rest, Token::Variable),
            c if c.is_ascii_digit() || ((c == '-' || c == '+') && rest.len() > 1) => number(rest),
            c if c.is_alphabetic() || c == '_' => {
                let length = name_length(rest);
                (Token::Word(rest[..length].to_owned()), length)
            }
            other => return Err(ParseError::Unexpected(other.to_string())),
        };
        tokens.push(token);
        rest = &rest[length..];
    }
    Ok(tokens)
}

fn name_length(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

fn named(text: &str, token: fn(String) -> Token) -> (Token, usize) {
    let length = name_length(&text[1..]);
    (token(text[1..=length].to_owned()), length + 1)
}

fn number(text: &str) -> (Token, usize) {
    let end = text[1..]
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_')
        .map_or(text.len(), |at| at + 1);
    (Token::Number(text[..end].to_owned()), end)
}

/// A string in double quotes with Go's escapes.
fn quoted(text: &str) -> Result<(Token, usize), ParseError> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Text(value), at + 1)),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some('r') => value.push('\r'),
                Some(c @ ('"' | '\\' | '\'')) => value.push(c),
                other => return Err(ParseError::Unexpected(format!("\\{}", other.unwrap_or(' ')))),
            },
            c => value.push(c),
        }
    }
    Err(ParseError::Unclosed)
}
