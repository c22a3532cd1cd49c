//! The devices of a query, as a table that travels beside it ("external data" in ClickHouse's manual).
//!
//! Written into the query they would have to pass its parser, which takes more time than looking them up.

use super::TableName;
use crate::Device;
use bytes::Bytes;
use std::fmt::Write as _;

/// The kind of [`body`].
pub(super) const CONTENT_TYPE: &str = "multipart/form-data; boundary=keys";
// Numbers, tabs and line ends follow: no boundary is among them.
const HEAD: &str = "--keys\r\nContent-Disposition: form-data; name=\"devices\"; filename=\"devices\"\r\n\
    Content-Type: text/tab-separated-values\r\n\r\n";
const TAIL: &str = "\r\n--keys--\r\n";

/// The parameters of the query, to be added to an address that has some.
pub(super) fn parameters(table: &TableName) -> String {
    format!(
        "&devices_format=TabSeparated&devices_structure=ipv4+UInt32,mac+UInt64\
         &query=SELECT+ipv4,mac,username+FROM+{table}+WHERE+(ipv4,mac)+IN+devices+FORMAT+TabSeparatedWithNames"
    )
}

/// The devices, in a form.
pub(super) fn body(devices: &[Device]) -> Bytes {
    let mut form = String::with_capacity(HEAD.len() + devices.len() * 27 + TAIL.len());
    form.push_str(HEAD);
    for Device { ipv4, mac } in devices {
        let _ = writeln!(form, "{}\t{}", ipv4.to_bits(), mac.bits());
    }
    form.push_str(TAIL);
    form.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_rows_of_a_table() {
        let device = Device::parse("10.0.0.1", "00:00:00:00:01:00").unwrap();
        let body = body(&[device, device]);
        let rows = body.strip_prefix(HEAD.as_bytes()).unwrap().strip_suffix(TAIL.as_bytes()).unwrap();
        assert_eq!(rows, b"167772161\t256\n167772161\t256\n");
    }

    #[test]
    fn the_query_fits_into_an_address() {
        let address = format!("http://host:8123/?wait_end_of_query=1{}", parameters(&"a.b".parse().unwrap()));
        assert!(address.parse::<hyper::Uri>().is_ok());
        assert!(address.contains("FROM+a.b+WHERE"), "{address}");
    }
}
