//! Media types and charsets as this endpoint's headers name them.
//!
//! Content-Type and the values of Accept share one grammar and, in Web API, one rule: a supported
//! type fits a header value when the value names it or is a range that covers it. So a request
//! sent as `application/*` is read as JSON, the first supported type in that range.

/// A media type this endpoint supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `application/json`
    ApplicationJson,
    /// `text/json`
    TextJson,
    /// `application/xml`
    ApplicationXml,
    /// `text/xml`
    TextXml,
    /// `application/x-www-form-urlencoded`, read but never written
    Form,
    /// `application/bson`
    Bson,
}

/// The grammar behind a media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::providers::epay) enum Syntax {
    Json,
    Xml,
    Form,
    Bson,
}

impl MediaType {
    /// Every type a request may have, in the order in which Web API tries its readers.
    pub(in crate::providers::epay) const READ: [Self; 6] = [
        Self::ApplicationJson,
        Self::TextJson,
        Self::ApplicationXml,
        Self::TextXml,
        Self::Form,
        Self::Bson,
    ];

    /// Every type a reply may have, one group a writer, in the order in which Web API tries them.
    pub(in crate::providers::epay) const WRITTEN: [&'static [Self]; 3] = [
        &[Self::ApplicationJson, Self::TextJson],
        &[Self::ApplicationXml, Self::TextXml],
        &[Self::Bson],
    ];

    /// The name in headers, lower case, without parameters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApplicationJson => "application/json",
            Self::TextJson => "text/json",
            Self::ApplicationXml => "application/xml",
            Self::TextXml => "text/xml",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Bson => "application/bson",
        }
    }

    pub(in crate::providers::epay) const fn syntax(self) -> Syntax {
        match self {
            Self::ApplicationJson | Self::TextJson => Syntax::Json,
            Self::ApplicationXml | Self::TextXml => Syntax::Xml,
            Self::Form => Syntax::Form,
            Self::Bson => Syntax::Bson,
        }
    }
}

/// A character encoding this endpoint supports; every other name is read as UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// `utf-8`, written without a byte order mark
    Utf8,
    /// `utf-16`, little endian, written with a byte order mark
    Utf16,
}

impl Charset {
    /// Both, in the order in which they are preferred.
    pub(in crate::providers::epay) const ALL: [Self; 2] = [Self::Utf8, Self::Utf16];

    /// The name in headers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16 => "utf-16",
        }
    }

    /// The charset of that name, in any case.
    pub(in crate::providers::epay) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|charset| charset.name().eq_ignore_ascii_case(name))
    }
}

/// How narrowly a header value names a media type; the narrowest is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::providers::epay) enum Precision {
    /// `*/*`
    Anything,
    /// `type/*`
    Family,
    /// `type/subtype`
    Literal,
}

/// A preference `q`, in millionths, so that no comparison depends on binary fractions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::providers::epay) struct Quality(u32);

impl Quality {
    const DECIMALS: usize = 6;
    /// Not wanted at all.
    pub(in crate::providers::epay) const NONE: Self = Self(0);
    /// What a value without `q` has.
    pub(in crate::providers::epay) const FULL: Self = Self(1_000_000);

    /// Reads `0.5`, `1`, `.8`; what is no number counts as absent and therefore as 1.
    fn parse(text: &str) -> Self {
        let (integer, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = digits(integer) && digits(fraction) && integer.len() + fraction.len() > 0;
        if !is_number || integer.bytes().any(|digit| digit != b'0') {
            return Self::FULL;
        }
        let millionths = fraction
            .bytes()
            .chain(std::iter::repeat(b'0'))
            .take(Self::DECIMALS)
            .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        Self(millionths)
    }
}

/// One value of Content-Type or Accept: a type or a range, and its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::providers::epay) struct MediaRange<'a> {
    family: &'a str,
    subtype: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> MediaRange<'a> {
    /// Reads `type/subtype; name=value; …`; `None` if it does not have that form.
    pub(in crate::providers::epay) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = split_unquoted(text, ';').map(str::trim);
        let (family, subtype) = parts.next()?.split_once('/')?;
        if !is_token(family) || !is_token(subtype) {
            return None;
        }
        let parameters = parts
            .filter(|parameter| !parameter.is_empty())
            .map(parse_parameter)
            .collect::<Option<Vec<_>>>()?;
        Some(Self {
            family,
            subtype,
            parameters,
        })
    }

    /// Reads a comma separated list. Like Web API it takes all of a header or nothing: one value
    /// without the right form and the header says nothing.
    pub(in crate::providers::epay) fn parse_list(text: &'a str) -> Vec<Self> {
        split_unquoted(text, ',')
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .map(Self::parse)
            .collect::<Option<Vec<_>>>()
            .unwrap_or_default()
    }

    /// Whether `media` is this very type or lies in this range. Parameters do not matter.
    pub(in crate::providers::epay) fn covers(&self, media: MediaType) -> bool {
        let name = media.name();
        let (family, subtype) = name.split_once('/').unwrap_or((name, ""));
        match self.precision() {
            Precision::Anything => true,
            Precision::Family => self.family.eq_ignore_ascii_case(family),
            Precision::Literal => {
                self.family.eq_ignore_ascii_case(family)
                    && self.subtype.eq_ignore_ascii_case(subtype)
            }
        }
    }

    pub(in crate::providers::epay) fn precision(&self) -> Precision {
        match (self.family, self.subtype) {
            ("*", "*") => Precision::Anything,
            (_, "*") => Precision::Family,
            _ => Precision::Literal,
        }
    }

    pub(in crate::providers::epay) fn quality(&self) -> Quality {
        self.parameter("q").map_or(Quality::FULL, Quality::parse)
    }

    /// The charset parameter, if it names a supported one.
    pub(in crate::providers::epay) fn charset(&self) -> Option<Charset> {
        self.parameter("charset").and_then(Charset::named)
    }

    /// The type as it was spelled, without parameters.
    pub(in crate::providers::epay) fn name(&self) -> String {
        format!("{}/{}", self.family, self.subtype)
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters
            .iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|&(_, value)| value)
    }
}

/// The wishes of an Accept-Charset header in the order of preference; `None` is `*`,
/// which comes after a named charset of the same quality.
pub(in crate::providers::epay) fn parse_charset_list(text: &str) -> Vec<Option<Charset>> {
    let mut wishes: Vec<(Quality, bool, Option<Charset>)> = text
        .split(',')
        .filter_map(|value| {
            let mut parts = value.split(';').map(str::trim);
            let name = parts.next().filter(|name| is_token(name))?;
            let quality = parts
                .filter_map(parse_parameter)
                .find(|(parameter, _)| parameter.eq_ignore_ascii_case("q"))
                .map_or(Quality::FULL, |(_, value)| Quality::parse(value));
            let any = name == "*";
            let charset = Charset::named(name);
            let known = any || charset.is_some();
            (known && quality != Quality::NONE).then_some((quality, !any, charset))
        })
        .collect();
    wishes.sort_by_key(|&(quality, named, _)| std::cmp::Reverse((quality, named)));
    wishes.into_iter().map(|(.., charset)| charset).collect()
}

/// Reads `name=value`, `name="value"` or a bare `name`.
fn parse_parameter(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let (name, value) = (name.trim_end(), value.trim_start());
    let quoted = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let well_formed = quoted.is_some() || value.is_empty() || is_token(value);
    (is_token(name) && well_formed).then_some((name, quoted.unwrap_or(value)))
}

/// The pieces between separators outside of double quotes.
fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |character| {
        let was_escaped = std::mem::take(&mut escaped);
        match character {
            '"' if !was_escaped => quoted = !quoted,
            '\\' if quoted && !was_escaped => escaped = true,
            _ => {}
        }
        !quoted && character == separator
    })
}

/// A token of RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
