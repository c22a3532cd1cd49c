//! JSON documents with line breaks, keys in the order in which they came.

/// Indents a JSON text by four spaces, as `inspect` does. The text is taken to be valid.
pub(crate) fn indented(json: &str, level: usize) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (level, false, false);
    let mut chars = json.trim().chars().peekable();
    while let Some(c) = chars.next() {
        if in_string {
            out.push(c);
            (in_string, escaped) = (escaped || c != '"', !escaped && c == '\\');
            continue;
        }
        match c {
            '"' => {
                in_string = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                skip_space(&mut chars);
                if let Some(close) = chars.next_if(|next| "]}".contains(*next)) {
                    out.push(close);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

fn skip_space(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while chars.next_if(|next| next.is_whitespace()).is_some() {}
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.push_str(&"    ".repeat(depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_and_the_text_of_strings_are_kept() {
        let text = indented(r#"{"b":1,"a":["x, {\"y\"}: [",{}],"c":[ ],"d":null}"#, 0);
        assert_eq!(
            text,
            "{\n    \"b\": 1,\n    \"a\": [\n        \"x, {\\\"y\\\"}: [\",\n        {}\n    ],\n    \"c\": [],\n    \"d\": null\n}"
        );
    }
}
