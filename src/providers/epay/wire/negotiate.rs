//! Which format the reply gets, by the rules of Web API's default content negotiator.
//!
//! Callers rely on details: a reply comes back in the type that was sent unless Accept says
//! otherwise, `*/*` says otherwise, and there is never a 406.

use super::media::{Charset, MediaRange, MediaType, Precision, Quality, parse_charset_list};

/// The request headers that have a say. Several lines of one header are to be joined by `, `.
#[derive(Clone, Copy, Debug, Default)]
pub struct NegotiationHeaders<'a> {
    /// `Accept`
    pub accept: Option<&'a str>,
    /// `Accept-Charset`
    pub accept_charset: Option<&'a str>,
    /// `Content-Type`
    pub content_type: Option<&'a str>,
    /// `X-Requested-With`
    pub x_requested_with: Option<&'a str>,
}

/// Media type and charset of a reply. Only [`negotiate`] makes one, so a type that cannot be
/// written never gets here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseFormat {
    media: MediaType,
    charset: Charset,
}

impl ResponseFormat {
    /// The media type to write.
    pub const fn media(self) -> MediaType {
        self.media
    }

    /// The charset to write and to name.
    pub const fn charset(self) -> Charset {
        self.charset
    }

    /// The value of the reply's Content-Type header.
    pub fn content_type(self) -> String {
        format!("{}; charset={}", self.media.name(), self.charset.name())
    }
}

/// Picks the format of the reply. Every request gets one; JSON in UTF-8 when nothing else fits.
pub fn negotiate(headers: &NegotiationHeaders<'_>) -> ResponseFormat {
    let accept = headers
        .accept
        .map(MediaRange::parse_list)
        .unwrap_or_default();
    let sent = headers.content_type.and_then(MediaRange::parse);
    let media = script_match(headers.x_requested_with, &accept)
        .or_else(|| accept_match(accept))
        .or_else(|| sent.as_ref().and_then(request_match))
        .unwrap_or(MediaType::ApplicationJson);
    let charset = headers
        .accept_charset
        .and_then(|wishes| parse_charset_list(wishes).into_iter().next())
        .map(|wish| wish.unwrap_or(Charset::Utf8))
        .or_else(|| sent.as_ref().and_then(MediaRange::charset))
        .unwrap_or(Charset::Utf8);
    ResponseFormat { media, charset }
}

/// A browser script that states no wish of its own gets JSON.
fn script_match(x_requested_with: Option<&str>, accept: &[MediaRange<'_>]) -> Option<MediaType> {
    let by_script =
        x_requested_with.is_some_and(|value| value.trim().eq_ignore_ascii_case("XMLHttpRequest"));
    let no_wish = match accept {
        [] => true,
        [only] => only.precision() == Precision::Anything,
        _ => false,
    };
    (by_script && no_wish).then_some(MediaType::ApplicationJson)
}

/// The best of what Accept asks for: each writer is judged by the first wish it can fulfil, then
/// the higher quality wins, then the more precise wish, then the earlier writer.
fn accept_match(mut accept: Vec<MediaRange<'_>>) -> Option<MediaType> {
    // The sort is stable: equal wishes keep the order in which they were sent.
    accept.sort_by_key(|range| std::cmp::Reverse((range.quality(), range.precision())));
    let mut best: Option<((Quality, Precision), MediaType)> = None;
    for writer in MediaType::WRITTEN {
        let offer = accept
            .iter()
            .filter(|range| range.quality() != Quality::NONE)
            .find_map(|range| {
                let media = writer.iter().copied().find(|media| range.covers(*media))?;
                Some(((range.quality(), range.precision()), media))
            });
        if let Some((merit, media)) = offer
            && best.is_none_or(|(best_merit, _)| merit > best_merit)
        {
            best = Some((merit, media));
        }
    }
    best.map(|(_, media)| media)
}

/// The type that was sent, if it can be written too.
fn request_match(sent: &MediaRange<'_>) -> Option<MediaType> {
    MediaType::WRITTEN
        .into_iter()
        .flatten()
        .copied()
        .find(|media| sent.covers(*media))
}
