//! `update`: other limits for a running container.

use std::io::Read;

use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxPids, LinuxResources};

use super::args::{Args, Flag, value};
use super::error::OciError;
use super::log::Log;
use super::store::Store;

pub(super) const UPDATE: &[Flag] = &[
    value("resources", 'r'),
    value("blkio-weight", '\0'),
    value("cpu-period", '\0'),
    value("cpu-quota", '\0'),
    value("cpu-burst", '\0'),
    value("cpu-share", '\0'),
    value("cpu-shares", '\0'),
    value("cpu-rt-period", '\0'),
    value("cpu-rt-runtime", '\0'),
    value("cpu-idle", '\0'),
    value("cpuset-cpus", '\0'),
    value("cpuset-mems", '\0'),
    value("kernel-memory", '\0'),
    value("kernel-memory-tcp", '\0'),
    value("memory", '\0'),
    value("memory-reservation", '\0'),
    value("memory-swap", '\0'),
    value("pids-limit", '\0'),
];

pub(super) fn update(store: &Store, log: &Log, args: Args) -> Result<i32, OciError> {
    let mut record = store.load(args.id()?)?;
    let resources = match args.get("resources") {
        Some(path) => from_file(path)?,
        None => from_flags(&args)?,
    };
    for loss in record.cgroup.apply(&resources)? {
        log.warn(&loss);
    }
    remember(&mut record.spec, resources);
    store.save(&record)?;
    Ok(0)
}

fn from_file(path: &str) -> Result<LinuxResources, OciError> {
    let mut text = Vec::new();
    let read = match path {
        "-" => std::io::stdin().read_to_end(&mut text).map(drop),
        path => std::fs::read(path).map(|read| text = read),
    };
    read.map_err(OciError::file("read", path))?;
    serde_json::from_slice(&text).map_err(|source| OciError::Json { path: path.into(), source })
}

fn from_flags(args: &Args) -> Result<LinuxResources, OciError> {
    let mut cpu = LinuxCpu::default();
    let shares = args.number("cpu-share")?.or(args.number("cpu-shares")?);
    cpu.set_shares(shares)
        .set_period(args.number("cpu-period")?)
        .set_quota(args.number("cpu-quota")?)
        .set_burst(args.number("cpu-burst")?)
        .set_idle(args.number("cpu-idle")?)
        .set_realtime_period(args.number("cpu-rt-period")?)
        .set_realtime_runtime(args.number("cpu-rt-runtime")?)
        .set_cpus(args.get("cpuset-cpus").map(str::to_owned))
        .set_mems(args.get("cpuset-mems").map(str::to_owned));
    let mut memory = LinuxMemory::default();
    memory
        .set_limit(bytes(args, "memory")?)
        .set_reservation(bytes(args, "memory-reservation")?)
        .set_swap(bytes(args, "memory-swap")?)
        .set_kernel(bytes(args, "kernel-memory")?)
        .set_kernel_tcp(bytes(args, "kernel-memory-tcp")?);
    let mut resources = LinuxResources::default();
    resources.set_devices(None).set_cpu(Some(cpu)).set_memory(Some(memory));
    if let Some(limit) = args.number("pids-limit")? {
        let mut pids = LinuxPids::default();
        pids.set_limit(limit);
        resources.set_pids(Some(pids));
    }
    if let Some(weight) = args.number("blkio-weight")? {
        let mut io = LinuxBlockIo::default();
        io.set_weight(Some(weight));
        resources.set_block_io(Some(io));
    }
    Ok(resources)
}

/// A size such as `64m`, or -1.
fn bytes(args: &Args, flag: &'static str) -> Result<Option<i64>, OciError> {
    let Some(text) = args.get(flag) else { return Ok(None) };
    let wrong = || OciError::BadValue { flag, value: text.to_owned() };
    let lower = text.trim().to_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: i64 = match lower[digits.len()..].trim_end_matches("ib").trim_end_matches('b') {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        "t" => 1 << 40,
        _ => return Err(wrong()),
    };
    digits.parse::<i64>().ok().and_then(|n| n.checked_mul(unit)).map(Some).ok_or_else(wrong)
}

/// Keeps the new limits with the container's spec, section by section.
fn remember(spec: &mut oci_spec::runtime::Spec, new: LinuxResources) {
    let Some(mut linux) = spec.linux().clone() else { return };
    let mut all = linux.resources().clone().unwrap_or_default();
    if new.cpu().is_some() {
        all.set_cpu(new.cpu().clone());
    }
    if new.memory().is_some() {
        all.set_memory(*new.memory());
    }
    if new.pids().is_some() {
        all.set_pids(*new.pids());
    }
    if new.block_io().is_some() {
        all.set_block_io(new.block_io().clone());
    }
    linux.set_resources(Some(all));
    spec.set_linux(Some(linux));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_may_have_units() {
        let parse = |text: &str| {
            let args = Args::parse(vec!["--memory".into(), text.into(), "id".into()], UPDATE).unwrap();
            bytes(&args, "memory").ok().flatten()
        };
        assert_eq!((parse("64m"), parse("-1"), parse("2GiB")), (Some(64 << 20), Some(-1), Some(2 << 30)));
        assert_eq!((parse("x"), parse("9999999999999t")), (None, None));
    }
}
