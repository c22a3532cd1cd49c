//! From `create` to `delete`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::Test;
use crate::bundle::{Bundle, until};

pub(crate) const TESTS: &[Test] = &[
    ("a_container_goes_through_all_states", a_container_goes_through_all_states),
    ("the_state_says_what_engines_want_to_know", the_state_says_what_engines_want_to_know),
    ("an_id_is_used_once", an_id_is_used_once),
    ("what_is_not_allowed_in_a_state_is_refused", what_is_not_allowed_in_a_state_is_refused),
    ("a_running_container_is_deleted_by_force_only", a_running_container_is_deleted_by_force_only),
    ("the_exit_code_of_run_is_the_programs", the_exit_code_of_run_is_the_programs),
    ("a_missing_program_is_told_as_docker_tells_it", a_missing_program_is_told_as_docker_tells_it),
    ("a_file_that_cannot_be_executed_is_told", a_file_that_cannot_be_executed_is_told),
    ("a_failed_create_leaves_nothing", a_failed_create_leaves_nothing),
    ("a_paused_container_stands_still", a_paused_container_stands_still),
    ("a_paused_container_can_be_killed", a_paused_container_can_be_killed),
    ("containers_are_listed", containers_are_listed),
    ("processes_are_listed", processes_are_listed),
    ("all_processes_can_be_killed", all_processes_can_be_killed),
    ("errors_are_in_the_log_as_json", errors_are_in_the_log_as_json),
    ("features_are_told", features_are_told),
    ("the_process_id_is_written_to_a_file", the_process_id_is_written_to_a_file),
];

fn a_container_goes_through_all_states() {
    let bundle = Bundle::new("echo begun; sleep 100");
    bundle.create().ok();
    assert_eq!(bundle.status(), "created");
    assert_eq!(bundle.output("out"), "");
    bundle.oci(&["start", &bundle.id]).ok();
    assert_eq!(bundle.status(), "running");
    until(|| bundle.output("out") == "begun\n");
    bundle.oci(&["kill", &bundle.id, "KILL"]).ok();
    bundle.wait();
    let cgroup = bundle.cgroup("pids");
    assert!(cgroup.exists());
    bundle.oci(&["delete", &bundle.id]).ok();
    assert!(!cgroup.exists());
    let gone = bundle.oci(&["state", &bundle.id]);
    assert_eq!((gone.code, gone.err.as_str()), (1, "container does not exist\n"));
}

fn the_state_says_what_engines_want_to_know() {
    let bundle = Bundle::new("sleep 100").set("/annotations", serde_json::json!({"a": "b"}));
    bundle.start();
    let state = bundle.state();
    assert_eq!(state["ociVersion"], "1.0.2");
    assert_eq!(state["id"], bundle.id);
    assert_eq!(state["bundle"], bundle.dir().to_str().unwrap());
    assert_eq!(state["rootfs"], bundle.root().to_str().unwrap());
    assert_eq!(state["annotations"]["a"], "b");
    assert!(fs::metadata(format!("/proc/{}", state["pid"])).is_ok());
}

fn an_id_is_used_once() {
    let bundle = Bundle::new("sleep 100");
    bundle.create().ok();
    let again = bundle.create();
    assert_eq!((again.code, again.err.as_str()), (1, "container with given ID already exists\n"));
    assert_eq!(bundle.status(), "created", "the first one is not touched");
}

fn what_is_not_allowed_in_a_state_is_refused() {
    let bundle = Bundle::new("sleep 100");
    let refused = |args: &[&str], why: &str| {
        let answer = bundle.oci(args);
        assert!(answer.code != 0 && answer.err.contains(why), "{args:?}: {answer:?}");
    };
    let id = bundle.id.as_str();
    refused(&["start", id], "container does not exist");
    refused(&["state", "no/such"], "invalid container id");
    refused(&["create", "--nope", id], "flag provided but not defined: --nope");
    refused(&["frobnicate"], "unknown command");
    bundle.start();
    refused(&["start", id], "cannot start a container that is running");
    refused(&["resume", id], "cannot resume a container that is running");
    refused(&["delete", id], "is not stopped: running");
    bundle.oci(&["kill", id, "9"]).ok();
    bundle.wait();
    refused(&["start", id], "cannot start a container that is stopped");
    refused(&["kill", id], "container not running");
    refused(&["exec", id, "true"], "cannot exec in a container that is stopped");
    refused(&["pause", id], "cannot pause a container that is stopped");
}

fn a_running_container_is_deleted_by_force_only() {
    let bundle = Bundle::new("trap '' TERM; sleep 100");
    bundle.start();
    bundle.oci(&["delete", "--force", &bundle.id]).ok();
    bundle.oci(&["delete", "--force", &bundle.id]).ok();
    assert!(!bundle.cgroup("pids").exists());
}

fn the_exit_code_of_run_is_the_programs() {
    assert_eq!(Bundle::new("exit 7").run().code, 7);
    assert_eq!(Bundle::new("kill -9 $$; sleep 9").namespace("pid", None).run().code, 137);
}

fn a_missing_program_is_told_as_docker_tells_it() {
    let told = |program: &str| {
        let answer = Bundle::new("").args(&[program]).run();
        assert_eq!(answer.code, 255);
        answer.err
    };
    assert!(told("nope").ends_with("exec: \"nope\": executable file not found in $PATH\n"));
    assert!(told("/nope").ends_with("exec: \"/nope\": stat /nope: no such file or directory\n"));
}

fn a_file_that_cannot_be_executed_is_told() {
    let bundle = Bundle::new("").args(&["/bin/thing"]);
    let thing = bundle.root().join("bin/thing");
    let told = |why: &str| {
        let answer = bundle.run();
        assert!(answer.code != 0 && answer.err.contains(why), "{answer:?}");
        bundle.oci(&["delete", "--force", &bundle.id]);
    };
    fs::write(&thing, "#!/no/interpreter\n").unwrap();
    told("exec: \"/bin/thing\": permission denied");
    fs::set_permissions(&thing, fs::Permissions::from_mode(0o755)).unwrap();
    told("exec: \"/bin/thing\": no such file or directory");
    fs::write(&thing, "\x7fELF?").unwrap();
    told("exec: \"/bin/thing\": exec format error");
    fs::remove_file(&thing).unwrap();
    fs::create_dir(&thing).unwrap();
    told("exec: \"/bin/thing\": is a directory");
}

fn a_failed_create_leaves_nothing() {
    let bundle = Bundle::new("").args(&["nope"]);
    assert_eq!(bundle.create().code, 1);
    assert!(!bundle.cgroup("pids").exists());
    assert!(!bundle.dir().join("state").join(&bundle.id).exists());
    let bundle = Bundle::new("true").set("/root/path", "missing".into());
    assert!(bundle.create().err.contains("root file system"));
    let bundle = Bundle::new("true").mount("bind", "/no/such/source", "/mnt", &["bind"]);
    assert!(bundle.create().err.contains("bind source path does not exist: /no/such/source"));
    assert!(!bundle.cgroup("pids").exists());
}

fn a_paused_container_stands_still() {
    let bundle = Bundle::new("while true; do echo x; sleep 0.01; done");
    bundle.start();
    until(|| !bundle.output("out").is_empty());
    bundle.oci(&["pause", &bundle.id]).ok();
    assert_eq!(bundle.status(), "paused");
    let before = bundle.output("out").len();
    assert!(bundle.exec(&["true"]).err.contains("paused"));
    assert_eq!(bundle.output("out").len(), before);
    bundle.oci(&["resume", &bundle.id]).ok();
    assert_eq!(bundle.status(), "running");
    until(|| bundle.output("out").len() > before);
}

fn a_paused_container_can_be_killed() {
    let bundle = Bundle::new("sleep 100");
    bundle.start();
    bundle.oci(&["pause", &bundle.id]).ok();
    bundle.oci(&["kill", &bundle.id, "KILL"]).ok();
    bundle.wait();
    let bundle = Bundle::new("sleep 100");
    bundle.start();
    bundle.oci(&["pause", &bundle.id]).ok();
    bundle.oci(&["delete", "-f", &bundle.id]).ok();
}

fn containers_are_listed() {
    let bundle = Bundle::new("sleep 100");
    assert_eq!(bundle.oci(&["list", "-q"]).ok().out, "");
    bundle.create().ok();
    assert_eq!(bundle.oci(&["list", "-q"]).ok().out, format!("{}\n", bundle.id));
    let json: Value = serde_json::from_str(&bundle.oci(&["list", "-f", "json"]).ok().out).unwrap();
    assert_eq!(json[0]["status"], "created");
    let table = bundle.oci(&["list"]).ok();
    assert!(table.lines()[0].starts_with("ID ") && table.lines()[1].starts_with(&bundle.id), "{table:?}");
}

fn processes_are_listed() {
    let bundle = Bundle::new("sleep 100 & sleep 100; true");
    bundle.start();
    let count = || -> usize {
        let pids: Vec<i32> =
            serde_json::from_str(&bundle.oci(&["ps", "-f", "json", &bundle.id]).ok().out).unwrap();
        pids.len()
    };
    until(|| count() == 3);
    let table = bundle.oci(&["ps", &bundle.id]).ok();
    assert_eq!(table.lines().len(), 4, "{table:?}");
}

fn all_processes_can_be_killed() {
    let bundle =
        Bundle::new("trap '' TERM; (trap '' TERM; sleep 100; true) & sleep 100; true").namespace("pid", None);
    bundle.start();
    let all =
        || container::cgroup::Cgroup::existing(std::path::Path::new(&format!("/berth-test/{}", bundle.id)));
    until(|| all().procs().unwrap().len() == 4);
    bundle.oci(&["kill", "--all", &bundle.id, "KILL"]).ok();
    until(|| all().procs().unwrap().is_empty());
}

fn errors_are_in_the_log_as_json() {
    let bundle = Bundle::new("").args(&["nope"]);
    let log = bundle.dir().join("log.json");
    let flags = ["--log", log.to_str().unwrap(), "--log-format", "json", "create", bundle.id.as_str()];
    assert_eq!(bundle.oci(&flags).code, 1);
    let line: Value = serde_json::from_str(fs::read_to_string(log).unwrap().lines().last().unwrap()).unwrap();
    assert_eq!(line["level"], "error");
    assert!(line["msg"].as_str().unwrap().contains("executable file not found in $PATH"), "{line}");
}

fn features_are_told() {
    let bundle = Bundle::new("");
    let features: Value = serde_json::from_str(&bundle.oci(&["features"]).ok().out).unwrap();
    assert_eq!(features["linux"]["seccomp"]["enabled"], true);
    let typed: oci_spec::runtime::Features = serde_json::from_value(features).unwrap();
    assert!(typed.mount_options().as_ref().unwrap().contains(&"rro".to_owned()));
    assert!(bundle.oci(&["--version"]).ok().out.starts_with("berth version"));
}

fn the_process_id_is_written_to_a_file() {
    let bundle = Bundle::new("sleep 100");
    let file = bundle.dir().join("pid");
    bundle.create_with(&["--pid-file", file.to_str().unwrap()]).ok();
    assert_eq!(fs::read_to_string(file).unwrap(), bundle.pid().to_string());
}
