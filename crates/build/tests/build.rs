//! Whole builds into a real store; commands run without containers.

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use build::{BuildError, BuildEvent, Stream};
use common::{Bench, chain, owner_and_mode};

const SIMPLE: &str = "FROM scratch\nARG V=1\nENV A=$V\nCOPY a dir/ /app/\nRUN echo $A > made\nCMD [\"x\"]\n";

fn simple() -> Bench {
    let bench = Bench::new();
    bench.write("a", "A").write("dir/b", "B");
    bench
}

#[test]
fn an_image_has_its_layers_configuration_and_history() {
    let mut bench = simple();
    let result = bench.build_as("app:1", SIMPLE);
    assert_eq!(result.tags, ["docker.io/library/app:1"]);
    assert_eq!((result.steps, result.cached), (6, 0));
    let image = bench.store.resolve("app:1").unwrap();
    assert_eq!(image.layers.len(), 2);
    assert_eq!(image.config.config.cmd, Some(vec!["x".into()]));
    assert_eq!(image.config.config.env[1], "A=1");
    let history: Vec<_> = image
        .config
        .history
        .iter()
        .map(|entry| (entry.created_by.clone().unwrap(), entry.empty_layer))
        .collect();
    let entry = |text: &str, empty| (text.to_owned(), empty);
    assert_eq!(
        history,
        [
            entry("ARG V=1", true),
            entry("ENV A=1", true),
            entry("COPY a dir/ /app/", false),
            entry("RUN /bin/sh -c echo $A > made", false),
            entry("CMD [\"x\"]", true),
        ]
    );
    assert_eq!(bench.read(&result, "app/a"), "A");
    assert_eq!(bench.read(&result, "app/b"), "B");
    assert_eq!(bench.read(&result, "made"), "1\n");
    bench.assert_tidy();
}

#[test]
fn a_repeated_build_runs_nothing_and_gives_the_same_image() {
    let mut bench = simple();
    let first = bench.build(SIMPLE);
    let soon = SystemTime::now() + Duration::from_secs(7);
    fs::File::open(bench.context().join("a")).unwrap().set_modified(soon).unwrap();
    let second = bench.build(SIMPLE);
    assert_eq!((second.image.as_str(), second.cached), (first.image.as_str(), 2));
    assert_eq!(bench.runs(), 1);
}

#[test]
fn what_a_step_depends_on_decides() {
    let mut bench = simple();
    bench.build(SIMPLE);
    assert_eq!(bench.build(&format!("{SIMPLE}LABEL a=b\n")).cached, 2);
    bench.write("dir/b", "changed");
    assert_eq!(bench.build(SIMPLE).cached, 0);
    fs::set_permissions(bench.context().join("a"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(bench.build(SIMPLE).cached, 0);
    let mut request = bench.request(SIMPLE);
    request.build_args.insert("V".into(), Some("2".into()));
    let result = bench.try_request(&request).unwrap();
    assert_eq!((result.cached, bench.read(&result, "made").as_str()), (1, "2\n"));
    request.no_cache = true;
    assert_eq!(bench.try_request(&request).unwrap().cached, 0);
}

#[test]
fn a_layer_that_is_gone_is_made_again() {
    let mut bench = simple();
    let first = bench.build(SIMPLE);
    bench.store.remove(&first.image, true, &|_| image::Usage::Unused, &|_| false).unwrap();
    let second = bench.build(SIMPLE);
    assert_eq!(second.cached, 0);
    assert_eq!(bench.read(&second, "app/a"), "A");
}

#[test]
fn stages_give_files_to_others_and_only_needed_ones_run() {
    let mut bench = Bench::new();
    bench.build_as("other:1", "FROM scratch\nRUN echo other > file\n");
    let result = bench.build(
        "FROM scratch AS one\nRUN mkdir -p out/d && echo 1 > out/d/x && ln -s x out/d/l && chown -R 5:6 out\n\
         FROM scratch AS never\nRUN exit 1\n\
         FROM scratch\nCOPY --from=one /out /new\nCOPY --from=other:1 file /f\nCOPY --from=0 --chown=7 out/d/x /x\n",
    );
    assert_eq!(bench.read(&result, "new/d/l"), "1\n");
    assert_eq!(bench.read(&result, "f"), "other\n");
    assert_eq!(owner_and_mode(&bench.path(&result, "new/d/x").unwrap()), (5, 6, 0o644));
    assert_eq!(owner_and_mode(&bench.path(&result, "x").unwrap()), (7, 7, 0o644));
    assert_eq!(bench.runs(), 2);
    assert_eq!(bench.image(&result).layers.len(), 3);
}

#[test]
fn owners_and_modes_are_set_by_the_images_own_names() {
    let mut bench = simple();
    let result = bench.build(
        "FROM scratch\nCOPY <<EOF /etc/passwd\nroot:x:0:0::/:\napp:x:11:12::/:\nEOF\n\
         COPY <<EOF /etc/group\nstaff:x:50:\nEOF\n\
         COPY --chown=app a /one\nCOPY --chown=app:staff --chmod=750 dir /two/\nUSER app\nWORKDIR /work/here\n",
    );
    assert_eq!(owner_and_mode(&bench.path(&result, "one").unwrap()), (11, 12, 0o644));
    assert_eq!(owner_and_mode(&bench.path(&result, "two").unwrap()), (11, 50, 0o750));
    assert_eq!(owner_and_mode(&bench.path(&result, "two/b").unwrap()), (11, 50, 0o750));
    assert_eq!(owner_and_mode(&bench.path(&result, "work/here").unwrap()), (11, 12, 0o755));
    let error = bench.try_build("FROM scratch\nCOPY --chown=nobody a /\n").unwrap_err();
    assert_eq!(
        chain(&error),
        "Dockerfile:2: the instruction failed\n 2 | COPY --chown=nobody a /\n\
         caused by: unable to find user nobody: no matching entries in passwd file"
    );
}

#[test]
fn links_of_the_image_never_lead_out_of_it() {
    let mut bench = simple();
    let outside = bench.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let to = outside.display();
    let result = bench.build(&format!(
        "FROM scratch\nRUN ln -s {to} a && ln -s ../../../..{to} b && mkdir real && ln -s /real c\n\
         COPY a /a/x\nCOPY a /b/y\nCOPY a /c/\n"
    ));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert_eq!(bench.read(&result, "real/a"), "A");
    assert_eq!(bench.read(&result, &format!("{}/x", to.to_string().trim_start_matches('/'))), "A");
}

#[test]
fn the_context_does_not_lead_out_of_itself() {
    let mut bench = simple();
    fs::write(bench.dir.path().join("secret"), "secret").unwrap();
    symlink("../secret", bench.context().join("link")).unwrap();
    symlink(bench.dir.path().join("secret"), bench.context().join("absolute")).unwrap();
    for source in ["link", "absolute", "../secret", "/../secret"] {
        let error = bench.try_build(&format!("FROM scratch\nCOPY {source} /x\n")).unwrap_err();
        assert!(chain(&error).ends_with("is not in the build context"), "{}", chain(&error));
    }
    let result = bench.build("FROM scratch\nCOPY . /all/\n");
    let link = fs::read_link(bench.path(&result, "all/link").unwrap()).unwrap();
    assert_eq!(link.to_str(), Some("../secret"));
}

#[test]
fn ignored_files_do_not_take_part() {
    let mut bench = simple();
    bench.write(".dockerignore", "dir\n!dir/keep\nDockerfile\n.dockerignore\n").write("dir/keep", "K");
    let text = "FROM scratch\nCOPY . /\n";
    let result = bench.build(text);
    assert_eq!(bench.read(&result, "dir/keep"), "K");
    assert_eq!(bench.path(&result, "dir/b"), None);
    bench.write("dir/b", "changed");
    assert_eq!(bench.build(text).cached, 1);
    let error = bench.try_build("FROM scratch\nCOPY dir/b /\n").unwrap_err();
    assert!(chain(&error).ends_with("\"dir/b\" is not in the build context (.dockerignore excludes it)"));
    bench.write("Dockerfile.dockerignore", "a\n");
    let result = bench.build(text);
    assert_eq!(bench.path(&result, "a"), None);
}

#[test]
fn here_documents_are_files_and_scripts() {
    let mut bench = Bench::new();
    let result = bench.build(
        "FROM scratch\nENV A=1\nCOPY <<one <<-\"two\" /dir/\n$A '\\$A'\none\n\t$A\ntwo\n\
         RUN <<EOF\necho first > f\necho second >> f\nEOF\nRUN cat <<EOF > g\n$A\nEOF\n",
    );
    assert_eq!(bench.read(&result, "dir/one"), "1 '$A'\n");
    assert_eq!(bench.read(&result, "dir/two"), "$A\n");
    assert_eq!(bench.read(&result, "f"), "first\nsecond\n");
    assert_eq!(bench.read(&result, "g"), "1\n");
}

#[test]
fn local_archives_are_unpacked_by_add_alone() {
    let mut bench = Bench::new();
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(4);
    header.set_mode(0o640);
    header.set_uid(3);
    header.set_gid(4);
    header.set_cksum();
    tar.append_data(&mut header, "d/file", &b"text"[..]).unwrap();
    fs::write(bench.context().join("x.bin"), tar.into_inner().unwrap().finish().unwrap()).unwrap();
    let text = "FROM scratch\nADD x.bin /to\nCOPY x.bin /copied/\nADD Dockerfile /f/\n";
    let result = bench.build(text);
    assert_eq!(bench.read(&result, "to/d/file"), "text");
    assert_eq!(owner_and_mode(&bench.path(&result, "to/d/file").unwrap()), (3, 4, 0o640));
    assert!(bench.path(&result, "copied/x.bin").is_some() && bench.path(&result, "f/Dockerfile").is_some());
    assert_eq!(bench.build(text).cached, 3);
}

#[test]
fn a_failing_command_shows_its_line_and_output_and_keeps_what_was_done() {
    let mut bench = Bench::new();
    let text = "FROM scratch\nRUN echo ok > f\nRUN echo before; \\\n  echo bad >&2; exit 7\n";
    let error = bench.try_build(text).unwrap_err();
    assert_eq!(
        chain(&error),
        "Dockerfile:3: the command exited with code 7\n 3 | RUN echo before; \\\n 4 |   echo bad >&2; exit 7\n\
         its last output:\n   before\n   bad"
    );
    let output = |event: &BuildEvent| matches!(event, BuildEvent::Output { stream: Stream::Stderr, text, .. } if text == "bad\n");
    assert!(bench.events.iter().any(output));
    assert!(bench.store.list().unwrap().is_empty());
    bench.assert_tidy();
    assert_eq!(bench.build("FROM scratch\nRUN echo ok > f\nRUN true\n").cached, 1);
}

#[test]
fn a_failing_command_is_told_with_what_to_look_at() {
    let mut bench = Bench::new();
    let error = bench.try_build("FROM scratch\nRUN no-such-program-here\n").unwrap_err();
    let told = chain(&error);
    assert!(told.starts_with("Dockerfile:2: the command exited with code 127\n 2 | RUN no-such"), "{told}");
    assert!(
        told.contains("not found\nlook at: a command was not found; does an earlier step install it"),
        "{told}"
    );
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    let mut bench = Bench::new();
    let error = |bench: &mut Bench, text: &str| chain(&bench.try_build(text).unwrap_err());
    assert_eq!(
        error(&mut bench, "FROM scratch\nRUN true\nCOPYY a b\n"),
        "Dockerfile:3: unknown instruction \"COPYY\"; did you mean COPY?\n 3 | COPYY a b"
    );
    assert_eq!(
        error(&mut bench, "FROM nothing:here\n"),
        "Dockerfile:1: the image cannot be used\n 1 | FROM nothing:here\ncaused by: no such image: nothing:here"
    );
    assert_eq!(
        error(&mut bench, "FROM --platform=linux/s390x scratch\n"),
        format!(
            "cannot build for platform \"linux/s390x\"; this machine builds \"linux/{}\" only",
            if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" }
        )
    );
    let mut request = bench.request("FROM scratch\n");
    request.tags = vec!["Not Valid".into()];
    assert!(matches!(bench.try_request(&request), Err(BuildError::Tag { .. })));
    assert_eq!(bench.runs(), 0);
}

#[test]
fn findings_are_told_and_may_be_errors() {
    let mut bench = Bench::new();
    let rules = |bench: &Bench| {
        let warnings = bench.events.iter().filter_map(|event| match event {
            BuildEvent::Warning(warning) => Some(format!("{} {:?}", warning.rule, warning.lines)),
            _ => None,
        });
        warnings.collect::<Vec<_>>()
    };
    bench.build("FROM scratch AS Base\nRUN true\n");
    assert_eq!(rules(&bench), ["StageNameCasing [\"FROM scratch AS Base\"]"]);
    let error = bench.try_build("# check=error=true\nFROM scratch\nCMD x\n").unwrap_err();
    assert_eq!(
        chain(&error),
        "the Dockerfile breaks JSONArgsRecommended, and its check directive says that this is an error"
    );
    bench.build("# check=skip=JSONArgsRecommended;error=true\nFROM scratch\nCMD x\n");
    let mut request = bench.request("# check=error=true\nFROM not:here\nRUN exit 1\nCMD x\n");
    request.check = true;
    bench.try_request(&request).unwrap();
    assert_eq!((rules(&bench).len(), bench.runs()), (1, 1));
}

#[test]
fn privileges_are_refused_unless_they_are_allowed() {
    let mut bench = Bench::new();
    let mut request = bench.request("FROM scratch\nRUN --security=insecure true\n");
    let error = bench.try_request(&request).unwrap_err();
    assert!(chain(&error).contains("build with --allow security.insecure"), "{}", chain(&error));
    request.allow_insecure = true;
    bench.try_request(&request).unwrap();
    assert!(bench.runner.steps.lock().unwrap()[0].privileged);
}

#[test]
fn a_cancelled_build_stops() {
    let mut bench = Bench::new();
    let request = bench.request("FROM scratch\nRUN true\n");
    request.cancel.cancel();
    assert!(matches!(bench.try_request(&request), Err(BuildError::Cancelled)));
    assert_eq!(bench.runs(), 0);
}

#[test]
fn triggers_of_the_base_are_carried_out() {
    let mut bench = simple();
    bench.build_as(
        "base:1",
        "FROM scratch\nONBUILD COPY a /triggered\nONBUILD RUN echo $X > x\nONBUILD ENV X=1\n",
    );
    let result = bench.build("FROM base:1\nENV Y=2\n");
    assert_eq!(bench.read(&result, "triggered"), "A");
    let config = &bench.image(&result).config.config;
    assert!(config.on_build.is_empty() && config.env.contains(&"X=1".to_owned()));
}

#[test]
fn a_source_date_gives_the_same_image_anywhere() {
    let build = |_| {
        let mut bench = simple();
        let mut request = bench.request(&format!("{SIMPLE}WORKDIR /w\n"));
        request.source_date_epoch = Some(1_700_000_000);
        let result = bench.try_request(&request).unwrap();
        let created = bench.image(&result).config.created.clone();
        (result.image, created)
    };
    let [first, second] = [0, 1].map(build);
    assert_eq!(first, second);
    assert_eq!(first.1.as_deref(), Some("2023-11-14T22:13:20Z"));
}

#[test]
fn commands_see_the_environment_the_user_and_the_directory() {
    let mut bench = Bench::new();
    let mut request = bench.request(
        "FROM scratch\nARG A=1\nENV B=2\nUSER 5:6\nWORKDIR /w\nSHELL [\"/bin/sh\", \"-ec\"]\n\
         RUN --network=none --mount=type=tmpfs,target=t,size=1m true\n",
    );
    request.build_args.insert("HTTP_PROXY".into(), Some("p".into()));
    bench.try_request(&request).unwrap();
    let steps = bench.runner.steps.lock().unwrap();
    let step = &steps[0];
    assert_eq!(step.argv, ["/bin/sh", "-ec", "true"]);
    assert_eq!((step.cwd.as_str(), step.user.as_deref()), ("/w", Some("5:6")));
    let env: Vec<_> = step.env.iter().filter(|entry| !entry.starts_with("PATH=")).collect();
    assert_eq!(env, ["HTTP_PROXY=p", "A=1", "B=2"]);
    assert_eq!(step.network, build::RunNetwork::None);
    assert_eq!(step.mounts, [build::RunMount::Tmpfs { target: "/w/t".into(), size: Some(1 << 20) }]);
    assert_eq!(step.lower_dirs.len(), 1);
}

#[test]
fn mounts_of_files_decide_and_caches_do_not() {
    let mut bench = simple();
    let text = "FROM scratch\nRUN --mount=target=/src,source=dir --mount=type=cache,target=/c,uid=5 true\n\
                RUN --mount=type=cache,target=/c --mount=target=/one,source=a,rw true\n";
    bench.build(text);
    let mounts =
        bench.runner.steps.lock().unwrap().iter().map(|step| step.mounts.clone()).collect::<Vec<_>>();
    let build::RunMount::Bind { source: cache, read_only: false, .. } = &mounts[0][1] else { panic!() };
    assert_eq!(owner_and_mode(cache), (5, 0, 0o755));
    assert_eq!(mounts[1][0], mounts[0][1]);
    let build::RunMount::Bind { source, target, read_only: false } = &mounts[1][1] else { panic!() };
    assert!(target == "/one" && source.ends_with("a"));
    assert_eq!(bench.build(text).cached, 2);
    fs::write(cache.join("kept"), "").unwrap();
    bench.write("dir/b", "changed");
    assert_eq!(bench.build(text).cached, 1);
    bench.assert_tidy();
}
