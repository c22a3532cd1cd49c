//! Limits of a service's containers.

use super::cursor::Cursor;
use super::fields::Fields;
use crate::model::{BlockIo, BlockRate, BlockWeight, Resources, Ulimit};
use std::collections::BTreeMap;

/// The keys of [`Resources`]; those of `deploy` are merged in by the caller.
pub(super) fn resources(fields: &Fields<'_>) -> Resources {
    Resources {
        mem_limit: fields.parse("mem_limit", Cursor::bytes).filter(|bytes| *bytes > 0),
        mem_reservation: fields.parse("mem_reservation", Cursor::bytes).filter(|bytes| *bytes > 0),
        memswap_limit: fields.parse("memswap_limit", Cursor::bytes_or_unlimited).filter(|bytes| *bytes != 0),
        mem_swappiness: fields.parse("mem_swappiness", |c| ranged(c, 0, 100)),
        shm_size: fields.parse("shm_size", Cursor::bytes),
        nano_cpus: fields.parse("cpus", Cursor::nano_cpus).filter(|cpus| *cpus > 0),
        cpu_count: fields.integer("cpu_count"),
        cpu_percent: fields.parse("cpu_percent", Cursor::float),
        cpu_shares: fields.integer("cpu_shares"),
        cpu_period: fields.parse("cpu_period", microseconds),
        cpu_quota: fields.parse("cpu_quota", quota),
        cpu_rt_period: fields.parse("cpu_rt_period", microseconds),
        cpu_rt_runtime: fields.parse("cpu_rt_runtime", microseconds),
        cpuset: fields.parse("cpuset", |c| c.text_or_number().map(str::to_owned)),
        pids_limit: fields.integer("pids_limit"),
        oom_kill_disable: fields.boolean("oom_kill_disable").unwrap_or(false),
        oom_score_adj: fields.parse("oom_score_adj", |c| ranged(c, -1000, 1000)),
        ulimits: fields.parse("ulimits", ulimits).unwrap_or_default(),
        blkio: fields.parse("blkio_config", block_io),
    }
}

fn ranged<T: TryFrom<i64>>(cursor: &Cursor<'_>, least: i64, most: i64) -> Option<T> {
    let value: i64 = cursor.integer()?;
    if !(least..=most).contains(&value) {
        return cursor
            .fail(format!("must be between {least} and {most}, not {value}"), "choose a value in the range");
    }
    T::try_from(value).ok()
}

/// Microseconds as a number, or as a span of time.
fn microseconds(cursor: &Cursor<'_>) -> Option<u64> {
    match cursor.text_or_number()?.parse() {
        Ok(number) => Some(number),
        Err(_) => cursor.duration().map(|nanoseconds| nanoseconds.0 / 1000),
    }
}

fn quota(cursor: &Cursor<'_>) -> Option<i64> {
    match cursor.text_or_number()?.parse() {
        Ok(number) => Some(number),
        Err(_) => {
            cursor.duration().map(|nanoseconds| i64::try_from(nanoseconds.0 / 1000).unwrap_or(i64::MAX))
        }
    }
}

/// `ulimits` of a service or a build.
pub(super) fn ulimits(cursor: &Cursor<'_>) -> Option<BTreeMap<String, Ulimit>> {
    Some(cursor.entries()?.into_iter().filter_map(|(name, c)| Some((name.to_owned(), ulimit(&c)?))).collect())
}

fn ulimit(cursor: &Cursor<'_>) -> Option<Ulimit> {
    if !cursor.is_mapping() {
        let both = cursor.integer()?;
        return Some(Ulimit { soft: both, hard: both });
    }
    let fields = cursor.fields()?;
    let (soft, hard) = (fields.integer("soft"), fields.integer("hard"));
    fields.finish();
    match (soft, hard) {
        (Some(soft), Some(hard)) if hard != -1 && (soft > hard || soft == -1) => cursor.fail(
            format!("has a soft limit ({soft}) above its hard limit ({hard})"),
            "lower `soft`, or raise `hard`",
        ),
        (Some(soft), Some(hard)) => Some(Ulimit { soft, hard }),
        _ => cursor.fail("needs both `soft` and `hard`", "write both, or one number for both"),
    }
}

fn block_io(cursor: &Cursor<'_>) -> Option<BlockIo> {
    let fields = cursor.fields()?;
    let block = BlockIo {
        weight: fields.parse("weight", |c| ranged(c, 0, 1000)),
        weight_device: list(&fields, "weight_device", |c| {
            let fields = c.fields()?;
            let weight = BlockWeight {
                path: fields.text("path")?,
                weight: fields.parse("weight", |c| ranged(c, 0, 1000))?,
            };
            fields.finish();
            Some(weight)
        }),
        device_read_bps: list(&fields, "device_read_bps", rate),
        device_write_bps: list(&fields, "device_write_bps", rate),
        device_read_iops: list(&fields, "device_read_iops", rate),
        device_write_iops: list(&fields, "device_write_iops", rate),
    };
    fields.finish();
    Some(block)
}

fn rate(cursor: &Cursor<'_>) -> Option<BlockRate> {
    let fields = cursor.fields()?;
    let (path, rate) = (fields.text("path"), fields.parse("rate", Cursor::bytes));
    fields.finish();
    match (path, rate) {
        (Some(path), Some(rate)) => Some(BlockRate { path, rate }),
        _ => cursor.fail("needs a `path` and a `rate`", "write `path: /dev/sda` and `rate: 1m`"),
    }
}

fn list<T>(fields: &Fields<'_>, key: &'static str, decode: impl Fn(&Cursor<'_>) -> Option<T>) -> Vec<T> {
    fields.get(key).and_then(|c| c.items()).unwrap_or_default().iter().filter_map(decode).collect()
}
