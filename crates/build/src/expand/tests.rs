use super::*;

fn lookup(name: &str) -> Option<String> {
    match name {
        "A" => Some("a".into()),
        "EMPTY" => Some(String::new()),
        "TWO" => Some("x  y".into()),
        "Q" => Some("'\"$A".into()),
        _ => None,
    }
}

fn expand(text: &str) -> String {
    word(text, '\\', &lookup).unwrap()
}

fn split(text: &str) -> Vec<String> {
    words(text, '\\', &lookup).unwrap()
}

#[test]
fn variables_are_replaced_once() {
    assert_eq!(expand("$A ${A} $A_ $UNSET."), "a a  .");
    assert_eq!(expand("$Q"), "'\"$A");
    assert_eq!(expand("a$"), "a$");
    assert_eq!(expand("$ $/"), "$ $/");
    assert_eq!(expand("$$A"), "A");
}

#[test]
fn quotes_and_escapes_are_removed() {
    assert_eq!(expand(r#"'$A' "$A" \$A"#), "$A a $A");
    assert_eq!(expand(r#""a\"b\c\\""#), r#"a"b\c\"#);
    assert_eq!(expand(r"a\ b\"), "a b");
    assert_eq!(word("`$A \\x", '`', &lookup).unwrap(), "$A \\x");
}

#[test]
fn modifiers_choose() {
    assert_eq!(expand("${A:-x}${EMPTY:-x}${EMPTY-x}${UNSET-x}"), "axx");
    assert_eq!(expand("${A:+x}|${EMPTY:+x}|${EMPTY+x}|${UNSET+x}"), "x||x|");
    assert_eq!(expand("${UNSET:-${A}-${EMPTY:-'}'}}"), "a-}");
    assert_eq!(expand("${A:?no}"), "a");
    assert_eq!(
        word("${EMPTY:?must be set}", '\\', &lookup),
        Err(ExpandError::Required { name: "EMPTY".into(), message: "must be set".into() })
    );
}

#[test]
fn patterns_cut_and_replace() {
    let name = |_: &str| Some("foo.bar.baz".to_owned());
    assert_eq!(word("${X#*.} ${X##*.} ${X%.*} ${X%%.*}", '\\', &name).unwrap(), "bar.baz baz foo.bar foo");
    assert_eq!(
        word("${X/ba/BA} ${X//ba/BA} ${X//.}", '\\', &name).unwrap(),
        "foo.BAr.baz foo.BAr.BAz foobarbaz"
    );
    assert_eq!(expand("${UNSET#x}"), "");
}

#[test]
fn words_split_outside_quotes_also_in_values() {
    assert_eq!(split("$TWO \"$TWO\" '' a\\ b"), ["x", "y", "x  y", "", "a b"]);
    assert_eq!(split(" $UNSET "), [""; 0]);
}

#[test]
fn documents_keep_quotes() {
    assert_eq!(document("'$A' \"\\$A\" \\n \\\\ ${A}\n", '\\', &lookup).unwrap(), "'a' \"$A\" \\n \\ a\n");
}

#[test]
fn broken_texts_are_errors() {
    for text in ["'a", "\"a", "${A", "${A:-b", "${}", "${A:x}", "${A!}", "${A/b"] {
        assert!(word(text, '\\', &lookup).is_err(), "{text}");
    }
    let deep = "${U:-".repeat(100_000);
    assert_eq!(word(&deep, '\\', &lookup), Err(ExpandError::TooDeep(40)));
}
