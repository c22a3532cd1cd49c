//! One container: OCI runtime, cgroups, seccomp, shim, logs, exec, stats.
