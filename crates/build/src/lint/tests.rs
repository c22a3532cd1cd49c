use super::*;

/// The rules a file breaks, with their lines.
fn rules(text: &str) -> Vec<(String, usize)> {
    rules_with(text, &Options::default())
}

fn rules_with(text: &str, options: &Options) -> Vec<(String, usize)> {
    let file = Dockerfile::parse("Dockerfile", text).unwrap_or_else(|error| panic!("{error}"));
    let ignore = Ignore::parse("hidden\n!hidden/not\nsecret").unwrap();
    let image = |name: &str| match name {
        "known" => {
            Some(KnownImage { environment: vec!["HOME=/root".to_owned()], platform: crate::platform::own() })
        }
        "foreign" => Some(KnownImage { platform: "linux/s390x".to_owned(), ..KnownImage::default() }),
        _ => None,
    };
    let known = Known { ignore: &ignore, image: &image };
    lint(&file, &known, options).into_iter().map(|warning| (warning.rule, warning.line)).collect()
}

/// Each rule with a file that breaks it and one that does not.
const RULES: &[(&str, &str, &str)] = &[
    ("StageNameCasing", "FROM a AS Base\n", "FROM a AS base\n"),
    ("FromAsCasing", "FROM a as b\n", "from a as b\n"),
    ("NoEmptyContinuation", "FROM a\nRUN a \\\n\n  b\n", "FROM a\nRUN a \\\n  # why\n  b\n"),
    ("ConsistentInstructionCasing", "FROM a\nrun x\nRUN y\n", "from a\nrun x\nrun y\n"),
    ("ConsistentInstructionCasing", "FROM a\nRun x\nRUN y\n", "FROM a\nRUN x\n"),
    ("DuplicateStageName", "FROM a AS b\nFROM c AS b\n", "FROM a AS b\nFROM c AS d\n"),
    ("ReservedStageName", "FROM a AS scratch\n", "FROM scratch AS a\n"),
    ("JSONArgsRecommended", "FROM a\nCMD x y\n", "FROM a\nCMD [\"x\", \"y\"]\n"),
    ("JSONArgsRecommended", "FROM a\nENTRYPOINT x\n", "FROM a\nSHELL [\"sh\", \"-c\"]\nENTRYPOINT x\n"),
    ("MaintainerDeprecated", "FROM a\nMAINTAINER me\n", "FROM a\nLABEL maintainer=me\n"),
    ("UndefinedArgInFrom", "FROM a:$V\n", "ARG V=1\nFROM a:$V\n"),
    ("UndefinedArgInFrom", "FROM a:${V}\n", "FROM a:${V:-1}\n"),
    ("InvalidDefaultArgInFrom", "ARG V\nFROM a:$V\n", "ARG V=1\nFROM a:$V\n"),
    ("InvalidDefaultArgInFrom", "ARG V\nFROM $V\n", "ARG V\nFROM a${V:+:$V}\n"),
    ("WorkdirRelativePath", "FROM a\nWORKDIR x\n", "FROM a AS b\nWORKDIR /y\nFROM b\nWORKDIR x\n"),
    ("UndefinedVar", "FROM known\nCOPY $X /\n", "FROM known\nARG X\nCOPY $X /\n"),
    ("UndefinedVar", "FROM scratch\nENV A=$B B=1\n", "FROM known\nENV A=$HOME:$PATH\n"),
    ("UndefinedVar", "FROM scratch\nWORKDIR /$A\n", "FROM unknown\nWORKDIR /$A\n"),
    (
        "MultipleInstructionsDisallowed",
        "FROM a\nCMD [\"x\"]\nCMD [\"y\"]\n",
        "FROM a AS b\nCMD [\"x\"]\nFROM b\nCMD [\"y\"]\n",
    ),
    ("LegacyKeyValueFormat", "FROM a\nENV A b\n", "FROM a\nENV A=b\n"),
    ("LegacyKeyValueFormat", "FROM a\nLABEL A b c\n", "FROM a\nLABEL A=\"b c\"\n"),
    ("RedundantTargetPlatform", "FROM --platform=$TARGETPLATFORM a\n", "FROM --platform=$BUILDPLATFORM a\n"),
    (
        "FromPlatformFlagConstDisallowed",
        "FROM --platform=linux/amd64 a\n",
        "FROM --platform=linux/amd64 a AS build-amd64\n",
    ),
    ("SecretsUsedInArgOrEnv", "FROM a\nARG GITHUB_TOKEN\n", "FROM a\nARG PUBLIC_KEY TOKENIZER KEYBOARD\n"),
    ("SecretsUsedInArgOrEnv", "FROM a\nENV password=x\n", "FROM a\nENV passwords=x\n"),
    ("CopyIgnoredFile", "FROM a\nCOPY secret/x /\n", "FROM a\nCOPY hidden/not /\nCOPY --from=b secret /\n"),
    ("CopyIgnoredFile", "FROM a\nADD ./secret /\n", "FROM a\nCOPY hidden /\n"),
    ("ExposeProtoCasing", "FROM a\nEXPOSE 80/TCP\n", "FROM a\nARG P=1\nEXPOSE 80/tcp $P\n"),
    ("InvalidBaseImagePlatform", "ARG B=foreign\nFROM $B\n", "FROM known\n"),
    ("ExposeInvalidFormat", "FROM a\nEXPOSE 127.0.0.1:80:80\n", "FROM a\nEXPOSE 80 90-91\n"),
];

#[test]
fn each_rule_finds_what_it_is_for_and_nothing_else() {
    for (rule, broken, kept) in RULES {
        let found: Vec<String> = rules(broken).into_iter().map(|(rule, _)| rule).collect();
        assert_eq!(found, [*rule], "{broken}");
        assert_eq!(rules(kept), [], "{kept}");
    }
}

#[test]
fn lines_are_those_of_the_instruction() {
    let text = "FROM a\n\nCMD [\"x\"]\nENV A b\nCMD y\n";
    let expected =
        [("MultipleInstructionsDisallowed", 3), ("LegacyKeyValueFormat", 4), ("JSONArgsRecommended", 5)];
    assert_eq!(rules(text), expected.map(|(rule, line)| (rule.to_owned(), line)));
}

#[test]
fn rules_are_skipped_and_asked_for() {
    let skip = Options::parse("skip=JSONArgsRecommended");
    assert_eq!(rules_with("FROM a\nCMD x\nENV A b\n", &skip).len(), 1);
    let text = "# not about it\nARG x=1\n# base is the base\nFROM a:$x AS base\n";
    let wanted = Options::parse("experimental=all");
    assert_eq!(rules_with(text, &wanted), [("InvalidDefinitionDescription".to_owned(), 2)]);
    assert_eq!(rules(text), []);
}
