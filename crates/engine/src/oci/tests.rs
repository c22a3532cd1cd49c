use super::{
    capabilities,
    config::{EtcFiles, HostDevice, Inputs, NamespaceChoice, Namespaces, config},
    mounts::{ReadyMount, ReadySource},
    resolve,
    seccomp::{Conditions, reduce},
};
use crate::spec::{ContainerSpec, EnvVar, HealthTest, Healthcheck, SecuritySettings, TmpfsMount};
use beneath::Identity;
use image::ContainerConfig;
use oci_spec::runtime::{Capability, Spec};
use std::path::{Path, PathBuf};

fn image() -> ContainerConfig {
    ContainerConfig {
        env: vec!["PATH=/bin".into(), "A=image".into(), "B=image".into()],
        entrypoint: Some(vec!["/entry".into()]),
        cmd: Some(vec!["default".into()]),
        working_dir: "/srv".into(),
        user: "www".into(),
        ..ContainerConfig::default()
    }
}

#[test]
fn an_entrypoint_clears_the_images_command_and_a_command_keeps_the_entrypoint() {
    let argv = |spec: ContainerSpec| resolve::process(&spec, &image()).unwrap().argv();
    let list = |words: &[&str]| Some(words.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(argv(ContainerSpec::default()), ["/entry", "default"]);
    assert_eq!(argv(ContainerSpec { command: list(&["x"]), ..Default::default() }), ["/entry", "x"]);
    assert_eq!(argv(ContainerSpec { entrypoint: list(&["/e"]), ..Default::default() }), ["/e"]);
    let neither = ContainerSpec { entrypoint: list(&[]), ..Default::default() };
    assert_eq!(resolve::process(&neither, &image()), Err(resolve::ResolveProcessError::NoCommand));
}

#[test]
fn variables_replace_add_and_remove() {
    let env = vec![
        EnvVar::Set("A".into(), "own".into()),
        EnvVar::Unset("B".into()),
        EnvVar::Set("C".into(), "".into()),
    ];
    let process = resolve::process(&ContainerSpec { env, ..Default::default() }, &image()).unwrap();
    assert_eq!(process.env, ["A=own", "C=", "PATH=/bin"]);
    assert_eq!(process.user, "www");
    let all = resolve::final_environment(&process, "box", "/home", true);
    assert_eq!(all[3..], ["HOME=/home", "HOSTNAME=box", "TERM=xterm"]);
}

#[test]
fn a_health_check_inherits_what_it_does_not_say() {
    let mut image = image();
    image.healthcheck = Some(image::Healthcheck {
        test: vec!["CMD-SHELL".into(), "x".into()],
        interval: 5,
        retries: 2,
        ..Default::default()
    });
    let check = |own: Option<Healthcheck>| {
        resolve::process(&ContainerSpec { healthcheck: own, ..Default::default() }, &image)
            .unwrap()
            .healthcheck
    };
    assert_eq!(check(None).unwrap().test, HealthTest::Shell("x".into()));
    let own = Healthcheck { retries: Some(9), ..Default::default() };
    assert_eq!(check(Some(own)).unwrap().retries, Some(9));
    assert_eq!(check(Some(Healthcheck { test: HealthTest::Disabled, ..Default::default() })), None);
}

#[test]
fn capabilities_follow_dockers_rules() {
    let set = |add: &[&str], drop: &[&str]| {
        let words = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let settings = SecuritySettings { cap_add: words(add), cap_drop: words(drop), ..Default::default() };
        capabilities::effective(&settings)
    };
    assert_eq!(set(&[], &[]).unwrap().len(), 14);
    assert_eq!(set(&["net_admin"], &["ALL"]).unwrap(), [Capability::NetAdmin]);
    assert_eq!(set(&["ALL"], &["CAP_SYS_ADMIN"]).unwrap().len(), 40);
    assert_eq!(set(&["nope"], &[]).unwrap_err().0, "nope");
}

fn spec_of(
    wanted: &ContainerSpec,
    mounts: &[ReadyMount],
    devices: &[HostDevice],
    namespaces: Namespaces,
) -> Spec {
    let process = resolve::process(wanted, &image()).unwrap();
    let identity = Identity { uid: 33, gid: 33, groups: vec![5], home: "/srv".into() };
    let inputs = Inputs {
        spec: wanted,
        process: &process,
        identity: &identity,
        hostname: "box",
        rootfs: Path::new("/run/rootfs"),
        mounts,
        files: EtcFiles { hosts: Some("/run/hosts".into()), ..Default::default() },
        shm: None,
        namespaces,
        devices,
        cgroup: PathBuf::from("/berth/a"),
        cgroup_v2: false,
        kernel: (6, 1),
        available: &capabilities::ALL,
        block_device: &|_| None,
    };
    config(&inputs).unwrap()
}

fn targets(spec: &Spec) -> Vec<String> {
    spec.mounts().iter().flatten().map(|mount| mount.destination().display().to_string()).collect()
}

#[test]
fn the_default_configuration_is_dockers() {
    let spec = spec_of(&ContainerSpec::default(), &[], &[], Namespaces::default());
    let process = spec.process().as_ref().unwrap();
    assert_eq!((process.user().uid(), process.user().additional_gids()), (33, &Some(vec![5])));
    let capabilities = process.capabilities().as_ref().unwrap();
    assert_eq!(capabilities.bounding().as_ref().unwrap().len(), 14);
    assert!(capabilities.effective().as_ref().unwrap().is_empty());
    let linux = spec.linux().as_ref().unwrap();
    assert!(linux.seccomp().is_some());
    assert_eq!(linux.namespaces().as_ref().unwrap().len(), 5);
    assert!(linux.masked_paths().as_ref().unwrap().contains(&"/proc/kcore".to_owned()));
    assert_eq!(
        targets(&spec),
        ["/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm", "/etc/hosts"]
    );
    assert_eq!(spec.hostname().as_deref(), Some("box"));
}

#[test]
fn a_users_mount_replaces_the_systems_and_deeper_mounts_come_later() {
    let bind = |target: &str| ReadyMount {
        target: target.into(),
        read_only: true,
        source: ReadySource::Path { path: "/src".into(), propagation: None, recursive: true },
    };
    let tmpfs = ReadyMount {
        target: "/dev/shm".into(),
        read_only: false,
        source: ReadySource::Tmpfs(TmpfsMount {
            size: Some(1),
            mode: Some(0o700),
            options: vec!["exec".into()],
        }),
    };
    let spec = spec_of(
        &ContainerSpec::default(),
        &[bind("/a/b"), bind("/a"), tmpfs, bind("/etc/hosts")],
        &[],
        Namespaces::default(),
    );
    assert_eq!(targets(&spec)[5..], ["/dev/mqueue", "/a", "/a/b", "/dev/shm", "/etc/hosts"],);
    let mounts = spec.mounts().as_ref().unwrap();
    assert_eq!(mounts[6].options().as_ref().unwrap(), &["rbind", "ro", "rprivate"]);
    assert_eq!(mounts[8].options().as_ref().unwrap(), &["nosuid", "nodev", "exec", "size=1", "mode=700"]);
}

#[test]
fn privileged_has_everything_and_hides_nothing() {
    let security = SecuritySettings { privileged: true, ..Default::default() };
    let spec = spec_of(&ContainerSpec { security, ..Default::default() }, &[], &[], Namespaces::default());
    let linux = spec.linux().as_ref().unwrap();
    assert!(linux.seccomp().is_none());
    assert_eq!(linux.masked_paths(), &Some(vec![]));
    let rules = linux.resources().as_ref().unwrap().devices().as_ref().unwrap();
    assert_eq!(rules.len(), 1);
    assert!(rules[0].allow());
}

#[test]
fn host_namespaces_are_left_out() {
    let namespaces =
        Namespaces { network: NamespaceChoice::Host, pid: NamespaceChoice::Host, ..Default::default() };
    let spec = spec_of(&ContainerSpec::default(), &[], &[], namespaces);
    assert_eq!(spec.linux().as_ref().unwrap().namespaces().as_ref().unwrap().len(), 3);
    assert!(spec.linux().as_ref().unwrap().sysctl().is_none());
}

#[test]
fn a_profile_keeps_what_its_conditions_allow() {
    let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "archMap": [{"architecture": "SCMP_ARCH_X86_64",
        "subArchitectures": ["SCMP_ARCH_X86"]}], "syscalls": [
        {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}}]}"#;
    let names = |capabilities: &[Capability], kernel| {
        let reduced = reduce(text, &Conditions { capabilities, architecture: "amd64", kernel }).unwrap();
        assert_eq!(reduced.architectures().as_ref().unwrap().len(), 2);
        reduced.syscalls().iter().flatten().flat_map(|rule| rule.names().clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&[], (6, 1)), ["read", "clone", "ptrace"]);
    assert_eq!(names(&[Capability::SysAdmin], (4, 4)), ["read", "mount"]);
}
