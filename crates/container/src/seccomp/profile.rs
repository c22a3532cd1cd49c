//! Docker's default profile: everything that no container needs is refused with `EPERM`.

use oci_spec::runtime::{
    Arch, Capability, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompArgBuilder,
    LinuxSeccompOperator, LinuxSyscall,
};

/// Allowed for everybody.
const ALWAYS: &str = "\
    _llseek _newselect accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod \
    chown chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime \
    clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range \
    creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 \
    epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 \
    fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 \
    fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat \
    fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 \
    futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu getcwd getdents \
    getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer \
    getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid \
    getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getuid32 \
    getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel \
    io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get \
    ioprio_set ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 \
    lgetxattr link linkat listen listmount listxattr listxattrat llistxattr lremovexattr lseek lsetxattr \
    lstat lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat \
    mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open \
    mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal \
    msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat \
    open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect \
    poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 \
    pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom \
    recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename renameat \
    renameat2 restart_syscall riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask \
    rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo \
    sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam \
    sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity \
    sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop \
    semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto set_robust_list \
    set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups \
    setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid \
    setresuid32 setreuid setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr setxattrat \
    shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall \
    socketpair splice stat stat64 statfs statfs64 statmount statx symlink symlinkat sync sync_file_range \
    syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime \
    timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 \
    timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink \
    unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write \
    writev";

/// Allowed beside [`ALWAYS`] on x86: calls that other architectures do not have.
const X86: &str = "arch_prctl modify_ldt";

/// Allowed beside [`ALWAYS`] on ARM.
const ARM: &str = "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2";

/// Allowed from Linux 4.8 on, where `ptrace` can no longer be used to get around a filter.
const FROM_4_8: &str = "process_vm_readv process_vm_writev ptrace";

/// Allowed for those who have a capability.
#[rustfmt::skip]
const WITH_CAPABILITY: &[(Capability, &str)] = &[
    (Capability::DacReadSearch, "open_by_handle_at"),
    (Capability::SysAdmin, "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare"),
    (Capability::SysBoot, "reboot"),
    (Capability::SysChroot, "chroot"),
    (Capability::SysModule, "delete_module init_module finit_module"),
    (Capability::SysPacct, "acct"),
    (Capability::SysPtrace, "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace"),
    (Capability::SysRawio, "iopl ioperm"),
    (Capability::SysTime, "settimeofday stime clock_settime clock_settime64"),
    (Capability::SysTtyConfig, "vhangup"),
    (Capability::SysNice, "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    (Capability::Syslog, "syslog"),
    (Capability::Bpf, "bpf"),
    (Capability::Perfmon, "perf_event_open"),
];

/// `socket(2)` families that containers may not use: the kernel's crypto, and the virtual machine's host.
const AF_ALG: u64 = 38;
const AF_VSOCK: u64 = 40;

/// Execution domains that `personality(2)` may choose: Linux, 32-bit, no address randomisation… and "tell me".
const PERSONALITIES: [u64; 5] = [0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// `CLONE_NEW…`: what `clone(2)` may not be used for without `CAP_SYS_ADMIN`.
const CLONE_NAMESPACES: u64 = 0x7e02_0000;

/// Docker's default seccomp profile, resolved for a container that holds `capabilities`.
///
/// The parts of the profile that depend on a capability or on the running kernel's version are decided here,
/// so the result is plain OCI data.
pub fn default_seccomp(capabilities: &[Capability]) -> LinuxSeccomp {
    profile(capabilities, running_kernel())
}

fn running_kernel() -> (u32, u32) {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn profile(capabilities: &[Capability], kernel: (u32, u32)) -> LinuxSeccomp {
    let arm = cfg!(target_arch = "aarch64");
    let mut calls = vec![allow(ALWAYS), allow(if arm { ARM } else { X86 })];
    if kernel >= (4, 8) {
        calls.push(allow(FROM_4_8));
    }
    calls.extend(conditional());
    let held = |(capability, _): &&(Capability, &str)| capabilities.contains(capability);
    calls.extend(WITH_CAPABILITY.iter().filter(held).map(|(_, names)| allow(names)));
    if !capabilities.contains(&Capability::SysAdmin) {
        let plain = argument(0, CLONE_NAMESPACES, LinuxSeccompOperator::ScmpCmpMaskedEq);
        calls.push(with_arguments(allow("clone"), plain));
        calls.push(refuse("clone3", libc::ENOSYS as u32));
    }
    let mut profile = LinuxSeccomp::default();
    profile
        .set_default_action(LinuxSeccompAction::ScmpActErrno)
        .set_default_errno_ret(Some(libc::EPERM as u32))
        .set_architectures(Some(architectures(arm)))
        .set_syscalls(Some(calls));
    profile
}

fn architectures(arm: bool) -> Vec<Arch> {
    if arm {
        vec![Arch::ScmpArchAarch64, Arch::ScmpArchArm]
    } else {
        vec![Arch::ScmpArchX86_64, Arch::ScmpArchX86, Arch::ScmpArchX32]
    }
}

/// The calls that are allowed with some arguments only.
fn conditional() -> Vec<LinuxSyscall> {
    use LinuxSeccompOperator::{ScmpCmpEq, ScmpCmpGt, ScmpCmpLt};
    let sockets = [(AF_ALG, ScmpCmpLt), (AF_ALG + 1, ScmpCmpEq), (AF_VSOCK, ScmpCmpGt)];
    let sockets = sockets.map(|(family, operator)| ("socket", argument(0, family, operator)));
    let personalities = PERSONALITIES.map(|domain| ("personality", argument(0, domain, ScmpCmpEq)));
    let all = sockets.into_iter().chain(personalities);
    all.map(|(name, argument)| with_arguments(allow(name), argument)).collect()
}

fn allow(names: &str) -> LinuxSyscall {
    let mut call = LinuxSyscall::default();
    call.set_names(names.split_whitespace().map(str::to_owned).collect())
        .set_action(LinuxSeccompAction::ScmpActAllow);
    call
}

fn refuse(names: &str, errno: u32) -> LinuxSyscall {
    let mut call = allow(names);
    call.set_action(LinuxSeccompAction::ScmpActErrno).set_errno_ret(Some(errno));
    call
}

fn argument(index: usize, value: u64, operator: LinuxSeccompOperator) -> LinuxSeccompArg {
    match LinuxSeccompArgBuilder::default().index(index).value(value).op(operator).build() {
        Ok(argument) => argument,
        Err(error) => unreachable!("all of the argument's fields are set: {error}"),
    }
}

fn with_arguments(mut call: LinuxSyscall, argument: LinuxSeccompArg) -> LinuxSyscall {
    call.set_args(Some(vec![argument]));
    call
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(profile: &LinuxSeccomp, name: &str) -> bool {
        profile.syscalls().iter().flatten().any(|call| {
            call.action() == LinuxSeccompAction::ScmpActAllow
                && call.args().is_none()
                && call.names().iter().any(|known| known == name)
        })
    }

    #[test]
    fn a_capability_opens_its_calls() {
        let plain = profile(&crate::caps::DEFAULT, (6, 1));
        assert!(allows(&plain, "chroot"), "CAP_SYS_CHROOT is in the default set");
        assert!(!allows(&plain, "mount"));
        let admin = profile(&[Capability::SysAdmin], (6, 1));
        assert!(allows(&admin, "mount") && allows(&admin, "clone") && allows(&admin, "clone3"));
        assert!(!allows(&admin, "chroot"));
    }

    #[test]
    fn old_kernels_do_not_get_ptrace() {
        assert!(!allows(&profile(&[], (4, 7)), "ptrace"));
        assert!(allows(&profile(&[], (4, 8)), "ptrace"));
        assert!(allows(&profile(&[], (5, 0)), "ptrace"));
    }

    #[test]
    fn every_name_is_known_to_the_table_of_some_architecture() {
        use crate::seccomp::arch::Architecture::{Aarch64, X32, X86, X86_64};
        let other = ["riscv_hwprobe", "recv", "send"];
        let names =
            [ALWAYS, super::X86, FROM_4_8].into_iter().chain(WITH_CAPABILITY.iter().map(|(_, names)| *names));
        for name in names.flat_map(str::split_whitespace).filter(|name| !other.contains(name)) {
            assert!([X86_64, X86, X32, Aarch64].iter().any(|arch| arch.number(name).is_some()), "{name}");
        }
    }
}
