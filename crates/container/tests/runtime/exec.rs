//! Entering a running container.

use std::fs;

use serde_json::json;

use crate::Test;
use crate::bundle::{Bundle, until};

pub(crate) const TESTS: &[Test] = &[
    ("a_process_is_run_in_the_container", a_process_is_run_in_the_container),
    ("its_exit_code_is_returned", its_exit_code_is_returned),
    ("flags_change_the_process", flags_change_the_process),
    ("a_process_can_come_from_a_file", a_process_can_come_from_a_file),
    ("rights_are_the_containers", rights_are_the_containers),
    ("failures_are_told", failures_are_told),
    ("it_can_go_on_in_the_background", it_can_go_on_in_the_background),
    ("it_is_in_the_containers_group", it_is_in_the_containers_group),
    ("input_is_read", input_is_read),
    ("a_created_container_can_be_entered", a_created_container_can_be_entered),
];

fn running() -> Bundle {
    let bundle = Bundle::new("sleep 100");
    bundle.start();
    bundle
}

fn a_process_is_run_in_the_container() {
    let bundle = running();
    let answer = bundle
        .exec(&[
            "sh",
            "-c",
            "hostname; ps | grep -c '[s]leep 100'; pwd; echo $HOME; ls /proc/self/fd | wc -l",
        ])
        .ok();
    assert_eq!(answer.out, "box\n1\n/\n/root\n4\n", "{answer:?}");
}

fn its_exit_code_is_returned() {
    let bundle = running();
    assert_eq!(bundle.exec(&["sh", "-c", "exit 9"]).code, 9);
    assert_eq!(bundle.exec(&["sh", "-c", "kill -TERM $$"]).code, 143);
}

fn flags_change_the_process() {
    let bundle = running();
    let script = "pwd; echo $A; id -u; id -g; id -G; grep -E 'CapPrm|NoNew' /proc/self/status";
    let mut args = vec!["exec", "--cwd", "/etc", "-e", "A=b", "--user", "1000:1001", "-g", "7"];
    args.extend(["--cap", "CAP_NET_ADMIN", "--no-new-privs", &bundle.id, "sh", "-c", script]);
    let answer = bundle.oci(&args).ok();
    let expected = "/etc\nb\n1000\n1001\n1001 7\nCapPrm: 0000000000000000\nNoNewPrivs: 1\n";
    assert_eq!(answer.out.replace('\t', " "), expected);
}

fn a_process_can_come_from_a_file() {
    let bundle = running();
    let file = bundle.dir().join("process.json");
    let process = json!({
        "args": ["sh", "-c", "id -u; grep Cap /proc/self/status | sort | head -1; echo $X"], "cwd": "/tmp",
        "user": {"uid": 5, "gid": 5}, "env": ["PATH=/bin", "X=y"],
        "capabilities": {"bounding": ["CAP_CHOWN"]},
    });
    fs::write(&file, process.to_string()).unwrap();
    let answer = bundle.oci(&["exec", "--process", file.to_str().unwrap(), &bundle.id]).ok();
    assert_eq!(answer.out.replace('\t', " "), "5\nCapAmb: 0000000000000000\ny\n");
}

fn rights_are_the_containers() {
    let bundle = running();
    let answer = bundle.exec(&["grep", "-E", "CapEff|CapBnd|Seccomp:", "/proc/self/status"]).ok();
    assert_eq!(
        answer.out.replace('\t', " "),
        "CapEff: 00000000a80425fb\nCapBnd: 00000000a80425fb\nSeccomp: 2\n"
    );
}

fn failures_are_told() {
    let bundle = running();
    let told = |args: &[&str], why: &str| {
        let answer = bundle.exec(args);
        assert!(answer.code == 255 && answer.err.contains(why), "{answer:?}");
    };
    told(&["nope"], "exec: \"nope\": executable file not found in $PATH");
    told(&["/etc"], "exec: \"/etc\": is a directory");
    told(&["/etc/passwd"], "exec: \"/etc/passwd\": permission denied");
    told(&[], "process args cannot be empty");
}

fn it_can_go_on_in_the_background() {
    let bundle = running();
    let file = bundle.dir().join("pid");
    let path = file.to_str().unwrap();
    let args = ["exec", "--detach", "--pid-file", path, &bundle.id, "sleep", "77"];
    let status = bundle
        .command(&args)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status();
    assert!(status.unwrap().success());
    let pid = fs::read_to_string(file).unwrap();
    let line = || fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    until(|| line() == "sleep\x0077\x00");
}

fn it_is_in_the_containers_group() {
    let bundle = Bundle::new("sleep 100").namespace("cgroup", None);
    bundle.start();
    let answer = bundle.exec(&["cat", "/proc/self/cgroup"]).ok();
    let path = format!("/berth-test/{}", bundle.id);
    assert!(answer.lines().iter().all(|line| line.ends_with(&path)), "{answer:?}");
}

fn input_is_read() {
    use std::io::Write;
    use std::process::Stdio;
    let bundle = running();
    let mut child = bundle
        .command(&["exec", &bundle.id, "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"through").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"through");
}

fn a_created_container_can_be_entered() {
    let bundle = Bundle::new("sleep 100");
    bundle.create().ok();
    assert_eq!(bundle.exec(&["hostname"]).ok().out, "box\n");
    assert_eq!(bundle.status(), "created");
}
