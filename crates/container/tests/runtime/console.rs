//! Terminals.

use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::json;

use crate::Test;
use crate::bundle::Bundle;

pub(crate) const TESTS: &[Test] = &[
    ("a_terminal_is_handed_over", a_terminal_is_handed_over),
    ("an_exec_has_a_terminal_of_its_own", an_exec_has_a_terminal_of_its_own),
    ("a_terminal_needs_a_holder", a_terminal_needs_a_holder),
    ("a_false_multiplexer_is_not_used", a_false_multiplexer_is_not_used),
];

fn receive(listener: &UnixListener) -> OwnedFd {
    let (socket, _) = listener.accept().unwrap();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; 100];
    recvmsg(&socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::empty()).unwrap();
    let fd = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    fd.unwrap()
}

/// Reads all that a terminal says until its other end is closed everywhere.
fn read_all(master: OwnedFd) -> String {
    let (mut file, mut text) = (std::fs::File::from(master), Vec::new());
    let mut buffer = [0; 1000];
    while let Ok(length @ 1..) = file.read(&mut buffer) {
        text.extend_from_slice(&buffer[..length]);
    }
    String::from_utf8(text).unwrap()
}

const LOOK: &str = "tty; stty size; stat -c '%F' /dev/console; readlink /proc/self/fd/0; readlink /proc/self/fd/2; cat < /dev/tty";

fn a_terminal_is_handed_over() {
    let bundle = Bundle::new(LOOK)
        .set("/process/terminal", true.into())
        .set("/process/consoleSize", json!({"height": 30, "width": 90}));
    let path = bundle.dir().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    bundle.create_with(&["--console-socket", path.to_str().unwrap()]).ok();
    let master = receive(&listener);
    bundle.oci(&["start", &bundle.id]).ok();
    std::fs::File::from(master.try_clone().unwrap()).write_all(b"typed\n\x04").unwrap();
    let said = read_all(master);
    let expected = "/dev/pts/0\r\n30 90\r\ncharacter special file\r\n/dev/pts/0\r\n/dev/pts/0\r\n";
    assert!(said.replace("typed\r\n", "").starts_with(expected), "{said:?}");
    assert_eq!(said.matches("typed").count(), 2, "the echo and cat: {said:?}");
}

fn an_exec_has_a_terminal_of_its_own() {
    let bundle = Bundle::new("sleep 100");
    bundle.start();
    let path = bundle.dir().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let flags = ["exec", "--tty", "--detach", "--console-socket", path.to_str().unwrap(), &bundle.id];
    let mut args = flags.to_vec();
    args.extend(["sh", "-c", "tty; id -u; exit 3"]);
    let mut child = bundle.command(&args).stdout(Stdio::null()).spawn().unwrap();
    let master = receive(&listener);
    assert!(child.wait().unwrap().success());
    assert_eq!(read_all(master), "/dev/pts/0\r\n0\r\n");
    // Without a socket the command itself holds the terminal.
    let answer = bundle.oci(&["exec", "--tty", &bundle.id, "sh", "-c", "tty; exit 4"]);
    assert_eq!((answer.code, answer.out.as_str()), (4, "/dev/pts/0\r\n"), "{answer:?}");
}

fn a_terminal_needs_a_holder() {
    let bundle = Bundle::new("true").set("/process/terminal", true.into());
    assert!(bundle.create().err.contains("--console-socket"));
    let bundle = Bundle::new("true");
    let answer = bundle.oci(&["create", "--console-socket", "/x", &bundle.id]);
    assert!(answer.err.contains("no use for a console socket"), "{answer:?}");
}

/// A container that replaces what `exec --tty` would open must not get it opened.
fn a_false_multiplexer_is_not_used() {
    let bundle = Bundle::new("rm /dev/ptmx; mknod /dev/ptmx c 1 5; sleep 100");
    bundle.start();
    let answer = bundle.oci(&["exec", "--tty", &bundle.id, "tty"]);
    assert_eq!(answer.out, "/dev/pts/0\r\n", "{answer:?}");
}
