//! Where images and containers live.

use super::Finding;
use container::doctor::{OverlayTrial, try_overlay};
use std::path::{Path, PathBuf};

const AREA: &str = "storage";
const TMPFS: u64 = 0x0102_1994;
const GIB: u64 = 1 << 30;

/// Free space below which builds are likely to fail.
const LITTLE_SPACE: u64 = 2 * GIB;
/// Free inodes below which builds are likely to fail; a base image has some ten thousand files.
const FEW_INODES: u64 = 100_000;

#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// The directory that was looked at: the root, or the closest one above that is there.
    dir: PathBuf,
    file_system: String,
    /// Bytes that are free, and that there are.
    space: (u64, u64),
    /// Inodes that are free, and that there are; none are counted where they are made at will.
    inodes: (u64, u64),
    overlay: Result<OverlayTrial, String>,
    run: PathBuf,
    run_in_memory: bool,
}

impl Facts {
    pub(super) fn gather(root: &Path, run: &Path) -> Self {
        let dir = closest(root);
        let (mut file_system, mut space, mut inodes) = ("unknown".to_owned(), (0, 0), (0, 0));
        if let Ok(found) = rustix::fs::statfs(&dir) {
            file_system = name_of(found.f_type as u64);
            let block = found.f_bsize as u64;
            space = (found.f_bavail * block, found.f_blocks * block);
            inodes = (found.f_ffree, found.f_files);
        }
        let run_dir = closest(run);
        let run_in_memory = rustix::fs::statfs(&run_dir).is_ok_and(|found| found.f_type as u64 == TMPFS);
        let overlay = try_overlay(&dir).map_err(|error| error.to_string());
        Self { dir, file_system, space, inodes, overlay, run: run.to_owned(), run_in_memory }
    }
}

fn closest(path: &Path) -> PathBuf {
    path.ancestors().find(|dir| dir.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

fn name_of(magic: u64) -> String {
    let known = match magic {
        0xEF53 => "ext4",
        0x5846_5342 => "xfs",
        0x9123_683E => "btrfs",
        0xF2F5_2010 => "f2fs",
        0x2FC1_2FC1 => "zfs",
        0x794C_7630 => "overlayfs",
        0x6969 => "nfs",
        0x6573_5546 => "fuse",
        TMPFS => "tmpfs",
        other => return format!("file system of type {other:#x}"),
    };
    known.to_owned()
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    vec![overlay(facts), space(facts), inodes(facts), run(facts)]
}

fn overlay(facts: &Facts) -> Finding {
    let finding = |found: &str| {
        Finding::good(AREA, "overlay", format!("{found} on {} ({})", facts.dir.display(), facts.file_system))
    };
    let remedy = "modprobe overlay; or put the root (--root, BERTH_ROOT) on a local ext4, xfs or btrfs";
    let trial = match &facts.overlay {
        Ok(OverlayTrial { refused: None, .. }) | Err(_) => facts.overlay.as_ref(),
        Ok(OverlayTrial { refused: Some(error), .. }) => Err(error),
    };
    match trial {
        Err(error) => {
            finding(&format!("cannot be mounted: {error};")).missing("containers cannot be started", remedy)
        }
        Ok(trial) if !trial.whiteouts || !trial.opaque => {
            let lack = if trial.whiteouts { "trusted.overlay attributes" } else { "whiteouts" };
            finding(&format!("without {lack}"))
                .missing("files removed in a container come back from its image", remedy)
        }
        Ok(trial) if !trial.volatile => finding("works, but for volatile mounts").degraded(
            "the end of each container waits until the disk has taken everything",
            "install a kernel of 5.10 or later",
        ),
        Ok(_) => finding("works"),
    }
}

fn space(facts: &Facts) -> Finding {
    let (free, all) = facts.space;
    let gib = |bytes: u64| format!("{}.{}", bytes / GIB, bytes % GIB * 10 / GIB);
    let found = format!("{} GiB of {} free below {}", gib(free), gib(all), facts.dir.display());
    let finding = Finding::good(AREA, "space", found);
    match free < LITTLE_SPACE {
        true => finding
            .degraded("builds and containers that write may fail", "berth system prune, or a larger disk"),
        false => finding,
    }
}

fn inodes(facts: &Facts) -> Finding {
    let (free, all) = facts.inodes;
    if all == 0 {
        return Finding::good(AREA, "inodes", "made at will");
    }
    let finding = Finding::good(AREA, "inodes", format!("{free} of {all} free"));
    match free < FEW_INODES {
        true => finding.degraded(
            "builds may fail with \"no space left\" although there is space",
            "berth system prune, or a file system with more inodes",
        ),
        false => finding,
    }
}

fn run(facts: &Facts) -> Finding {
    let place = facts.run.display();
    match facts.run_in_memory {
        true => Finding::good(AREA, "runtime directory", format!("{place} is in memory")),
        false => Finding::good(AREA, "runtime directory", format!("{place} is on a disk")).degraded(
            "each start writes to the disk, and what a crash leaves there says nothing about what runs",
            "put it on a tmpfs (--run, BERTH_RUN), such as below /run",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn facts() -> Facts {
        Facts {
            dir: "/var/lib".into(),
            file_system: "ext4".to_owned(),
            space: (13 * GIB / 2, 20 * GIB),
            inodes: (1_000_000, 1_300_000),
            overlay: Ok(OverlayTrial { refused: None, whiteouts: true, opaque: true, volatile: true }),
            run: "/run/berth".into(),
            run_in_memory: true,
        }
    }

    #[test]
    fn a_usual_disk_is_good() {
        let found: Vec<_> = judge(&facts()).into_iter().map(|one| (one.verdict, one.found)).collect();
        assert_eq!(
            found,
            [
                "works on /var/lib (ext4)",
                "6.5 GiB of 20.0 free below /var/lib",
                "1000000 of 1300000 free",
                "/run/berth is in memory",
            ]
            .map(|found| (Verdict::Good, found.to_owned()))
        );
    }

    #[test]
    fn a_refused_mount_is_fatal() {
        let trial = OverlayTrial {
            refused: Some("Invalid argument".to_owned()),
            whiteouts: false,
            opaque: false,
            volatile: false,
        };
        let finding = overlay(&Facts { overlay: Ok(trial), file_system: "nfs".to_owned(), ..facts() });
        assert_eq!(finding.verdict, Verdict::Missing);
        assert_eq!(finding.found, "cannot be mounted: Invalid argument; on /var/lib (nfs)");
        assert!(finding.remedy.contains("--root"));
    }

    #[test]
    fn attributes_that_are_lost_are_fatal_and_volatile_mounts_are_not() {
        let trial = OverlayTrial { refused: None, whiteouts: true, opaque: false, volatile: true };
        assert_eq!(overlay(&Facts { overlay: Ok(trial.clone()), ..facts() }).verdict, Verdict::Missing);
        let trial = OverlayTrial { opaque: true, volatile: false, ..trial };
        assert_eq!(overlay(&Facts { overlay: Ok(trial), ..facts() }).verdict, Verdict::Degraded);
    }

    #[test]
    fn a_full_disk_is_named_by_what_is_short() {
        let full = Facts { space: (GIB, 20 * GIB), inodes: (10, 1000), run_in_memory: false, ..facts() };
        let verdicts: Vec<_> = judge(&full).iter().map(|one| one.verdict).collect();
        assert_eq!(verdicts, [Verdict::Good, Verdict::Degraded, Verdict::Degraded, Verdict::Degraded]);
        let at_will = Facts { inodes: (0, 0), ..full };
        assert_eq!(inodes(&at_will).found, "made at will");
    }
}
