use serde_json::json;

use super::*;

fn rendered(template: &str) -> String {
    let data = json!({
        "Name": "/web", "Id": "0123456789abcdef", "N": 3, "F": 1.5, "Big": 1e21, "On": true, "None": null,
        "State": {"Status": "running", "Pid": 42, "Health": null},
        "List": ["a", "b"], "Numbers": [1, 2], "Map": {"b": "2", "a": "1"}, "Mixed": [null, {"k": [true]}],
        "Networks": {"front": {"IPAddress": "10.0.0.2"}, "back": {"IPAddress": "10.1.0.2"}},
        "Ports": {"80/tcp": [{"HostPort": "8080"}]},
        "Label()": {"x": "labelled"},
    });
    match Template::parse(template) {
        Ok(template) => template.render(&data).unwrap_or_else(|e| format!("error: {e}")),
        Err(error) => format!("bad: {error}"),
    }
}

#[test]
fn templates_print_what_go_prints() {
    let golden = [
        ("{{.Name}}", "/web"),
        ("id={{.Id}} {{ .State.Status }}", "id=0123456789abcdef running"),
        ("{{.State.Pid}} {{.F}} {{.Big}} {{.On}}", "42 1.5 1e+21 true"),
        ("{{.List}} {{.Numbers}} {{.Map}}", "[a b] [1 2] map[a:1 b:2]"),
        ("{{.Mixed}} {{.None}} {{.State.Nope}}", "[<nil> map[k:[true]]] <no value> <no value>"),
        ("{{json .Map}} {{json .List}} {{json .Name}}", r#"{"a":"1","b":"2"} ["a","b"] "/web""#),
        ("{{range .List}}<{{.}}>{{end}}", "<a><b>"),
        ("{{range $i, $e := .List}}{{if $i}}, {{end}}{{$i}}={{$e}}{{end}}", "0=a, 1=b"),
        ("{{range $k, $v := .Networks}}{{$k}}={{$v.IPAddress}} {{end}}", "back=10.1.0.2 front=10.0.0.2 "),
        ("{{range .None}}x{{else}}empty{{end}}", "empty"),
        (r#"{{(index (index .Ports "80/tcp") 0).HostPort}}"#, "8080"),
        (r#"{{index .Map "a"}}{{index .List 1}}{{index .Map "zz"}}"#, "1b<no value>"),
        (r#"{{with index .Ports "80/tcp"}}{{len .}}{{end}}"#, "1"),
        ("{{if .State.Health}}h{{else if .On}}on{{else}}off{{end}}", "on"),
        (r#"{{if and .On (eq .State.Status "running")}}yes{{end}}"#, "yes"),
        (r#"{{if or .None (not .On) (ne .N 3)}}yes{{else}}no{{end}}"#, "no"),
        (r#"{{join .List ","}} {{.Name | upper | lower | printf "%q"}}"#, r#"a,b "/web""#),
        (r#"{{printf "%-5s|%5d|%05.1f|%x|%v" .State.Status .N .F .N .List}}"#, "running|    3|001.5|3|[a b]"),
        (r#"{{print "a" 1 2 "b"}} {{println "x" 1}}"#, "a1 2b x 1\n"),
        (
            r#"{{slice .Id 0 4}} {{truncate .Id 2}} {{title "web site"}} {{pad "x" 1 1}}|"#,
            "0123 01 Web Site  x |",
        ),
        ("a {{- .N -}} b {{/* gone */}}c", "a3b c"),
        ("{{$x := .N}}{{$x = 4}}{{$x}} {{$.N}}", "4 3"),
        (r#"{{.Label "x"}}{{.Label "y"}}"#, "labelled"),
        (r#"{{"a\tb"}}{{`raw\t`}}{{"}}"}}"#, "a\tbraw\\t}}"),
        ("{{if lt .N 4}}lt{{end}}{{if ge .F 1.5}}ge{{end}}", "ltge"),
        ("{{range .Numbers}}{{if eq . 2}}{{break}}{{end}}{{.}}{{end}}", "1"),
        (r#"{{split "a:b" ":"}}"#, "[a b]"),
    ];
    for (template, expected) in golden {
        assert_eq!(rendered(template), expected, "{template}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let golden = [
        ("{{.Nope}}", "error: no field \"Nope\""),
        ("{{.State.Health.Status}}", "error: cannot look up \"Status\" in nothing (<nil>)"),
        ("{{.Name.First}}", "error: cannot look up \"First\" in a string"),
        ("{{$y}}", "error: undefined variable $y"),
        ("{{index .List 7}}", "error: index: index out of range: 7"),
        ("{{upper .N}}", "error: upper: wants a string, got a number"),
        ("{{nope .N}}", "bad: function \"nope\" not defined"),
        ("{{.N", "bad: an action is not closed: }} or a quote is missing"),
        ("{{if .N}}x", "bad: unexpected end of the template: \"if\" has no {{end}}"),
        ("x{{end}}", "bad: unexpected {{end}}"),
        ("{{}}", "bad: missing value in an action"),
        ("{{.N ! }}", "bad: unexpected \"!\" in an action"),
    ];
    for (template, expected) in golden {
        assert_eq!(rendered(template), expected, "{template}");
    }
}

#[test]
fn columns_are_the_fields_of_a_template() {
    let template = Template::parse("{{.ID}}\t{{upper .Names}}{{json .Ports}}").unwrap();
    assert_eq!(template.fields(), ["ID", "Names", "Ports"]);
}
