//! Streams: half of a connection that ends, and clients that give up.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Netns, Raw, Registry, eventually, images};
use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// Reads until its input ends, and goes on to speak then.
const LISTENS: &str = r#"["sh","-c","read word; cat >/dev/null; echo heard $word; echo aside >&2"]"#;

/// Docker's frames as (stream, text).
fn frames(bytes: &[u8]) -> Vec<(u8, String)> {
    let (mut rest, mut all) = (bytes, Vec::new());
    while let Some((head, tail)) = rest.split_at_checked(8) {
        let length = u32::from_be_bytes(head[4..].try_into().unwrap()) as usize;
        all.push((head[0], String::from_utf8_lossy(&tail[..length]).into_owned()));
        rest = &tail[length..];
    }
    assert!(rest.is_empty(), "a frame ends early: {rest:?}");
    all
}

fn heard() -> Vec<(u8, String)> {
    vec![(1, "heard typed\n".to_owned()), (2, "aside\n".to_owned())]
}

/// The id in an answer.
fn id(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    text.split("\"Id\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id").to_owned()
}

/// Sends a request on a connection of its own, which ends with the answer.
fn asked(host: &Host, path: &str, document: &str) -> (u16, Vec<u8>) {
    Raw::new(&host.socket()).post(path, document).end().rest()
}

#[test]
fn the_end_of_input_leaves_the_output_of_a_command() {
    let host = Host::new();
    images::tiny(&host);
    host.ok("run -d --name cc tiny sleep 1000");
    let document =
        format!(r#"{{"AttachStdin":true,"AttachStdout":true,"AttachStderr":true,"Cmd":{LISTENS}}}"#);
    let (status, answer) = asked(&host, "/containers/cc/exec", &document);
    assert_eq!(status, 201);
    let mut client = Raw::new(&host.socket());
    client.hijack(&format!("/exec/{}/start", id(&answer)), r#"{"Detach":false,"Tty":false}"#);
    client.send(b"typed\nmore").end();
    let (status, output) = client.rest();
    let mut shown = frames(&output);
    shown.sort();
    assert_eq!((status, shown), (101, heard()));
    host.ok("rm -f cc");
}

#[test]
fn the_end_of_input_leaves_the_output_of_a_container() {
    let host = Host::new();
    images::tiny(&host);
    host.ok("ps");
    let document = format!(
        r#"{{"Image":"tiny","OpenStdin":true,"StdinOnce":true,"AttachStdin":true,"AttachStdout":true,"AttachStderr":true,"Cmd":{LISTENS}}}"#
    );
    assert_eq!(asked(&host, "/containers/create?name=cc", &document).0, 201);
    let mut client = Raw::new(&host.socket());
    client.hijack("/containers/cc/attach?stream=1&stdin=1&stdout=1&stderr=1", "");
    assert_eq!(client.status(), Some(101));
    client.read_until("\r\n\r\n");
    client.send(b"typed\nmore").end();
    assert_eq!(asked(&host, "/containers/cc/start", "").0, 204);
    let mut shown = frames(&client.to_end());
    shown.sort();
    assert_eq!(shown, heard());
    host.ok("rm -f cc");
}

/// A way to a registry on which only so many bytes come through, in one direction; then nobody reads or writes any more.
struct Stalling {
    stalled: Arc<AtomicBool>,
    /// Connections whose other end has gone.
    gone: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    FromRegistry,
    ToRegistry,
}

const THROUGH: usize = 256 << 10;

impl Stalling {
    /// Listens on port 5010 of a host before the registry on port 5000.
    fn before(host: &Host, direction: Direction) -> Self {
        let made = Self { stalled: Arc::default(), gone: Arc::default() };
        let (stalled, gone) = (Arc::clone(&made.stalled), Arc::clone(&made.gone));
        let path = host.netns().path();
        let (ready, listens) = std::sync::mpsc::channel();
        thread::spawn(move || {
            Netns::enter_path(&path);
            let listener = TcpListener::bind("127.0.0.1:5010").unwrap();
            ready.send(()).unwrap();
            for client in listener.incoming().flatten() {
                let registry = TcpStream::connect("127.0.0.1:5000").unwrap();
                let (stalled, gone) = (Arc::clone(&stalled), Arc::clone(&gone));
                let (from, to) = (client.try_clone().unwrap(), registry.try_clone().unwrap());
                let limited = |this| if direction == this { THROUGH } else { usize::MAX };
                let (there, back) = (limited(Direction::ToRegistry), limited(Direction::FromRegistry));
                let (flag, other) = (Arc::clone(&stalled), Arc::clone(&stalled));
                thread::spawn(move || {
                    pass(&from, &to, there, &flag);
                    // Whatever was still on its way is read: the end comes only when the client has ended.
                    let _ = std::io::copy(&mut &from, &mut std::io::sink());
                    gone.fetch_add(1, Ordering::SeqCst);
                    let _ = to.shutdown(Shutdown::Both);
                });
                thread::spawn(move || pass(&registry, &client, back, &other));
            }
        });
        listens.recv().unwrap();
        made
    }
}

/// Passes bytes on until the end or the limit; after the limit nothing more happens until the flag is taken back.
fn pass(mut from: &TcpStream, mut to: &TcpStream, limit: usize, stalled: &AtomicBool) {
    let (mut buffer, mut passed) = ([0; 16 << 10], 0);
    while passed < limit {
        match from.read(&mut buffer) {
            Ok(count) if count > 0 && to.write_all(&buffer[..count]).is_ok() => passed += count,
            _ => {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
        }
    }
    stalled.store(true, Ordering::SeqCst);
    eventually("the test goes on", || !stalled.load(Ordering::SeqCst));
}

/// An image with one layer of 16 MiB that does not compress, in the registry.
fn large_image(host: &Host) -> Registry {
    images::tiny(host);
    let dockerfile = "FROM tiny\nRUN dd if=/dev/urandom of=/large bs=1M count=16 2>/dev/null\n";
    let file = host.file("large/Dockerfile", dockerfile);
    let context = file.parent().unwrap().display().to_string();
    host.berth(["build", "-q", "-t", "localhost:5000/large:1", &context]).ok();
    Registry::start(host)
}

/// How many things are in the store's directories for what is half made.
fn half_made(host: &Host) -> usize {
    let sessions = std::fs::read_dir(host.root().join("tmp")).unwrap().flatten();
    sessions.filter_map(|session| std::fs::read_dir(session.path()).ok()).map(Iterator::count).sum()
}

/// Sends a request whose work stalls, goes away, and waits until the engine has let go of it.
fn given_up(host: &Host, stalling: &Stalling, path: &str) {
    let others = half_made(host);
    let mut client = Raw::new(&host.socket());
    client.post(path, "");
    eventually("the transfer has stalled", || stalling.stalled.load(Ordering::SeqCst));
    let before = stalling.gone.load(Ordering::SeqCst);
    drop(client);
    stalling.stalled.store(false, Ordering::SeqCst);
    eventually("the engine has closed its connection to the registry", || {
        stalling.gone.load(Ordering::SeqCst) > before
    });
    eventually("nothing half-made is left", || half_made(host) <= others);
    assert_eq!(host.ok("run --rm tiny echo fine"), "fine");
}

#[test]
fn a_pull_that_is_given_up_ends() {
    let host = Host::new();
    let _registry = large_image(&host);
    host.ok("push -q localhost:5000/large:1");
    host.ok("rmi -f localhost:5000/large:1");
    assert_eq!(asked(&host, "/build/prune?all=1", "").0, 200);
    let stalling = Stalling::before(&host, Direction::FromRegistry);
    given_up(&host, &stalling, "/images/create?fromImage=localhost:5010/large&tag=1");
    assert!(!host.ok("images").contains("large"));
}

#[test]
fn a_push_that_is_given_up_ends() {
    let host = Host::new();
    let _registry = large_image(&host);
    host.ok("tag localhost:5000/large:1 localhost:5010/large:1");
    let stalling = Stalling::before(&host, Direction::ToRegistry);
    given_up(&host, &stalling, "/images/localhost:5010/large/push?tag=1");
}
