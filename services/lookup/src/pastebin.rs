//! A client for pastebin.com's documented API, and for whatever speaks the same.

mod answer;

use crate::{
    Secret,
    dependency::Failure,
    http::{CallError, Client},
};
use answer::Verdict;
use bytes::Bytes;
use clap::ValueEnum;
use http_body_util::Full;
use hyper::{
    Request, Uri,
    header::{self, HeaderName, HeaderValue},
};

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const IDEMPOTENCY: HeaderName = HeaderName::from_static("idempotency-key");

/// A paste service.
#[derive(Debug, Clone)]
pub(crate) struct Pastebin {
    client: Client,
    address: Uri,
    keys: Keys,
    /// The beginning of every form: all but the text.
    form: Secret,
}

/// Who we are to the service.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// `api_dev_key`.
    pub(crate) developer: Secret,
    /// `api_user_key`: pastes belong to this user. Private pastes need it.
    pub(crate) user: Option<Secret>,
}

/// Who can see a paste (`api_paste_private`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Exposure {
    /// Everybody, in lists.
    Public,
    /// Whoever has the URL.
    Unlisted,
    /// Its owner.
    Private,
}

/// When a paste goes away (`api_paste_expire_date`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "verbatim")]
pub(crate) enum Expiry {
    /// Never.
    N,
    /// After ten minutes.
    #[value(name = "10M")]
    TenMinutes,
    /// After an hour.
    #[value(name = "1H")]
    Hour,
    /// After a day.
    #[value(name = "1D")]
    Day,
    /// After a week.
    #[value(name = "1W")]
    Week,
    /// After two weeks.
    #[value(name = "2W")]
    TwoWeeks,
    /// After a month.
    #[value(name = "1M")]
    Month,
    /// After half a year.
    #[value(name = "6M")]
    HalfYear,
    /// After a year.
    #[value(name = "1Y")]
    Year,
}

/// A paste could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasteError {
    #[error("the paste service cannot be reached")]
    Call(#[source] CallError),
    #[error("the paste service answered {status}: {text}")]
    Answer { status: hyper::StatusCode, text: String },
    #[error("the address or a key of the paste service is wrong")]
    Request(#[source] hyper::http::Error),
}

impl Expiry {
    fn code(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl Keys {
    fn redact(&self, text: &str) -> String {
        let text = self.developer.redact(text);
        self.user.as_ref().map_or_else(|| text.clone(), |user| user.redact(&text))
    }
}

impl Pastebin {
    /// The service whose posts go to `address` (`https://pastebin.com/api/api_post.php`).
    pub(crate) fn new(client: Client, address: Uri, keys: Keys, exposure: Exposure, expiry: Expiry) -> Self {
        let form = Secret::new(form(&keys, exposure, expiry));
        Self { client, address, keys, form }
    }

    /// Makes a paste of `text` and returns its URL.
    ///
    /// `id` goes along as `Idempotency-Key`: a service that knows the header answers a repeated post with the URL of
    /// the first. pastebin.com does not.
    pub(crate) async fn paste(&self, id: &str, text: &str) -> Result<String, Failure<PasteError>> {
        let request = self.request(id, text);
        let request = request.map_err(|error| Failure::Refused(PasteError::Request(error)))?;
        let answer = self.client.call(request).await;
        let answer = answer
            .map_err(|error| Failure::Unavailable { error: PasteError::Call(error), retry_after: None })?;
        let error = || {
            let said = String::from_utf8_lossy(&answer.body);
            PasteError::Answer { status: answer.status, text: answer::excerpt(&self.keys.redact(&said)) }
        };
        match answer::judge(answer.status, &answer.body) {
            Verdict::Url(url) => Ok(url),
            Verdict::Refused => Err(Failure::Refused(error())),
            Verdict::Rubbish => Err(Failure::Rubbish(error())),
            Verdict::Unavailable { pause } => {
                Err(Failure::Unavailable { error: error(), retry_after: answer.retry_after.or(pause) })
            }
        }
    }

    fn request(&self, id: &str, text: &str) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let id: String = id.chars().map(|sign| if sign.is_ascii_graphic() { sign } else { '_' }).collect();
        Request::post(self.address.clone())
            .header(header::CONTENT_TYPE, FORM)
            .header(IDEMPOTENCY, format!("{id}-{:016x}", digest(id_bytes(&id), text)))
            .body(Full::from(self.with_text(text)))
    }

    fn with_text(&self, text: &str) -> String {
        let beginning = self.form.expose();
        let mut form = String::with_capacity(beginning.len() + text.len() * 2);
        form.push_str(beginning);
        answer::encode(text, &mut form);
        form
    }
}

/// A form up to its text.
fn form(keys: &Keys, exposure: Exposure, expiry: Expiry) -> String {
    let private = match exposure {
        Exposure::Public => "0",
        Exposure::Unlisted => "1",
        Exposure::Private => "2",
    };
    let mut form = String::from("api_option=paste&api_paste_format=json");
    for (name, value) in [
        ("api_dev_key", keys.developer.expose()),
        ("api_paste_private", private),
        ("api_paste_expire_date", &expiry.code()),
        ("api_user_key", keys.user.as_ref().map_or("", Secret::expose)),
    ] {
        if !value.is_empty() {
            form.push('&');
            form.push_str(name);
            form.push('=');
            answer::encode(value, &mut form);
        }
    }
    form + "&api_paste_code="
}

fn id_bytes(id: &str) -> &[u8] {
    id.as_bytes()
}

/// Tells posts apart whose ids look alike after unprintable signs were replaced.
fn digest(id: &[u8], text: &str) -> u64 {
    use sha2::{Digest as _, Sha256};
    let hash = Sha256::new().chain_update(id).chain_update([0]).chain_update(text).finalize();
    hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_what_the_api_asks_for() {
        let keys = Keys { developer: Secret::new("k&y".to_owned()), user: Some(Secret::new("u".to_owned())) };
        let expected = "api_option=paste&api_paste_format=json&api_dev_key=k%26y&api_paste_private=2\
                        &api_paste_expire_date=1M&api_user_key=u&api_paste_code=";
        assert_eq!(form(&keys, Exposure::Private, Expiry::Month), expected);
    }
}
