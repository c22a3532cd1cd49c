//! What the program finds itself to be.

use std::fs;

use serde_json::json;

use crate::Test;
use crate::bundle::Bundle;

pub(crate) const TESTS: &[Test] = &[
    ("the_user_is_as_asked", the_user_is_as_asked),
    ("home_comes_from_the_images_accounts", home_comes_from_the_images_accounts),
    ("the_environment_is_exact", the_environment_is_exact),
    ("the_working_directory_is_made", the_working_directory_is_made),
    ("the_umask_can_be_set", the_umask_can_be_set),
    ("limits_are_set", limits_are_set),
    ("the_oom_score_is_set", the_oom_score_is_set),
    ("names_are_set", names_are_set),
    ("sysctls_of_own_namespaces_are_set", sysctls_of_own_namespaces_are_set),
    ("a_user_can_open_its_standard_streams_again", a_user_can_open_its_standard_streams_again),
    ("capabilities_can_be_ambient", capabilities_can_be_ambient),
    ("all_capabilities_are_all_that_can_be_had", all_capabilities_are_all_that_can_be_had),
    ("priorities_are_set", priorities_are_set),
    ("a_process_leads_its_session", a_process_leads_its_session),
];

fn run(bundle: &Bundle) -> String {
    bundle.run().ok().out
}

fn the_user_is_as_asked() {
    let bundle = Bundle::new("id -u; id -g; id -G")
        .set("/process/user", json!({"uid": 1000, "gid": 1000, "additionalGids": [5, 77]}));
    assert_eq!(run(&bundle), "1000\n1000\n1000 5 77\n");
}

fn home_comes_from_the_images_accounts() {
    let home =
        |user: u32| run(&Bundle::new("echo $HOME").set("/process/user", json!({"uid": user, "gid": 0})));
    assert_eq!((home(0), home(1000), home(4)), ("/root\n".into(), "/home/user\n".into(), "/\n".into()));
    let given = Bundle::new("echo $HOME").set("/process/env", json!(["PATH=/bin", "HOME=/tmp"]));
    assert_eq!(run(&given), "/tmp\n");
}

fn the_environment_is_exact() {
    let bundle = Bundle::new("").args(&["/bin/env"]).set("/process/env", json!(["HOME=/", "A=b c", "E="]));
    assert_eq!(run(&bundle), "HOME=/\nA=b c\nE=\n");
}

fn the_working_directory_is_made() {
    assert_eq!(run(&Bundle::new("pwd").set("/process/cwd", "/a/b".into())), "/a/b\n");
    let bundle = Bundle::new("pwd").set("/process/cwd", "/etc/passwd".into());
    assert!(bundle.run().err.contains("change to the working directory /etc/passwd: Not a directory"));
}

fn the_umask_can_be_set() {
    assert_eq!(run(&Bundle::new("umask")), "0022\n");
    assert_eq!(run(&Bundle::new("umask").set("/process/user/umask", json!(0o77))), "0077\n");
}

fn limits_are_set() {
    let bundle = Bundle::new("grep 'open files' /proc/self/limits")
        .set("/process/rlimits", json!([{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]));
    let words: Vec<String> = run(&bundle).split_whitespace().map(str::to_owned).collect();
    assert_eq!(words[3..5], ["100", "200"]);
}

fn the_oom_score_is_set() {
    let bundle = Bundle::new("cat /proc/self/oom_score_adj").set("/process/oomScoreAdj", json!(321));
    assert_eq!(run(&bundle), "321\n");
}

fn names_are_set() {
    let bundle =
        Bundle::new("hostname; cat /proc/sys/kernel/domainname").set("/domainname", "example".into());
    assert_eq!(run(&bundle), "box\nexample\n");
}

fn sysctls_of_own_namespaces_are_set() {
    let bundle = Bundle::new("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni")
        .set("/linux/sysctl", json!({"net.ipv4.ip_forward": "1", "kernel.shmmni": "123"}));
    assert_eq!(run(&bundle), "1\n123\n");
    let refused = Bundle::new("true").set("/linux/sysctl", json!({"vm.swappiness": "1"}));
    assert!(refused.run().err.contains("is not in a separate kernel namespace"));
}

fn a_user_can_open_its_standard_streams_again() {
    let bundle =
        Bundle::new("echo again > /proc/self/fd/1").set("/process/user", json!({"uid": 1000, "gid": 1000}));
    assert_eq!(run(&bundle), "again\n");
}

fn capabilities_can_be_ambient() {
    let some = json!(["CAP_NET_RAW", "CAP_CHOWN"]);
    let ambient = json!(["CAP_NET_RAW"]);
    let bundle = Bundle::new("grep Cap /proc/self/status")
        .set("/process/user", json!({"uid": 1000, "gid": 1000}))
        .set(
            "/process/capabilities",
            json!({"bounding": some, "effective": some, "permitted": some, "inheritable": some, "ambient": ambient}),
        );
    let lines = run(&bundle).replace('\t', " ");
    let expected = "CapInh: 0000000000002001\nCapPrm: 0000000000002000\nCapEff: 0000000000002000\n\
                    CapBnd: 0000000000002001\nCapAmb: 0000000000002000\n";
    assert_eq!(lines, expected);
}

fn all_capabilities_are_all_that_can_be_had() {
    let all = serde_json::to_value(container::caps::ALL.as_slice()).unwrap();
    let bundle = Bundle::new("grep CapEff /proc/self/status")
        .set("/process/capabilities", json!({"bounding": all, "effective": all, "permitted": all}));
    let own = fs::read_to_string("/proc/self/status").unwrap();
    let own = own.lines().find(|line| line.starts_with("CapEff")).unwrap();
    assert_eq!(run(&bundle).trim(), own);
}

fn priorities_are_set() {
    let bundle = Bundle::new("cat /proc/self/stat")
        .set("/process/scheduler", json!({"policy": "SCHED_BATCH", "nice": 5}))
        .set("/process/ioPriority", json!({"class": "IOPRIO_CLASS_BE", "priority": 6}));
    let stat = run(&bundle);
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split_whitespace().collect();
    assert_eq!((fields[16], fields[38]), ("5", "3"), "nice and policy");
}

fn a_process_leads_its_session() {
    let out = run(&Bundle::new("cat /proc/1/stat"));
    let fields: Vec<&str> = out.rsplit_once(") ").unwrap().1.split_whitespace().collect();
    assert_eq!(fields[2..4], ["1", "1"], "group and session");
}
