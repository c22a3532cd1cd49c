//! The architectures that filters are written for.

use oci_spec::runtime::Arch;

use super::table::TABLE;

/// An architecture, as system call numbers tell them apart. The order is that of the table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Architecture {
    /// 64-bit x86.
    X86_64,
    /// 32-bit x86.
    X86,
    /// x86_64 with 32-bit pointers: x86_64 to the kernel, with a marker bit in the number.
    X32,
    /// 64-bit ARM.
    Aarch64,
}

/// The bit in the system call number that tells x32 from x86_64.
pub(super) const X32_BIT: u32 = 0x4000_0000;

impl Architecture {
    /// The architecture of this program.
    pub(crate) const NATIVE: Self = if cfg!(target_arch = "aarch64") { Self::Aarch64 } else { Self::X86_64 };

    /// From the OCI name; `None` for one that no machine of Berth can run.
    pub(crate) fn from_oci(arch: Arch) -> Option<Self> {
        match arch {
            Arch::ScmpArchNative => Some(Self::NATIVE),
            Arch::ScmpArchX86_64 => Some(Self::X86_64),
            Arch::ScmpArchX86 => Some(Self::X86),
            Arch::ScmpArchX32 => Some(Self::X32),
            Arch::ScmpArchAarch64 => Some(Self::Aarch64),
            _ => None,
        }
    }

    /// The kernel's `AUDIT_ARCH_*`.
    pub(crate) fn audit(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => 0xc000_003e,
            Self::X86 => 0x4000_0003,
            Self::Aarch64 => 0xc000_00b7,
        }
    }

    /// The number of the call `name`, without x32's marker bit; `None` where there is no such call.
    #[cfg(test)]
    pub(crate) fn number(self, name: &str) -> Option<u32> {
        self.number_in(numbers(name)?)
    }

    /// This architecture's of a call's numbers.
    pub(super) fn number_in(self, numbers: &Numbers) -> Option<u32> {
        u32::try_from(numbers[self as usize]).ok()
    }
}

/// A call's numbers on all architectures.
pub(super) type Numbers = [i16; 4];

/// The numbers of the call `name`; `None` if no architecture has it.
pub(super) fn numbers(name: &str) -> Option<&'static Numbers> {
    let row = TABLE.binary_search_by_key(&name, |(known, _)| known).ok()?;
    Some(&TABLE[row].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn numbers_agree_with_the_kernel_headers() {
        assert_eq!(Architecture::X86_64.number("clone3"), Some(libc::SYS_clone3 as u32));
        assert_eq!(Architecture::X86_64.number("openat2"), Some(libc::SYS_openat2 as u32));
        assert_eq!(Architecture::X86.number("socketcall"), Some(102));
        assert_eq!(Architecture::X32.number("execve"), Some(520));
        assert_eq!(Architecture::Aarch64.number("execve"), Some(221));
        assert_eq!(Architecture::Aarch64.number("open"), None);
        assert_eq!(Architecture::X86_64.number("no_such_call"), None);
    }
}
