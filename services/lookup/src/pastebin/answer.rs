use hyper::{StatusCode, Uri};
use std::time::Duration;

/// How long to stay away when the service says that a quota is used up, and not until when.
const QUOTA_PAUSE: Duration = Duration::from_secs(300);
/// The same while it says that our key or address is wrong: somebody has to act.
const SETUP_PAUSE: Duration = Duration::from_secs(30);
const MAX_URL: usize = 2048;
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The paste is there.
    Url(String),
    /// This paste is not wanted and never will be.
    Refused,
    /// No answer that the protocol knows.
    Rubbish,
    /// Not now, whatever is posted.
    Unavailable { pause: Option<Duration> },
}

/// Judges an answer. The API reports errors as text, with status 200 or 422.
pub(super) fn judge(status: StatusCode, body: &[u8]) -> Verdict {
    let text = std::str::from_utf8(body).unwrap_or_default().trim();
    if let Some(error) = text.strip_prefix("Bad API request,") {
        return judge_error(error.trim());
    }
    // Said without the prefix.
    if text.starts_with("Post limit, maximum pastes per 24h reached") {
        return Verdict::Unavailable { pause: Some(QUOTA_PAUSE) };
    }
    match status.as_u16() {
        200 | 201 if is_url(text) => Verdict::Url(text.to_owned()),
        401 | 403 | 404 | 405 => Verdict::Unavailable { pause: Some(SETUP_PAUSE) },
        408 | 425 | 429 | 502 | 503 | 504 => Verdict::Unavailable { pause: None },
        400 | 413 | 414 | 422 => Verdict::Refused,
        _ => Verdict::Rubbish,
    }
}

/// The documented errors of `api_option=paste`.
fn judge_error(error: &str) -> Verdict {
    let quota = ["maximum number of", "maximum pastes per", "post limit"];
    let content = ["api_paste_code was empty", "maximum paste file size exceeded"];
    let lower = error.to_ascii_lowercase();
    if content.iter().any(|known| lower.starts_with(known)) {
        Verdict::Refused
    } else if quota.iter().any(|known| lower.starts_with(known)) {
        Verdict::Unavailable { pause: Some(QUOTA_PAUSE) }
    } else {
        // invalid api_dev_key, IP blocked, invalid api_option, invalid api_user_key, invalid api_paste_private, …:
        // nothing that this task could help.
        Verdict::Unavailable { pause: Some(SETUP_PAUSE) }
    }
}

fn is_url(text: &str) -> bool {
    let sound = text.len() <= MAX_URL && text.bytes().all(|byte| byte.is_ascii_graphic());
    sound
        && text.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
                && uri.path().len() > 1
        })
}

/// The beginning of an answer, for messages.
pub(super) fn excerpt(text: &str) -> String {
    text.trim().chars().filter(|sign| !sign.is_control()).take(200).collect()
}

/// Appends a value in the encoding of forms.
pub(super) fn encode(value: &str, form: &mut String) {
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => {
                form.push(char::from(byte))
            }
            b' ' => form.push('+'),
            other => {
                form.push('%');
                form.push(char::from(HEX[usize::from(other >> 4)]));
                form.push(char::from(HEX[usize::from(other & 15)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Verdict {
        judge(StatusCode::OK, text.as_bytes())
    }

    #[test]
    fn a_url_is_a_paste() {
        assert_eq!(
            said("https://pastebin.com/UIFdu235s\n"),
            Verdict::Url("https://pastebin.com/UIFdu235s".to_owned())
        );
    }

    #[test]
    fn documented_errors_are_told_apart() {
        assert_eq!(said("Bad API request, api_paste_code was empty"), Verdict::Refused);
        assert_eq!(said("Bad API request, maximum paste file size exceeded"), Verdict::Refused);
        let setup = Verdict::Unavailable { pause: Some(SETUP_PAUSE) };
        assert_eq!(said("Bad API request, invalid api_dev_key"), setup);
        assert_eq!(said("Bad API request, IP blocked"), setup);
        for what in
            ["option", "paste_private", "paste_expire_date", "paste_format", "user_key", "folder_key or else"]
        {
            assert_eq!(said(&format!("Bad API request, invalid api_{what}")), setup, "{what}");
        }
        assert_eq!(said("Bad API request, invalid or expired api_user_key"), setup);
        assert_eq!(said("Bad API request, you can't add paste to folder as guest"), setup);
        let quota = Verdict::Unavailable { pause: Some(QUOTA_PAUSE) };
        assert_eq!(
            said("Bad API request, maximum number of 25 unlisted pastes for your free account"),
            quota
        );
        assert_eq!(said("Bad API request, maximum number of 10 private pastes for your free account"), quota);
        assert_eq!(said("Post limit, maximum pastes per 24h reached"), quota);
    }

    #[test]
    fn rubbish_is_no_url() {
        for text in
            ["", "<html>login</html>", "https://", "https://host", "ftp://host/x", "https://host/a b", "ok"]
        {
            assert_eq!(said(text), Verdict::Rubbish, "{text}");
        }
        assert_eq!(judge(StatusCode::INTERNAL_SERVER_ERROR, b"https://host/x"), Verdict::Rubbish);
        assert_eq!(judge(StatusCode::OK, b"\xff\xfe"), Verdict::Rubbish);
        assert_eq!(judge(StatusCode::TOO_MANY_REQUESTS, b""), Verdict::Unavailable { pause: None });
    }

    #[test]
    fn forms_are_encoded() {
        let mut form = String::new();
        encode("{\"a\": é&=+}", &mut form);
        assert_eq!(form, "%7B%22a%22%3A+%C3%A9%26%3D%2B%7D");
    }
}
