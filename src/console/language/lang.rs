//! The language of a page: the reader's choice, else what the browser prefers.

use actix_web::HttpRequest;
use actix_web::http::header;

use crate::console::access::cookies;

/// A language of the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    #[default]
    En,
    Zh,
}

impl Lang {
    pub const ALL: [Self; 2] = [Self::En, Self::Zh];

    /// As in `lang` and in the cookie.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }

    /// Its own name for itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Zh => "中文",
        }
    }

    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lang| lang.tag() == tag)
    }

    pub fn of(request: &HttpRequest) -> Self {
        let chosen = cookies::get(request, cookies::LANGUAGE).and_then(Self::from_tag);
        let accepted = || {
            let header = request.headers().get(header::ACCEPT_LANGUAGE)?;
            preferred(header.to_str().ok()?)
        };
        chosen.or_else(accepted).unwrap_or_default()
    }
}

/// The language with the highest weight among ours (RFC 9110 §12.5.4).
fn preferred(accepted: &str) -> Option<Lang> {
    let mut best: Option<(u16, Lang)> = None;
    for range in accepted.split(',') {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let primary = tag.trim().split('-').next().unwrap_or_default();
        let weight = parameters.trim().strip_prefix("q=").map_or(1_000, weight);
        let lang = Lang::from_tag(&primary.to_ascii_lowercase());
        let Some(lang) = lang.filter(|_| weight > 0) else {
            continue;
        };
        if best.is_none_or(|(known, _)| weight > known) {
            best = Some((weight, lang));
        }
    }
    best.map(|(_, lang)| lang)
}

/// In thousandths.
fn weight(text: &str) -> u16 {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let decimals = format!("{decimals:0<3}");
    let thousandths = decimals.get(..3).and_then(|digits| digits.parse().ok());
    match whole {
        "1" => 1_000,
        _ => thousandths.unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_with_the_highest_weight_is_taken() {
        for (accepted, lang) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Some(Lang::Zh)),
            ("en-US,en;q=0.9,zh-CN;q=0.8", Some(Lang::En)),
            ("fr, en;q=0.5, zh;q=0.7", Some(Lang::Zh)),
            ("ZH-Hant", Some(Lang::Zh)),
            ("de, fr;q=0.5", None),
            ("zh;q=0, en;q=0.001", Some(Lang::En)),
            ("", None),
        ] {
            assert_eq!(preferred(accepted), lang, "{accepted}");
        }
    }
}
