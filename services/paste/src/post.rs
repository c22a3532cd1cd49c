use serde::Deserialize;

/// Largest paste, in bytes, as for free accounts of pastebin.com.
pub(crate) const MAX_PASTE: usize = 512 * 1024;

/// The fields of a post.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Post {
    #[serde(default)]
    api_dev_key: String,
    #[serde(default)]
    api_option: String,
    #[serde(default)]
    api_paste_code: String,
    #[serde(default)]
    api_paste_private: String,
    #[serde(default)]
    api_paste_expire_date: String,
    #[serde(default)]
    api_user_key: String,
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

impl Post {
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
        Ok(Wanted { text: self.api_paste_code, private, lifetime })
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

    fn post() -> Post {
        Post {
            api_dev_key: "key".to_owned(),
            api_option: "paste".to_owned(),
            api_paste_code: "text".to_owned(),
            ..Post::default()
        }
    }

    #[test]
    fn a_sound_post_is_wanted() {
        let wanted = Wanted { text: "text".to_owned(), private: false, lifetime: None };
        assert_eq!(post().check(Some("key")), Ok(wanted));
        assert!(post().check(None).is_ok(), "any key is taken where none is set");
    }

    #[test]
    fn private_pastes_belong_to_a_user() {
        let private =
            |user: &str| Post { api_paste_private: "2".to_owned(), api_user_key: user.to_owned(), ..post() };
        assert!(private("user").check(None).unwrap().private);
        assert_eq!(private("").check(None), Err(Refusal::User));
    }

    #[test]
    fn every_documented_expiry_is_known() {
        for (code, expected) in [
            ("", None),
            ("N", None),
            ("10M", Some(600)),
            ("1H", Some(3600)),
            ("1D", Some(86_400)),
            ("1W", Some(604_800)),
            ("2W", Some(1_209_600)),
            ("1M", Some(2_592_000)),
            ("6M", Some(15_724_800)),
            ("1Y", Some(31_536_000)),
        ] {
            let post = Post { api_paste_expire_date: code.to_owned(), ..post() };
            assert_eq!(post.check(None).unwrap().lifetime, expected, "{code}");
        }
    }

    #[test]
    fn refusals_are_those_of_the_api() {
        let refused = |change: fn(&mut Post)| {
            let mut post = post();
            change(&mut post);
            post.check(Some("key")).unwrap_err().to_string()
        };
        assert_eq!(refused(|post| post.api_dev_key = "other".to_owned()), "invalid api_dev_key");
        assert_eq!(refused(|post| post.api_dev_key.clear()), "invalid api_dev_key");
        assert_eq!(refused(|post| post.api_option = "list".to_owned()), "invalid api_option");
        assert_eq!(refused(|post| post.api_paste_code.clear()), "api_paste_code was empty");
        assert_eq!(
            refused(|post| post.api_paste_code = "x".repeat(MAX_PASTE + 1)),
            "maximum paste file size exceeded"
        );
        assert_eq!(refused(|post| post.api_paste_private = "2".to_owned()), "invalid api_user_key");
        assert_eq!(refused(|post| post.api_paste_private = "3".to_owned()), "invalid api_paste_private");
        assert_eq!(
            refused(|post| post.api_paste_expire_date = "2Y".to_owned()),
            "invalid api_paste_expire_date"
        );
    }
}
