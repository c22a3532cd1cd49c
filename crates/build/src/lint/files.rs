//! Files that are copied.

use super::{Findings, Known};
use crate::context::clean;
use crate::dockerfile::Kind;
use crate::glob::Glob;

pub(super) fn check(found: &mut Findings<'_>, known: &Known<'_>) {
    for instruction in found.instructions() {
        let (transfer, name) = match &instruction.kind {
            Kind::Copy(transfer) => (transfer, "COPY"),
            Kind::Add(transfer) => (transfer, "ADD"),
            _ => continue,
        };
        let is_plain = |source: &&String| !source.contains(['$', ':']) && !Glob::has_wildcards(source);
        for source in transfer.sources.iter().filter(|_| transfer.from.is_none()).filter(is_plain) {
            let path = clean(source);
            let hidden =
                !path.is_empty() && known.ignore.excludes(&path) && !known.ignore.may_include_beneath(&path);
            if hidden {
                let message = format!("{name} of {source:?}, which .dockerignore excludes");
                found.add("CopyIgnoredFile", instruction, message);
            }
        }
    }
}
