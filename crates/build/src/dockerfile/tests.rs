use super::*;

fn parse(text: &str) -> Dockerfile {
    Dockerfile::parse("Dockerfile", text).unwrap_or_else(|error| panic!("{error}"))
}

/// The only instruction after `FROM a`.
fn one(text: &str) -> Kind {
    let mut file = parse(&format!("FROM a\n{text}"));
    file.stages[0].instructions.remove(0).kind
}

fn message(text: &str) -> String {
    Dockerfile::parse("Dockerfile", text).unwrap_err().to_string()
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn stages_are_split_and_named() {
    let file =
        parse("ARG V=1\nFROM --platform=linux/amd64 debian:$V AS Base\nRUN a\nFROM Base\nFROM scratch\n");
    assert_eq!(file.globals.len(), 1);
    assert_eq!(file.stages.len(), 3);
    assert_eq!(
        file.stages[0].from,
        From { image: "debian:$V".into(), alias: Some("base".into()), platform: Some("linux/amd64".into()) }
    );
    assert_eq!(file.stages[0].instructions.len(), 1);
}

#[test]
fn commands_have_two_forms() {
    assert_eq!(one("CMD [\"a\", \"b c\"]"), Kind::Cmd(Command::Exec(strings(&["a", "b c"]))));
    assert_eq!(one("CMD [ -f x ]"), Kind::Cmd(Command::Shell("[ -f x ]".into())));
    assert_eq!(one("entrypoint a  b \"c\""), Kind::Entrypoint(Command::Shell("a  b \"c\"".into())));
    assert_eq!(one("CMD []"), Kind::Cmd(Command::Exec(Vec::new())));
}

#[test]
fn pairs_keep_their_quotes() {
    let pairs =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect::<Vec<_>>();
    assert_eq!(
        one("ENV a=1 b=\"x y\" c=d=e"),
        Kind::Env(pairs(&[("a", "1"), ("b", "\"x y\""), ("c", "d=e")]))
    );
    assert_eq!(one("ENV a  b c=d"), Kind::Env(pairs(&[("a", "b c=d")])));
    assert_eq!(one("LABEL x=1 \\\n y=2"), Kind::Label(pairs(&[("x", "1"), ("y", "2")])));
    let arg =
        |name: &str, value: Option<&str>| ArgDefault { name: name.into(), value: value.map(str::to_owned) };
    assert_eq!(one("ARG a b=1 c="), Kind::Arg(vec![arg("a", None), arg("b", Some("1")), arg("c", Some(""))]));
}

#[test]
fn copy_takes_flags_json_and_documents() {
    let Kind::Copy(copy) = one("COPY --from=base --chown=a:b --chmod=755 --exclude=*.o --exclude=x a b /c/")
    else {
        panic!()
    };
    assert_eq!(
        copy,
        Transfer {
            sources: strings(&["a", "b"]),
            destination: "/c/".into(),
            from: Some("base".into()),
            chown: Some("a:b".into()),
            chmod: Some("755".into()),
            exclude: strings(&["*.o", "x"]),
            ..Transfer::default()
        }
    );
    let Kind::Copy(json) = one("COPY [\"a b\", \"/c d\"]") else { panic!() };
    assert_eq!((json.sources, json.destination), (strings(&["a b"]), "/c d".into()));
    let Kind::Copy(document) = one("COPY <<EOF x /dir/\n$A\nEOF") else { panic!() };
    assert_eq!(document.sources, ["x"]);
    assert_eq!((document.heredocs[0].name.as_str(), document.heredocs[0].raw.as_str()), ("EOF", "$A\n"));
}

#[test]
fn run_takes_mounts_and_documents() {
    let Kind::Run(run) = one("RUN --mount=type=cache,target=/c --network=none <<EOF\na\nEOF\nCMD x") else {
        panic!()
    };
    assert_eq!(run.command, Command::Shell("<<EOF".into()));
    assert_eq!(run.heredocs[0].raw, "a\n");
    assert_eq!((run.mounts.len(), run.network), (1, Some(crate::RunNetwork::None)));
}

#[test]
fn health_checks_are_read() {
    let Kind::Healthcheck(check) = one("HEALTHCHECK --interval=5s --retries=3 CMD a b") else { panic!() };
    assert_eq!(check.interval, Some(std::time::Duration::from_secs(5)));
    assert_eq!((check.retries, check.timeout), (Some(3), None));
    assert_eq!(check.test, HealthcheckTest::Command(Command::Shell("a b".into())));
    let Kind::Healthcheck(none) = one("HEALTHCHECK NONE") else { panic!() };
    assert_eq!(none.test, HealthcheckTest::None);
}

#[test]
fn triggers_are_stored_with_their_documents() {
    assert_eq!(one("ONBUILD COPY . /app"), Kind::Onbuild("COPY . /app".into()));
    let Kind::Onbuild(trigger) = one("ONBUILD RUN <<-X\n\ta\n\tX\n") else { panic!() };
    assert_eq!(trigger, "RUN <<-X\n\ta\nX");
    let Kind::Run(run) = parse_trigger(&trigger).unwrap().remove(0).kind else { panic!() };
    assert_eq!(run.heredocs[0].content(), "a\n");
}

#[test]
fn excerpts_show_the_lines() {
    let file = parse("FROM a\n\nRUN a && \\\n  b\n");
    assert_eq!(file.excerpt(&file.stages[0].instructions[0]).to_string(), "\n 3 | RUN a && \\\n 4 |   b");
}

#[test]
fn mistakes_show_their_line() {
    assert_eq!(
        message("FROM a\nRNU x\n"),
        "Dockerfile:2: unknown instruction \"RNU\"; did you mean RUN?\n 2 | RNU x"
    );
    assert_eq!(
        message("FROM a\nCOPY --form=b x y\n"),
        "Dockerfile:2: COPY has no flag --form; did you mean --from?\n 2 | COPY --form=b x y"
    );
    assert_eq!(
        message("# only this\n\nRUN a\nFROM b\n"),
        "Dockerfile:3: RUN stands before the first FROM; only ARG may\n 3 | RUN a"
    );
    assert_eq!(message(""), "Dockerfile:1: the file has no instructions");
    assert_eq!(
        message("FROM a\nCOPY <<X /\nb\n"),
        "Dockerfile:2: here-document \"X\" is not ended by a line \"X\"\n 2 | COPY <<X /"
    );
}

#[test]
fn wrong_arguments_are_refused() {
    for text in [
        "COPY x",
        "COPY [\"x\"]",
        "ENV a",
        "ENV a=1 b",
        "ENV =1",
        "ARG =1",
        "SHELL sh -c",
        "SHELL []",
        "USER a b",
        "STOPSIGNAL a b",
        "HEALTHCHECK FOO",
        "HEALTHCHECK NONE x",
        "HEALTHCHECK CMD",
        "HEALTHCHECK --interval=5 CMD x",
        "HEALTHCHECK --retries=0 CMD x",
        "ONBUILD FROM x",
        "ONBUILD ONBUILD RUN x",
        "ONBUILD NOPE x",
        "RUN",
        "RUN []",
        "RUN --network=x y",
        "RUN --mount=type=cache y",
        "FROM a b",
        "FROM a AS 1x",
        "COPY --from=$x a b",
        "EXPOSE",
        "VOLUME [\"\"]",
        "WORKDIR",
        "CMD --flag",
    ] {
        let result = Dockerfile::parse("Dockerfile", &format!("FROM a\n{text}\n"));
        assert!(result.is_err(), "{text}: {result:?}");
    }
}

#[test]
fn the_escape_directive_is_used() {
    let file = parse("# escape=`\nFROM a\nRUN a `\n b \\\nRUN c");
    let texts: Vec<_> = file.stages[0].instructions.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["RUN a  b \\", "RUN c"]);
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = Dockerfile::parse("Dockerfile", &text);
    }

    #[test]
    fn no_dockerfile_like_text_panics(lines in proptest::collection::vec(
        "(FROM|RUN|COPY|ADD|ENV|ARG|LABEL|ONBUILD RUN|HEALTHCHECK|EXPOSE|VOLUME|SHELL|USER|# escape=`|EOF)[ \\t]?(--(from|mount|chown|interval)=)?[-a-z0-9\\[\\]\"'$\\{\\}:=<>,\\\\ é/*]{0,30}", 0..12
    )) {
        let _ = Dockerfile::parse("Dockerfile", &lines.join("\n"));
    }

    #[test]
    fn no_word_panics(text in "[-a-z$\\{\\}:+?#%/*\"'\\\\ é]{0,40}") {
        let lookup = |name: &str| (name.len() < 2).then(|| "vé".repeat(name.len()));
        let _ = crate::expand::word(&text, '\\', &lookup);
        let _ = crate::expand::words(&text, '`', &lookup);
        let _ = crate::expand::document(&text, '\\', &lookup);
    }
}
