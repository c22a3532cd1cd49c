//! System call filters: Docker's default profile as data, and a compiler from OCI profiles to BPF.

mod arch;
mod compile;
mod condition;
mod instruction;
#[cfg(test)]
mod interpreter;
mod profile;
mod rules;
mod table;

pub use profile::default_seccomp;

pub(crate) use compile::{Filter, compile};
pub(crate) use instruction::Instruction;

/// Why an OCI seccomp profile cannot be made into a filter.
#[derive(Debug, thiserror::Error)]
pub enum SeccompError {
    /// An argument index beyond the six that system calls have.
    #[error("seccomp: system calls have no argument {0}")]
    ArgumentIndex(usize),
    /// An error number that does not fit into a filter's answer.
    #[error("seccomp: errno {0} is out of range")]
    ErrnoRange(u32),
    /// `SCMP_ACT_NOTIFY`, which needs a listener.
    #[error("seccomp: the action SCMP_ACT_NOTIFY is not supported")]
    Notify,
    /// The program is longer than the kernel takes.
    #[error("seccomp: the filter has {0} instructions, the kernel takes 4096")]
    TooLong(usize),
}
