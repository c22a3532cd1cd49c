//! What a container must not be able to do.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::Test;
use crate::bundle::{Answer, Bundle};

pub(crate) const TESTS: &[Test] = &[
    ("the_defaults_are_dockers", the_defaults_are_dockers),
    ("a_filter_answers_as_it_says", a_filter_answers_as_it_says),
    ("a_filter_works_without_new_privileges", a_filter_works_without_new_privileges),
    ("a_32_bit_program_passes_the_default_filter", foreign_architectures_are_in_the_default_filter),
    ("masked_paths_show_nothing", masked_paths_show_nothing),
    ("read_only_paths_cannot_be_written", read_only_paths_cannot_be_written),
    ("only_the_harmless_devices_can_be_used", only_the_harmless_devices_can_be_used),
    ("a_device_can_be_allowed", a_device_can_be_allowed),
    ("no_descriptor_leaks", no_descriptor_leaks),
    ("descriptors_can_be_handed_over", descriptors_can_be_handed_over),
    ("a_working_directory_outside_is_refused", a_working_directory_outside_is_refused),
    ("links_in_the_image_do_not_lead_out", links_in_the_image_do_not_lead_out),
    ("proc_must_be_a_directory", proc_must_be_a_directory),
    ("nothing_may_cover_proc", nothing_may_cover_proc),
    ("a_false_null_device_masks_nothing", a_false_null_device_masks_nothing),
    ("the_runtime_cannot_be_overwritten", the_runtime_cannot_be_overwritten),
    ("a_waiting_process_cannot_be_looked_into", a_waiting_process_cannot_be_looked_into),
    ("the_host_is_not_mounted", the_host_is_not_mounted),
];

fn the_defaults_are_dockers() {
    let answer = Bundle::new("grep -E 'Cap|NoNew|Seccomp:' /proc/self/status").run().ok();
    let expected = "CapInh: 0000000000000000\nCapPrm: 00000000a80425fb\nCapEff: 00000000a80425fb\n\
                    CapBnd: 00000000a80425fb\nCapAmb: 0000000000000000\nNoNewPrivs: 0\nSeccomp: 2\n";
    assert_eq!(answer.out.replace('\t', " "), expected);
}

fn profile() -> serde_json::Value {
    json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 122}],
    })
}

fn a_filter_answers_as_it_says() {
    let answer = Bundle::new("mkdir /tmp/x").set("/linux/seccomp", profile()).run();
    assert!(answer.code == 1 && answer.err.contains("Disk quota exceeded"), "{answer:?}");
}

fn a_filter_works_without_new_privileges() {
    let answer = Bundle::new("grep -E 'NoNew|Seccomp:' /proc/self/status; mkdir /tmp/x")
        .set("/linux/seccomp", profile())
        .set("/process/noNewPrivileges", true.into())
        .set("/process/user", json!({"uid": 1000, "gid": 1000}))
        .run();
    assert_eq!(answer.out.replace('\t', " "), "NoNewPrivs: 1\nSeccomp: 2\n");
    assert!(answer.err.contains("Disk quota exceeded"), "{answer:?}");
}

/// `exit(7)` of 32-bit x86, as a whole program.
const EXIT_7: [u8; 96] = {
    let mut elf = [0u8; 96];
    let head: [u8; 84] = [
        0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 1, 0, 0, 0, 0x54, 0x80, 4, 8,
        52, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 52, 0, 32, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
        0x80, 4, 8, 0, 0x80, 4, 8, 96, 0, 0, 0, 96, 0, 0, 0, 5, 0, 0, 0, 0, 0x10, 0, 0,
    ];
    let mut at = 0;
    while at < 84 {
        elf[at] = head[at];
        at += 1;
    }
    // mov $1, %eax; mov $7, %ebx; int $0x80
    let code: [u8; 12] = [0xb8, 1, 0, 0, 0, 0xbb, 7, 0, 0, 0, 0xcd, 0x80];
    at = 0;
    while at < 12 {
        elf[84 + at] = code[at];
        at += 1;
    }
    elf
};

fn foreign_architectures_are_in_the_default_filter() {
    use std::os::unix::fs::PermissionsExt;
    let bundle = Bundle::new("").args(&["/bin/exit7"]);
    let path = bundle.root().join("bin/exit7");
    fs::write(&path, EXIT_7).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let plain = Bundle::new("").args(&["/bin/exit7"]).set("/linux/seccomp", profile());
    fs::copy(&path, plain.root().join("bin/exit7")).unwrap();
    // A kernel that has no 32-bit programs at all cannot tell.
    if std::process::Command::new(&path).status().is_ok_and(|status| status.code() == Some(7)) {
        assert_eq!(bundle.run().code, 7);
        assert_eq!(plain.run().code, 128 + SIGSYS, "killed: the profile names x86_64 alone");
    }
}

const SIGSYS: i32 = 31;

fn masked_paths_show_nothing() {
    let bundle = Bundle::new(
        "wc -c < /proc/keys; ls /sys/firmware | wc -l; touch /sys/firmware/x; ls /proc/acpi | wc -l",
    );
    let answer = bundle.run();
    assert_eq!(answer.out, "0\n0\n0\n", "{answer:?}");
    assert!(answer.err.contains("Read-only file system"), "{answer:?}");
}

fn read_only_paths_cannot_be_written() {
    let answer = Bundle::new("echo x > /proc/sys/kernel/core_pattern; touch /sys/x").run();
    assert_eq!(answer.err.matches("Read-only file system").count(), 2, "{answer:?}");
    let answer = Bundle::new("touch /x").set("/root/readonly", true.into()).run();
    assert!(answer.err.contains("Read-only file system"), "{answer:?}");
}

fn only_the_harmless_devices_can_be_used() {
    let script = "mknod /tmp/mem c 1 1 && mknod /tmp/kmsg c 1 11 && mknod /tmp/disk b 254 0 || exit 9
        for name in mem kmsg disk; do head -c 1 /tmp/$name > /dev/null && exit 8; done
        mknod /tmp/zero c 1 5 && head -c 3 /tmp/zero | wc -c && echo x > /dev/null && exit 0";
    let answer = Bundle::new(script).run().ok();
    assert_eq!(answer.out, "3\n");
    assert_eq!(answer.err.matches("Operation not permitted").count(), 3, "{answer:?}");
}

fn a_device_can_be_allowed() {
    let bundle = Bundle::new("ls -l /dev/loops; : < /dev/loops")
        .set("/linux/devices", json!([
            {"path": "/dev/loops", "type": "c", "major": 10, "minor": 237, "fileMode": 0o640, "uid": 0, "gid": 5}
        ]))
        .set("/linux/resources/devices", json!([
            {"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 237, "access": "r"}
        ]));
    let answer = bundle.run();
    assert!(answer.out.starts_with("crw-r-----"), "{answer:?}");
    // Whether this kernel has the device or not.
    assert!(!answer.err.contains("Operation not permitted"), "{answer:?}");
}

/// Runs a container with a runtime that has inherited the host's `/etc` as descriptors 3 and 7.
fn descriptors(bundle: &Bundle, flags: &[&str]) -> Answer {
    let mut args = vec!["run"];
    args.extend(flags);
    args.push(&bundle.id);
    let command = bundle.command(&args);
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "exec 3</etc 7</etc \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    shell.current_dir(bundle.dir()).stdin(Stdio::null()).output().unwrap().into()
}

fn no_descriptor_leaks() {
    let answer = descriptors(&Bundle::new("").args(&["ls", "/proc/self/fd"]), &[]).ok();
    assert_eq!(answer.out, "0\n1\n2\n3\n", "{answer:?}");
}

fn descriptors_can_be_handed_over() {
    let answer =
        descriptors(&Bundle::new("").args(&["ls", "/proc/self/fd/3"]), &["--preserve-fds", "1"]).ok();
    assert!(answer.out.contains("passwd"), "{answer:?}");
}

fn a_working_directory_outside_is_refused() {
    let answer = descriptors(&Bundle::new("pwd").set("/process/cwd", "/proc/self/fd/7".into()), &[]);
    assert!(answer.code != 0 && answer.out.is_empty(), "{answer:?}");
    let answer = descriptors(
        &Bundle::new("pwd").set("/process/cwd", "/proc/self/fd/3".into()),
        &["--preserve-fds", "1"],
    );
    assert!(answer.err.contains("the working directory is outside of the container"), "{answer:?}");
}

fn links_in_the_image_do_not_lead_out() {
    let outside = tempfile::tempdir().unwrap();
    let place = outside.path().to_str().unwrap();
    let bundle = Bundle::new("cat /link/data/x/seen; ls /deep")
        .mount("bind", "/etc/hostname", "/link/data/x/seen", &["bind", "ro"])
        .mount("tmpfs", "tmpfs", "/up/../../deep/fs", &[]);
    symlink(place, bundle.root().join("link")).unwrap();
    fs::create_dir_all(bundle.root().join(place.trim_start_matches('/'))).unwrap();
    let answer = bundle.run().ok();
    assert!(answer.out.ends_with("fs\n"), "{answer:?}");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "nothing is made on the host");
    assert!(bundle.root().join(place.trim_start_matches('/')).join("data/x/seen").exists());
}

fn proc_must_be_a_directory() {
    for name in ["proc", "sys"] {
        let bundle = Bundle::new("true");
        fs::remove_dir(bundle.root().join(name)).unwrap();
        symlink("/tmp", bundle.root().join(name)).unwrap();
        let answer = bundle.run();
        assert!(answer.err.contains("must be an ordinary directory"), "{answer:?}");
    }
}

fn nothing_may_cover_proc() {
    let covered = |kind: &str, destination: &str| {
        let answer = Bundle::new("true").mount(kind, "/etc", destination, &["bind"]).run();
        assert!(answer.code != 0 && answer.err.contains("nothing may cover a part of /proc"), "{answer:?}");
    };
    covered("bind", "/proc/self/attr");
    covered("bind", "/proc/sys");
    covered("bind", "/proc");
    covered("bind", "/tmp/../proc/sys");
    let bundle = Bundle::new("true").mount("tmpfs", "tmpfs", "/elsewhere", &[]);
    symlink("/proc/sys", bundle.root().join("elsewhere")).unwrap();
    assert!(bundle.run().err.contains("nothing may cover a part of /proc"));
    let lxcfs =
        Bundle::new("cat /proc/uptime").mount("bind", "/etc/hostname", "/proc/uptime", &["bind", "ro"]);
    assert_eq!(lxcfs.run().ok().out, fs::read_to_string("/etc/hostname").unwrap());
}

/// With a `/dev` of the image's own, its null device can be anything.
fn a_false_null_device_masks_nothing() {
    let mut bundle = Bundle::new("cat /proc/keys | wc -c; stat -c %t:%T /proc/keys");
    bundle.config["mounts"].as_array_mut().unwrap().retain(|mount| mount["destination"] != "/dev");
    let dev = bundle.root().join("dev");
    for name in ["pts", "shm", "mqueue"] {
        fs::create_dir(dev.join(name)).unwrap();
    }
    symlink("/etc/passwd", dev.join("null")).unwrap();
    let answer = bundle.run().ok();
    assert_eq!(answer.out, "0\n1:3\n", "{answer:?}");
}

fn the_runtime_cannot_be_overwritten() {
    // The mount is read-only, or (before Linux 5.12) the file is a sealed copy.
    let refused = |code: i32| assert!(code == 30 || code == 1, "{code}");
    let program = ["/proc/self/exe", "program", "write-exe", "/proc/self/exe"];
    let bundle =
        Bundle::new("").args(&program).set("/linux/seccomp", json!({"defaultAction": "SCMP_ACT_ALLOW"}));
    refused(bundle.run().code);
    // And not from a process that is in the container already when the runtime enters it.
    let running = Bundle::new("sleep 100");
    running.start();
    refused(running.exec(&program).code);
}

fn a_waiting_process_cannot_be_looked_into() {
    let bundle = Bundle::new("sleep 100").namespace("pid", None);
    bundle.create().ok();
    let status = fs::metadata(format!("/proc/{}/environ", bundle.pid())).unwrap();
    use std::os::unix::fs::MetadataExt;
    assert_eq!(status.uid(), 0);
    let watcher = Bundle::new(&format!("cat /proc/{0}/environ; ls /proc/{0}/root", bundle.pid()))
        .namespace("pid", None);
    let answer = watcher.run();
    assert!(answer.code != 0 && answer.out.is_empty(), "{answer:?}");
    assert!(answer.err.matches("Permission denied").count() >= 1, "{answer:?}");
}

fn the_host_is_not_mounted() {
    let bundle = Bundle::new("cat /proc/self/mountinfo");
    let out = bundle.run().ok().out;
    let below: Vec<&str> = out.lines().filter_map(|line| line.split(' ').nth(4)).collect();
    assert!(
        below
            .iter()
            .all(|path| *path == "/" || ["/proc", "/dev", "/sys"].iter().any(|top| path.starts_with(top))),
        "{below:?}"
    );
    assert!(out.lines().all(|line| !line.contains("shared:")), "{out}");
}
