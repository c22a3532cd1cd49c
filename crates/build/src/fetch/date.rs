//! Dates as HTTP has them.

use time::PrimitiveDateTime;
use time::macros::format_description;

/// `Sun, 06 Nov 1994 08:49:37 GMT` to seconds since 1970 (RFC 9110, the only form that is still sent).
pub(super) fn parse(text: &str) -> Option<i64> {
    let form = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    PrimitiveDateTime::parse(text, &form).ok().map(|date| date.assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    #[test]
    fn dates_are_read() {
        assert_eq!(super::parse("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(super::parse("yesterday"), None);
    }
}
