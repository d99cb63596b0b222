//! In which format metrics are asked for: the older text format (0.0.4) unless `Accept` prefers
//! `OpenMetrics`, as client libraries of Prometheus have it. No request is refused: whatever else is asked for, the
//! older one is read by all.

/// A format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `OpenMetrics` 1.0.0.
    OpenMetrics,
    /// Prometheus text 0.0.4.
    Text,
}

/// How well a range fits a format; the best is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    /// `*/*`
    Anything,
    /// `type/*`
    Family,
    /// `type/subtype`
    Name,
    /// The same, with the version.
    Version,
}

impl Format {
    /// The value of `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// Type, subtype and version.
    const fn parts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::OpenMetrics => ("application", "openmetrics-text", "1.0.0"),
            Self::Text => ("text", "plain", "0.0.4"),
        }
    }

    /// The format that is wanted most.
    pub fn wanted(accept: Option<&str>) -> Self {
        let ranges: Vec<_> = accept
            .unwrap_or_default()
            .split(',')
            .filter_map(Range::parse)
            .collect();
        let (open, open_precision) = Self::OpenMetrics.quality(&ranges);
        let (text, _) = Self::Text.quality(&ranges);
        let is_named = open_precision >= Some(Precision::Name);
        if open > text || (open == text && open > 0 && is_named) {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    /// By the range that names it most precisely (RFC 9110 §12.5.1); 0 where none does.
    fn quality(self, ranges: &[Range<'_>]) -> (u32, Option<Precision>) {
        let fitting = ranges
            .iter()
            .filter_map(|range| Some((range.precision(self)?, range.quality)));
        fitting
            .max()
            .map_or((0, None), |(precision, quality)| (quality, Some(precision)))
    }
}

/// One range of `Accept`.
struct Range<'a> {
    family: &'a str,
    subtype: &'a str,
    version: Option<&'a str>,
    /// In thousandths.
    quality: u32,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (family, subtype) = parts.next()?.split_once('/')?;
        let mut range = Self {
            family,
            subtype,
            version: None,
            quality: 1_000,
        };
        for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "version" => range.version = Some(value),
                "q" => range.quality = thousandths(value)?,
                _ => {}
            }
        }
        Some(range)
    }

    fn precision(&self, format: Format) -> Option<Precision> {
        let (family, subtype, version) = format.parts();
        let is = |said: &str, meant: &str| said.eq_ignore_ascii_case(meant);
        match (self.family, self.subtype, self.version) {
            ("*", "*", _) => Some(Precision::Anything),
            (said, "*", _) if is(said, family) => Some(Precision::Family),
            (one, other, None) if is(one, family) && is(other, subtype) => Some(Precision::Name),
            (one, other, Some(said)) if is(one, family) && is(other, subtype) => {
                (said == version).then_some(Precision::Version)
            }
            _ => None,
        }
    }
}

/// `0.75` is 750; at most 1.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let (whole, fraction): (u32, u32) = (whole.parse().ok()?, digits.parse().ok()?);
    Some((whole.min(1) * 1_000 + fraction).min(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_format_is_given_unless_the_newer_one_is_preferred() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,\
                          application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for accept in [
            "application/openmetrics-text",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "Application/OpenMetrics-Text;version=\"1.0.0\"",
            "text/plain;q=0.5, application/openmetrics-text;q=0.6",
            "text/plain, application/openmetrics-text",
            "text/plain;q=0, */*;q=0.1",
            prometheus,
        ] {
            let wanted = Format::wanted(Some(accept));
            assert_eq!(wanted, Format::OpenMetrics, "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/plain;version=0.0.4",
            "text/*",
            "text/html, */*;q=0.1",
            "application/openmetrics-text;q=0.5, text/plain;q=0.501",
            "application/openmetrics-text;q=0.5, */*",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text;version=2.0.0",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily",
            "nonsense",
        ] {
            assert_eq!(Format::wanted(Some(accept)), Format::Text, "{accept}");
        }
        assert_eq!(Format::wanted(None), Format::Text);
    }
}
