//! `RUN --mount`: what the command is given, and what is remembered of it.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use std::fs;
use std::path::PathBuf;

use build::{Access, BuildEvent, RunMount, Secret};
use common::{Bench, chain};

#[test]
fn secrets_are_given_and_decide_nothing() {
    let mut bench = Bench::new();
    let mut request = bench.request(
        "FROM scratch\nRUN --mount=type=secret,id=one --mount=type=secret,id=two,env=TWO \\\n\
         --mount=type=secret,id=two,target=t,mode=0440,uid=5 --mount=type=secret,id=none true\n",
    );
    let secret = |text: &str| Secret::new(text.as_bytes().to_vec()).unwrap();
    request.secrets.insert("one".into(), secret("hush-1"));
    request.secrets.insert("two".into(), secret("hush-2"));
    let first = bench.try_request(&request).unwrap_or_else(|error| panic!("{}", chain(&error)));
    let step = bench.runner.steps.lock().unwrap()[0].clone();
    let file = |text: &str, target: &str, mode, uid| RunMount::Secret {
        content: secret(text),
        target: target.into(),
        access: Access { mode, uid, gid: 0 },
    };
    assert_eq!(step.mounts, [file("hush-1", "/run/secrets/one", 0o400, 0), file("hush-2", "/t", 0o440, 5)]);
    assert_eq!(step.secret_env, [("TWO".to_owned(), secret("hush-2"))]);
    request.secrets.insert("one".into(), secret("changed"));
    let second = bench.try_request(&request).unwrap();
    assert_eq!((second.cached, &second.image), (1, &first.image));
    let told = format!("{:?}{:?}{:?}", bench.events, bench.image(&first).config, step);
    assert!(!told.contains("hush"), "{told}");
    let found = bytes_of(bench.store.root().into(), b"hush");
    assert_eq!(found, Vec::<PathBuf>::new());
}

/// Files beneath a directory that hold some bytes.
fn bytes_of(directory: PathBuf, wanted: &[u8]) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| match path.is_dir() {
        true => bytes_of(path, wanted),
        false => {
            let content = fs::read(&path).unwrap_or_default();
            Vec::from_iter(content.windows(wanted.len()).any(|window| window == wanted).then_some(path))
        }
    });
    found.collect()
}

#[test]
fn what_is_required_and_missing_is_named() {
    let mut bench = Bench::new();
    let error = bench.try_build("FROM scratch\nRUN --mount=type=secret,id=key,required true\n").unwrap_err();
    assert!(
        chain(&error).ends_with(
            "caused by: the secret \"key\" is required and was not given; give it with --secret id=key"
        ),
        "{}",
        chain(&error)
    );
    let error = bench.try_build("FROM scratch\nRUN --mount=type=ssh,required true\n").unwrap_err();
    assert!(chain(&error).ends_with("give it with --ssh default"), "{}", chain(&error));
    assert_eq!(bench.runs(), 0);
}

#[test]
fn agents_are_named_by_a_variable() {
    let mut bench = Bench::new();
    let mut request =
        bench.request("FROM scratch\nRUN --mount=type=ssh --mount=type=ssh,id=other,target=/o,uid=3 true\n");
    request.ssh.insert("default".into(), "/agent".into());
    request.ssh.insert("other".into(), "/other".into());
    bench.try_request(&request).unwrap();
    let step = bench.runner.steps.lock().unwrap()[0].clone();
    let agent = |socket: &str, target: &str, uid| RunMount::Agent {
        socket: socket.into(),
        target: target.into(),
        access: Access { mode: 0o600, uid, gid: 0 },
    };
    assert_eq!(step.mounts, [agent("/agent", "/run/buildkit/ssh_agent.0", 0), agent("/other", "/o", 3)]);
    assert!(step.env.contains(&"SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0".to_owned()));
}

#[test]
fn a_cache_may_begin_with_the_files_of_a_stage() {
    let mut bench = Bench::new();
    bench.build(
        "FROM scratch AS seed\nRUN mkdir d && echo seed > d/file\nFROM scratch\n\
         RUN --mount=type=cache,target=/c,from=seed,source=/d true\n",
    );
    let steps = bench.runner.steps.lock().unwrap();
    let RunMount::Bind { source, .. } = &steps[1].mounts[0] else { panic!() };
    assert_eq!(fs::read_to_string(source.join("file")).unwrap(), "seed\n");
}

#[test]
fn a_private_cache_is_used_by_one_alone() {
    let mut bench = Bench::new();
    let pipe = bench.dir.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let pipe = pipe.display();
    let cache = "--mount=type=cache,target=/c,sharing=";
    bench.build(&format!(
        "FROM scratch AS a\nRUN {cache}private : > {pipe}\nFROM scratch AS b\nRUN {cache}private : < {pipe}\n\
         FROM scratch\nRUN --mount=from=a,target=/x --mount=from=b,target=/y {cache}locked true\n"
    ));
    let outputs = bench.events.iter().filter(|event| matches!(event, BuildEvent::StepFinished { .. }));
    assert_eq!(outputs.count(), 6);
    let steps = bench.runner.steps.lock().unwrap();
    assert_ne!(steps[0].mounts, steps[1].mounts);
}
