//! The same bundle run by runc shows the same world inside.

use std::collections::BTreeSet;
use std::path::Path;

use crate::Test;
use crate::bundle::Bundle;

pub(crate) const TESTS: &[Test] = &[
    ("the_program_finds_the_same_world", the_program_finds_the_same_world),
    ("mounts_are_the_same", mounts_are_the_same),
    ("the_state_has_the_same_fields", the_state_has_the_same_fields),
    ("exec_finds_the_same_world", exec_finds_the_same_world),
    ("device_rules_are_the_same", device_rules_are_the_same),
];

const RUNC: &str = "/usr/sbin/runc";

/// Both runtimes' answers; `None` (and no proof) where runc is not installed.
fn both(make: impl Fn() -> Bundle, look: impl Fn(&Bundle) -> String) -> Option<(String, String)> {
    if !Path::new(RUNC).exists() {
        assert!(std::env::var_os("CI").is_none(), "runc is not installed");
        return None;
    }
    Some((look(&make()), look(&make().with_runtime(RUNC))))
}

fn same(make: impl Fn() -> Bundle, look: impl Fn(&Bundle) -> String) {
    if let Some((ours, runcs)) = both(make, look) {
        assert_eq!(ours, runcs);
    }
}

const WORLD: &str = "grep -E '^(Uid|Gid|Groups|Cap|NoNew|Seccomp:|SigBlk)' /proc/self/status
    cat /proc/self/limits; env | sort; pwd; umask; hostname; cat /proc/self/oom_score_adj
    ls -ln /dev | sed 's/ [A-Z][a-z][a-z] .* / /'; stat -c '%n %a %u %g' / /dev /dev/pts /dev/shm /proc /sys
    ls /proc/self/fd; cat /proc/sys/net/ipv4/ip_forward; wc -c < /proc/keys; ls /proc/acpi /sys/firmware; ls /proc/self/ns";

fn the_program_finds_the_same_world() {
    same(|| Bundle::new(WORLD), |bundle| bundle.run().ok().out);
    let user = serde_json::json!({"uid": 1000, "gid": 1000, "additionalGids": [5]});
    same(
        || Bundle::new(WORLD).set("/process/user", user.clone()).set("/process/noNewPrivileges", true.into()),
        |bundle| bundle.run().ok().out,
    );
}

fn exec_finds_the_same_world() {
    let look = |bundle: &Bundle| {
        bundle.start();
        bundle.exec(&["sh", "-c", WORLD]).ok().out
    };
    same(|| Bundle::new("sleep 100"), look);
}

/// Mount point, options, type and the file system's options, without what differs from run to run.
fn mounts(bundle: &Bundle) -> String {
    let out = bundle.run().ok().out;
    let line = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        let dash = fields.iter().position(|field| *field == "-").unwrap();
        // Read-only was asked for; runc 1.1 leaves the directory that v1's hierarchies are mounted in writable.
        if fields[4] == "/sys/fs/cgroup" {
            return String::new();
        }
        // One empty file system covers all masked directories here, one for each there.
        let masked = fields[dash + 1] == "tmpfs" && fields[5] == "ro,relatime";
        let options = if masked { "" } else { fields[dash + 3] };
        format!("{} {} {} {} {options}\n", fields[4], fields[5], fields[6..dash].join(","), fields[dash + 1])
    };
    let lines: BTreeSet<String> = out.lines().map(line).collect();
    lines.into_iter().collect()
}

fn mounts_are_the_same() {
    same(|| Bundle::new("cat /proc/self/mountinfo"), mounts);
    same(|| Bundle::new("cat /proc/self/mountinfo").set("/root/readonly", true.into()), mounts);
    let binds = || {
        Bundle::new("cat /proc/self/mountinfo")
            .mount("bind", "/etc", "/a", &["rbind", "ro"])
            .mount("bind", "/etc/hostname", "/etc/hostname", &["rbind", "rprivate", "nosuid", "noexec"])
            .mount("tmpfs", "tmpfs", "/b", &["rw", "noexec", "size=64k", "mode=700"])
    };
    same(binds, mounts);
}

fn the_state_has_the_same_fields() {
    let fields = |bundle: &Bundle| {
        bundle.start();
        let state = bundle.state();
        let keys: Vec<String> = state
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| {
                let kind = if value.is_number() { "number" } else { "text" };
                format!("{key}: {kind}")
            })
            .collect();
        keys.join("\n")
    };
    same(|| Bundle::new("sleep 100"), fields);
}

fn device_rules_are_the_same() {
    if !Path::new("/sys/fs/cgroup/devices").exists() {
        return;
    }
    let rules = |bundle: &Bundle| {
        bundle.start();
        let text = std::fs::read_to_string(bundle.cgroup("devices").join("devices.list")).unwrap();
        text.lines().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join("\n")
    };
    same(|| Bundle::new("sleep 100"), rules);
    let privileged = serde_json::json!([{"allow": true, "access": "rwm"}]);
    same(|| Bundle::new("sleep 100").set("/linux/resources/devices", privileged.clone()), rules);
}
