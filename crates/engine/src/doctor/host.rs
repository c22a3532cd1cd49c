//! What else the host should have.

use super::Finding;
use std::path::Path;

const AREA: &str = "host";

#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    clock_synchronised: bool,
    mmdebstrap: bool,
    apt: bool,
}

impl Facts {
    pub(super) fn gather() -> Self {
        Self {
            clock_synchronised: container::doctor::clock_synchronised(),
            mmdebstrap: installed("mmdebstrap"),
            apt: Path::new("/etc/apt").is_dir(),
        }
    }
}

fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    vec![clock(*facts), base_images(*facts)]
}

fn clock(facts: Facts) -> Finding {
    match facts.clock_synchronised {
        true => Finding::good(AREA, "clock", "kept by a time service"),
        false => Finding::good(AREA, "clock", "not kept by a time service").degraded(
            "certificates are refused and logs of several hosts disagree once it is off",
            "apt install systemd-timesyncd",
        ),
    }
}

fn base_images(facts: Facts) -> Finding {
    let finding = |found| Finding::good(AREA, "base images", found);
    let loss = "`berth image bootstrap` does not work";
    match (facts.mmdebstrap, facts.apt) {
        (true, true) => finding("mmdebstrap with this host's apt sources"),
        (true, false) => finding("mmdebstrap without apt sources")
            .degraded(loss, "name sources with --source, or fill /etc/apt"),
        (false, _) => finding("mmdebstrap is not installed").degraded(loss, "apt install mmdebstrap"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn what_is_not_installed_is_told_by_its_package() {
        let facts = Facts { clock_synchronised: true, mmdebstrap: false, apt: true };
        let found = judge(&facts);
        assert_eq!((found[0].verdict, found[1].verdict), (Verdict::Good, Verdict::Degraded));
        assert_eq!(found[1].remedy, "apt install mmdebstrap");
        let all = Facts { mmdebstrap: true, ..facts };
        assert!(judge(&all).iter().all(|one| one.verdict == Verdict::Good));
    }
}
