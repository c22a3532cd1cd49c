//! Logs, attached clients, standard input, terminals.

use std::io::{Read, Write};
use std::net::Shutdown;

use container::protocol::{AttachStreams, ConsoleSize, Request, StdinPolicy, StreamName};

use crate::Test;
use crate::fixture::{Fixture, Maker, read_frames};

pub(crate) const TESTS: &[Test] = &[
    ("output_is_logged_by_stream", output_is_logged_by_stream),
    ("clients_get_frames", clients_get_frames),
    ("a_slow_client_loses_nothing", a_slow_client_loses_nothing),
    ("a_client_that_vanishes_holds_nothing_back", a_client_that_vanishes_holds_nothing_back),
    ("input_ends_with_the_first_client", input_ends_with_the_first_client),
    ("open_input_outlives_clients", open_input_outlives_clients),
    ("closed_input_is_empty", closed_input_is_empty),
    ("a_terminal_has_the_size_that_is_set", a_terminal_has_the_size_that_is_set),
    ("an_exec_can_have_a_terminal", an_exec_can_have_a_terminal),
    ("streams_end_after_the_exit_has_been_told", streams_end_after_the_exit_has_been_told),
    ("left_processes_do_not_hold_the_end_up", left_processes_do_not_hold_the_end_up),
];

const MEGABYTE: usize = 1 << 20;

fn output_is_logged_by_stream(maker: Maker) {
    let fixture = Fixture::new(maker, &["both", "out", "err"]).with_log();
    fixture.run();
    assert_eq!(fixture.logged(StreamName::Stdout), "out\n");
    assert_eq!(fixture.logged(StreamName::Stderr), "err\n");
}

fn clients_get_frames(maker: Maker) {
    let fixture = Fixture::new(maker, &["both", "out", "err"]);
    let created = fixture.create();
    let (first, second) = (created.attach(false), created.attach(false));
    let only_stderr = AttachStreams { stderr: true, ..AttachStreams::default() };
    let third = created.connect().attach(only_stderr).unwrap();
    let running = created.start();
    for client in [first, second] {
        assert_eq!(read_frames(client), ("out\n".into(), "err\n".into()));
    }
    assert_eq!(read_frames(third), (String::new(), "err\n".into()));
    running.wait();
}

fn a_slow_client_loses_nothing(maker: Maker) {
    let fixture = Fixture::new(maker, &["flood", &MEGABYTE.to_string()]).with_log();
    let created = fixture.create();
    let client = created.attach(false);
    let running = created.start();
    // The container cannot end before its output has been taken: it does not fit into any buffer.
    let answer = running.connect().request(&Request::State).unwrap();
    assert!(matches!(answer, container::protocol::Response::Created(_)));
    let (out, _) = read_frames(client);
    running.wait();
    assert_eq!(out.len(), MEGABYTE);
    assert_eq!(fixture.logged(StreamName::Stdout), out);
}

fn a_client_that_vanishes_holds_nothing_back(maker: Maker) {
    let fixture = Fixture::new(maker, &["flood", &MEGABYTE.to_string()]).with_log();
    let created = fixture.create();
    let mut client = created.attach(true);
    let running = created.start();
    let mut some = [0; 100];
    client.read_exact(&mut some).unwrap();
    drop(client);
    assert_eq!(running.wait().exit_code, 0);
    assert_eq!(fixture.logged(StreamName::Stdout).len(), MEGABYTE);
}

fn input_ends_with_the_first_client(maker: Maker) {
    let fixture = Fixture::new(maker, &["cat"]).with_stdin(StdinPolicy::Once);
    let running = fixture.create().start();
    let mut client = running.attach(true);
    let text = "x".repeat(MEGABYTE);
    let (out, _) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_frames(&client));
        (&client).write_all(text.as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        reader.join().unwrap()
    });
    assert!(out == text);
    client.read_exact(&mut [0]).unwrap_err();
    assert_eq!(running.wait().exit_code, 0);
}

fn open_input_outlives_clients(maker: Maker) {
    let fixture = Fixture::new(maker, &["first-line"]).with_stdin(StdinPolicy::Open);
    let running = fixture.create().start();
    running.attach(true).write_all(b"one ").unwrap();
    let mut second = running.attach(true);
    second.write_all(b"two\n").unwrap();
    let (out, _) = read_frames(&second);
    assert!(out == "got one two\n" || out == "got two\n", "{out}");
    assert_eq!(running.wait().exit_code, 0);
}

fn closed_input_is_empty(maker: Maker) {
    let fixture = Fixture::new(maker, &["cat"]);
    let record = fixture.run();
    assert_eq!(record.exit_code, 0);
}

fn a_terminal_has_the_size_that_is_set(maker: Maker) {
    let mut fixture =
        Fixture::new(maker, &["terminal"]).with_terminal().with_stdin(StdinPolicy::Open).with_log();
    fixture.config.console_size = Some(ConsoleSize { height: 11, width: 22 });
    let running = fixture.create().start();
    running.connect().request(&Request::Resize(ConsoleSize { height: 33, width: 44 })).unwrap();
    let mut client = running.attach(true);
    client.write_all(b"\r").unwrap();
    let mut out = String::new();
    client.read_to_string(&mut out).unwrap();
    assert!(out.ends_with("true 33 44\r\n"), "{out:?}");
    running.wait();
    assert!(fixture.logged(StreamName::Stdout).ends_with("true 33 44\r\n"));
}

fn an_exec_can_have_a_terminal(maker: Maker) {
    let fixture = Fixture::new(maker, &["sleep", "60"]);
    let running = fixture.create().start();
    let mut exec = fixture.exec_config(&running.state, &["terminal"]);
    exec.stdin = StdinPolicy::Open;
    exec.console_size = Some(ConsoleSize { height: 5, width: 6 });
    if let container::protocol::Kind::Exec(kind) = &mut exec.kind {
        kind.process.set_terminal(Some(true));
    }
    let exec = crate::fixture::Running::create(&exec).unwrap();
    let mut client = exec.attach(true);
    let exec = exec.start();
    client.write_all(b"\r").unwrap();
    let mut out = String::new();
    client.read_to_string(&mut out).unwrap();
    assert!(out.ends_with("true 5 6\r\n"), "{out:?}");
    exec.wait();
    running.kill();
}

fn left_processes_do_not_hold_the_end_up(maker: Maker) {
    let fixture = Fixture::new(maker, &["sleep", "60"]);
    let running = fixture.create().start();
    let exec = crate::fixture::Running::create(&fixture.exec_config(&running.state, &["orphan"])).unwrap();
    let client = exec.attach(false);
    let exec = exec.start();
    assert_eq!(read_frames(client).0, "left\n");
    assert_eq!(exec.wait().exit_code, 0);
    running.kill();
}

fn streams_end_after_the_exit_has_been_told(maker: Maker) {
    let fixture = Fixture::new(maker, &["exit", "0"]);
    let created = fixture.create();
    let mut client = created.attach(false);
    let mut running = created.start();
    running.control.wait().unwrap();
    client.set_nonblocking(true).unwrap();
    // Either it is still open, or, on a slow machine, the shim has lost its patience meanwhile.
    let open = client.read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    drop(crate::fixture::hang_up(running.control));
    client.set_nonblocking(false).unwrap();
    assert!(client.read(&mut [0]).is_ok_and(|end| end == 0), "it ends in the end (was open: {open})");
}
