//! The host's time zone.

/// Seconds that local time is ahead of UTC at this moment; 0 when it cannot be told.
pub(crate) fn local_offset(unix: i64) -> i64 {
    // SAFETY: both pointers are valid for the call; `tm` is plain data, zero being a value of it.
    unsafe {
        let mut local: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&raw const unix, &raw mut local).is_null() { 0 } else { local.tm_gmtoff }
    }
}

/// Whether the kernel's clock is kept by a time service.
pub(crate) fn clock_synchronised() -> bool {
    // SAFETY: `timex` is plain data, zero being a value of it that asks and changes nothing.
    unsafe {
        let mut state: libc::timex = std::mem::zeroed();
        libc::adjtimex(&raw mut state) >= 0 && state.status & libc::STA_UNSYNC == 0
    }
}
