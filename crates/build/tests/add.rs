//! `ADD` from other hosts, and `COPY --parents`.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use build::{BuildError, BuildResult, Cancel, FetchError, FetchRequest, Fetched, Remote};
use common::{Bench, chain, owner_and_mode};

/// A server of one content for every address.
#[derive(Default)]
struct Server {
    content: Vec<u8>,
    etag: Option<String>,
    file_name: Option<String>,
    asked: Mutex<Vec<String>>,
}

impl Remote for Server {
    fn fetch(&self, request: &FetchRequest<'_>, to: &mut (dyn Write + Send)) -> Result<Fetched, FetchError> {
        self.asked.lock().unwrap().push(request.url.to_owned());
        if request.url.ends_with("missing") {
            return Err(FetchError::Status { status: "404 Not Found".into() });
        }
        if self.etag.is_some() && request.etag == self.etag.as_deref() {
            return Ok(Fetched { not_modified: true, ..Fetched::default() });
        }
        to.write_all(&self.content).map_err(FetchError::Write)?;
        Ok(Fetched {
            not_modified: false,
            etag: self.etag.clone(),
            last_modified: Some("Sun, 06 Nov 1994 08:49:37 GMT".into()),
            file_name: self.file_name.clone(),
        })
    }

    fn pull(&self, _: &str, _: &Cancel) -> Result<(), FetchError> {
        Err(FetchError::Offline)
    }

    fn push(&self, _: &str, _: &Cancel) -> Result<(), FetchError> {
        Err(FetchError::Offline)
    }
}

fn build(bench: &Bench, server: &Server, text: &str) -> Result<BuildResult, BuildError> {
    build::build(&bench.store, &bench.runner, server, &bench.request(text), &mut |_| ())
}

fn built(bench: &Bench, server: &Server, text: &str) -> BuildResult {
    build(bench, server, text).unwrap_or_else(|error| panic!("{}", chain(&error)))
}

#[test]
fn files_come_by_url_and_stay_while_they_are_the_same() {
    let bench = Bench::new();
    let mut server = Server { content: b"one".to_vec(), etag: Some("1".into()), ..Server::default() };
    let text = "FROM scratch\nADD https://me:word@h/d/file.txt /to/\nADD --chmod=755 https://h/x /named\n";
    let first = built(&bench, &server, text);
    assert_eq!(bench.read(&first, "to/file.txt"), "one");
    let path = bench.path(&first, "to/file.txt").unwrap();
    assert_eq!(owner_and_mode(&path), (0, 0, 0o600));
    assert_eq!(owner_and_mode(&bench.path(&first, "named").unwrap()), (0, 0, 0o755));
    let changed = path.metadata().unwrap().modified().unwrap();
    assert_eq!(changed.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), 784_111_777);
    let history = format!("{:?}", bench.image(&first).config.history);
    assert!(history.contains("ADD https://h/d/file.txt /to/") && !history.contains("word"), "{history}");
    assert_eq!(built(&bench, &server, text).cached, 2);
    server = Server { content: b"two".to_vec(), etag: Some("2".into()), ..Server::default() };
    let third = built(&bench, &server, text);
    assert_eq!((third.cached, bench.read(&third, "named").as_str()), (0, "two"));
}

#[test]
fn checksums_are_kept_to() {
    let bench = Bench::new();
    let server = Server { content: b"one".to_vec(), ..Server::default() };
    let right = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
    let add = |checksum: &str| format!("FROM scratch\nADD --checksum={checksum} http://h/x /\n");
    built(&bench, &server, &add(&format!("sha256:{right}")));
    built(&bench, &server, &add(&format!("sha256:{right}")));
    assert_eq!(server.asked.lock().unwrap().len(), 1);
    let wrong = "0".repeat(64);
    let error = build(&bench, &server, &add(&format!("sha256:{wrong}"))).unwrap_err();
    assert!(
        chain(&error).contains(&format!("http://h/x has the checksum sha256:{right}, not sha256:{wrong}")),
        "{}",
        chain(&error)
    );
    for (text, told) in [
        (add("md5:1"), "\"md5:1\" is not a checksum"),
        (
            "FROM scratch\nADD --checksum=sha256:0 Dockerfile /\n".into(),
            "--checksum is for sources from a URL",
        ),
        ("FROM scratch\nADD http://h/missing /\n".into(), "the server answered 404 Not Found"),
        ("FROM scratch\nADD http://h/ /d/\n".into(), "http://h/ does not end in a file name"),
    ] {
        let error = build(&bench, &server, &text).unwrap_err();
        assert!(chain(&error).contains(told), "{}", chain(&error));
    }
    bench.assert_tidy();
}

#[test]
fn fetched_archives_are_unpacked_when_asked_for() {
    let bench = Bench::new();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    header.set_mode(0o644);
    header.set_cksum();
    tar.append_data(&mut header, "in/it", &b"it"[..]).unwrap();
    let server = Server {
        content: tar.into_inner().unwrap(),
        file_name: Some("named.tar".into()),
        ..Server::default()
    };
    let text = "FROM scratch\nADD http://h/a.tar /kept/\nADD --unpack=true http://h/a.tar /out/\n";
    let result = built(&bench, &server, text);
    assert!(bench.path(&result, "kept/named.tar").is_some());
    assert_eq!(bench.read(&result, "out/in/it"), "it");
}

#[test]
fn sources_keep_their_directories_with_parents() {
    let mut bench = Bench::new();
    for path in ["a/b/one.txt", "a/b/two.md", "a/c/three.txt", "x/y/z/four.txt"] {
        bench.write(path, path);
    }
    let text = "FROM scratch\nCOPY --parents a/*/*.txt x/y /p/\nCOPY --parents ./x/./y/z/four.txt /q\n\
                COPY --parents --exclude=*.txt a /r/\n";
    let result = bench.build(text);
    for path in ["p/a/b/one.txt", "p/a/c/three.txt", "p/x/y/z/four.txt", "q/y/z/four.txt", "r/a/b/two.md"] {
        assert!(bench.path(&result, path).is_some(), "{path}");
    }
    for path in ["p/a/b/two.md", "p/y", "q/x", "q/four.txt"] {
        assert_eq!(bench.path(&result, path), None, "{path}");
    }
}

/// A repository behind `git daemon`.
struct Repository {
    dir: tempfile::TempDir,
    daemon: Child,
    port: u16,
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let identity =
        ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "init.defaultBranch=main"];
    let done = Command::new("git").args(identity).args(arguments).current_dir(directory).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

impl Repository {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("r.git");
        std::fs::create_dir_all(tree.join("docs")).unwrap();
        std::fs::write(tree.join("file"), "first").unwrap();
        std::fs::write(tree.join("docs/page"), "page").unwrap();
        std::os::unix::fs::symlink("/etc", tree.join("out")).unwrap();
        for arguments in [&["init", "-q"][..], &["add", "."], &["commit", "-qm", "first"], &["tag", "v1"]] {
            git(&tree, arguments);
        }
        std::fs::write(tree.join("file"), "second").unwrap();
        git(&tree, &["commit", "-qam", "second"]);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let daemon = Command::new("git")
            .args(["daemon", "--export-all", "--listen=127.0.0.1", &format!("--port={port}"), "--reuseaddr"])
            .arg(format!("--base-path={}", dir.path().display()))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        Self { dir, daemon, port }
    }

    fn head(&self, revision: &str) -> String {
        git(&self.dir.path().join("r.git"), &["rev-parse", revision])
    }
}

use std::os::unix::process::CommandExt;

impl Drop for Repository {
    fn drop(&mut self) {
        // `git daemon` is a child of `git`.
        let group = rustix::process::Pid::from_child(&self.daemon);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.daemon.wait();
    }
}

#[test]
fn repositories_come_by_git() {
    let bench = Bench::new();
    let repository = Repository::new();
    let url = format!("git://127.0.0.1:{}/r.git", repository.port);
    let server = Server::default();
    let result = built(
        &bench,
        &server,
        &format!(
            "FROM scratch\nADD {url} /head\nADD {url}#v1 /v1\nADD {url}#:docs /docs\n\
             ADD --keep-git-dir {url} /kept\nADD {url}#{} /commit\n",
            repository.head("v1")
        ),
    );
    assert_eq!(bench.read(&result, "head/file"), "second");
    assert_eq!(bench.read(&result, "v1/file"), "first");
    assert_eq!(bench.read(&result, "commit/file"), "first");
    assert_eq!(bench.read(&result, "docs/page"), "page");
    assert_eq!(bench.path(&result, "head/.git"), None);
    assert!(bench.path(&result, "kept/.git/HEAD").is_some());
    let again = format!("FROM scratch\nADD --keep-git-dir {url} /kept\n");
    built(&bench, &server, &again);
    assert_eq!(built(&bench, &server, &again).cached, 1);
}

#[test]
fn a_context_comes_from_a_repository_an_archive_or_a_dockerfile() {
    let bench = Bench::new();
    let repository = Repository::new();
    let git = format!("git://127.0.0.1:{}/r.git", repository.port);
    let mut tar = tar::Builder::new(Vec::new());
    for (name, text) in [("Dockerfile", "FROM scratch\nCOPY own /\n"), ("own", "sent")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    let archive = Server { content: tar.into_inner().unwrap(), ..Server::default() };
    let text = Server { content: b"FROM scratch\nCOPY <<x /x\ntext\nx\n".to_vec(), ..Server::default() };
    let from = |url: &str, server: &Server| {
        let request = build::BuildRequest { context_url: Some(url.to_owned()), ..Default::default() };
        build::build(&bench.store, &bench.runner, server, &request, &mut |_| ())
    };
    let whole =
        |result: Result<BuildResult, BuildError>| result.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!(bench.read(&whole(from("https://h/x.tar", &archive)), "own"), "sent");
    assert_eq!(bench.read(&whole(from("https://h/Dockerfile", &text)), "x"), "text\n");
    let error = chain(&from(&git, &text).unwrap_err());
    assert!(error.contains("cannot read the Dockerfile") && error.contains("No such file"), "{error}");
    let error = chain(&from("https://u:word@h/missing", &text).unwrap_err());
    assert!(
        error.contains("cannot use the build context https://h/missing") && error.contains("404"),
        "{error}"
    );

    let mut request = bench
        .request("FROM scratch\nCOPY --from=git file /\nCOPY --from=one . /one/\nCOPY --from=tar own /\n");
    for (name, url) in
        [("git", format!("{git}#v1")), ("tar", "https://h/x.tar".into()), ("one", "https://h/x.tar".into())]
    {
        request.contexts.insert(name.into(), build::NamedContext::Url(url));
    }
    let result = whole(build::build(&bench.store, &bench.runner, &archive, &request, &mut |_| ()));
    assert_eq!((bench.read(&result, "file"), bench.read(&result, "own")), ("first".into(), "sent".into()));
    assert!(bench.path(&result, "one/Dockerfile").is_some());
}

#[test]
fn what_is_wrong_with_a_repository_is_told() {
    let bench = Bench::new();
    let repository = Repository::new();
    let url = format!("git://127.0.0.1:{}/r.git", repository.port);
    let (head, first) = (repository.head("HEAD"), repository.head("v1"));
    for (text, told) in [
        (format!("ADD {url}#none /x"), format!("git cannot fetch {url}")),
        (format!("ADD {url}#:none /x"), format!("{url} has no directory \"none\"")),
        (format!("ADD {url}#:out /x"), format!("{url} has no directory \"out\"")),
        (format!("ADD --checksum={first} {url} /x"), format!("has the checksum {head}, not {first}")),
        (format!("ADD --checksum=word {url} /x"), "\"word\" is not a checksum".to_owned()),
    ] {
        let error = build(&bench, &Server::default(), &format!("FROM scratch\n{text}\n")).unwrap_err();
        assert!(chain(&error).contains(&told), "{}", chain(&error));
    }
    bench.assert_tidy();
}
