use std::borrow::Cow;

/// Largest paste, in bytes, as for free accounts of pastebin.com.
pub(crate) const MAX_PASTE: usize = 512 * 1024;

/// The fields of a post. Other fields of the API (name, format, folder) change nothing here.
#[derive(Debug, Default)]
pub(crate) struct Post<'a> {
    api_dev_key: Cow<'a, str>,
    api_option: Cow<'a, str>,
    api_paste_code: Cow<'a, str>,
    api_paste_private: Cow<'a, str>,
    api_paste_expire_date: Cow<'a, str>,
    api_user_key: Cow<'a, str>,
}

/// A post that may be kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) text: String,
    pub(crate) private: bool,
    /// Seconds until it goes away.
    pub(crate) lifetime: Option<u64>,
}

/// Why a post is refused, in pastebin.com's words.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Refusal {
    #[error("invalid api_option")]
    Option,
    #[error("invalid api_dev_key")]
    Key,
    #[error("api_paste_code was empty")]
    Empty,
    #[error("maximum paste file size exceeded")]
    TooLarge,
    #[error("invalid api_paste_expire_date")]
    Expiry,
    #[error("invalid api_paste_private")]
    Private,
    #[error("invalid api_user_key")]
    User,
}

impl<'a> Post<'a> {
    /// Reads a form (`application/x-www-form-urlencoded`). Of a field that is there twice, the last counts.
    pub(crate) fn parse(form: &'a [u8]) -> Self {
        let mut post = Self::default();
        for (name, value) in form_urlencoded::parse(form) {
            match &*name {
                "api_dev_key" => post.api_dev_key = value,
                "api_option" => post.api_option = value,
                "api_paste_code" => post.api_paste_code = value,
                "api_paste_private" => post.api_paste_private = value,
                "api_paste_expire_date" => post.api_paste_expire_date = value,
                "api_user_key" => post.api_user_key = value,
                _ => {}
            }
        }
        post
    }

    /// Checks a post, where `key` is the developer key that is wanted.
    pub(crate) fn check(self, key: Option<&str>) -> Result<Wanted, Refusal> {
        if self.api_option != "paste" {
            return Err(Refusal::Option);
        }
        if self.api_dev_key.is_empty() || key.is_some_and(|key| key != self.api_dev_key) {
            return Err(Refusal::Key);
        }
        if self.api_paste_code.is_empty() {
            return Err(Refusal::Empty);
        }
        if self.api_paste_code.len() > MAX_PASTE {
            return Err(Refusal::TooLarge);
        }
        let private = match &*self.api_paste_private {
            "" | "0" | "1" => false,
            "2" if self.api_user_key.is_empty() => return Err(Refusal::User),
            "2" => true,
            _ => return Err(Refusal::Private),
        };
        let lifetime = lifetime(&self.api_paste_expire_date).ok_or(Refusal::Expiry)?;
        Ok(Wanted { text: self.api_paste_code.into_owned(), private, lifetime })
    }
}

/// Seconds of an expiry; `Some(None)` is for ever.
fn lifetime(code: &str) -> Option<Option<u64>> {
    const DAY: u64 = 86_400;
    Some(match code {
        "" | "N" => None,
        "10M" => Some(600),
        "1H" => Some(3600),
        "1D" => Some(DAY),
        "1W" => Some(7 * DAY),
        "2W" => Some(14 * DAY),
        "1M" => Some(30 * DAY),
        "6M" => Some(182 * DAY),
        "1Y" => Some(365 * DAY),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: &[(&str, &str)]) -> Result<Wanted, Refusal> {
        let mut fields = vec![("api_dev_key", "key"), ("api_option", "paste"), ("api_paste_code", "a+&=%é")];
        fields.extend(change);
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Post::parse(form.as_bytes()).check(Some("key"))
    }

    #[test]
    fn a_sound_post_is_wanted() {
        let wanted = Wanted { text: "a+&=%é".to_owned(), private: false, lifetime: None };
        assert_eq!(check(&[("api_paste_name", "n"), ("api_paste_format", "json")]), Ok(wanted));
        let private =
            [("api_paste_private", "2"), ("api_user_key", "user"), ("api_paste_expire_date", "10M")];
        let wanted = check(&private).unwrap();
        assert_eq!((wanted.private, wanted.lifetime), (true, Some(600)));
    }

    #[test]
    fn every_documented_expiry_is_known() {
        for code in ["N", "10M", "1H", "1D", "1W", "2W", "1M", "6M", "1Y"] {
            let lifetime = check(&[("api_paste_expire_date", code)]).unwrap().lifetime;
            assert_eq!(lifetime.is_none(), code == "N", "{code}");
        }
    }

    #[test]
    fn refusals_are_those_of_the_api() {
        let long = "x".repeat(MAX_PASTE + 1);
        for (field, value, why) in [
            ("api_dev_key", "other", "invalid api_dev_key"),
            ("api_dev_key", "", "invalid api_dev_key"),
            ("api_option", "list", "invalid api_option"),
            ("api_paste_code", "", "api_paste_code was empty"),
            ("api_paste_code", &*long, "maximum paste file size exceeded"),
            ("api_paste_private", "2", "invalid api_user_key"),
            ("api_paste_private", "3", "invalid api_paste_private"),
            ("api_paste_expire_date", "2Y", "invalid api_paste_expire_date"),
        ] {
            assert_eq!(check(&[(field, value)]).unwrap_err().to_string(), why);
        }
        assert_eq!(Post::parse(b"\xff&&=&%zz").check(None), Err(Refusal::Option));
    }
}
