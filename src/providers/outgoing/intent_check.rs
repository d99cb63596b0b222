//! Rules of intents that several providers have, each with the pointer of the member that breaks it.

use std::ops::RangeInclusive;

use crate::domain::ids::external_id::ExternalId;
use crate::domain::request::intent::{FieldError, Intent};
use crate::domain::time::Timestamp;

/// Hours of a day: windows count in whole days.
const DAY_HOURS: i64 = 24;

/// Collects what is wrong with an intent.
pub(in crate::providers) struct IntentCheck<'a> {
    intent: &'a Intent,
    errors: Vec<FieldError>,
}

impl<'a> IntentCheck<'a> {
    /// Begins with the rule that all have: an amount above zero. That it is not above what was paid, the sum of the
    /// payment's refunds is checked for.
    pub(in crate::providers) fn of(intent: &'a Intent) -> Self {
        let mut check = Self {
            intent,
            errors: Vec::new(),
        };
        if intent.money.amount.is_zero() {
            check.note("/amount", "must be greater than zero");
        }
        check
    }

    pub(in crate::providers) fn note(&mut self, pointer: &str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(pointer, detail));
    }

    /// A refund number of so many of these characters; absent: one is made that fits everywhere.
    pub(in crate::providers) fn refund_no(
        &mut self,
        number: Option<&str>,
        chars: usize,
        is_allowed: fn(u8) -> bool,
        rule: &str,
    ) {
        let fits = |text: &str| (1..=chars).contains(&text.len()) && text.bytes().all(is_allowed);
        if !number.is_none_or(fits) {
            self.note("/refund_no", format!("must be 1 to {chars} {rule}"));
        }
    }

    /// A number that has to be there.
    pub(in crate::providers) fn required_number(
        &mut self,
        pointer: &str,
        number: Option<&ExternalId>,
        chars_max: usize,
    ) {
        match number {
            None => self.note(pointer, "is missing"),
            Some(number) if number.as_str().chars().count() > chars_max => {
                self.note(pointer, format!("has more than {chars_max} characters"));
            }
            Some(_) => {}
        }
    }

    /// A number that this provider has no member for.
    pub(in crate::providers) fn no_number(
        &mut self,
        pointer: &str,
        number: Option<&ExternalId>,
        instead: &str,
    ) {
        if number.is_some() {
            self.note(pointer, format!("is not taken by this provider; {instead}"));
        }
    }

    /// The most decimals that the amount may have.
    pub(in crate::providers) fn decimals(&mut self, max: u8) {
        let money = self.intent.money;
        if money.amount.decimals() > max {
            let code = money.currency.code();
            self.note(
                "/amount",
                format!("has more than {max} decimals, the most for {code} here"),
            );
        }
    }

    /// The length of the reason, from 1 where it must be there and from 0 where it need not.
    pub(in crate::providers) fn reason(&mut self, chars: RangeInclusive<usize>) {
        let count = self
            .intent
            .reason
            .as_deref()
            .map_or(0, |text| text.chars().count());
        if count > *chars.end() {
            self.note(
                "/reason",
                format!("has more than {} characters", chars.end()),
            );
        } else if !chars.contains(&count) {
            self.note("/reason", "is missing");
        }
    }

    /// The payment must not be older than so many days.
    pub(in crate::providers) fn paid_within(&mut self, days: i64, now: jiff::Timestamp) {
        let Some(paid_at) = self.intent.paid_at.and_then(Timestamp::to_timestamp) else {
            return;
        };
        if now.duration_since(paid_at).as_hours() >= days * DAY_HOURS {
            let detail =
                format!("is more than {days} days ago; the provider refunds no such payment");
            self.note("/paid_at", detail);
        }
    }

    /// The provider's own members: these texts of at most so many characters, and no others.
    pub(in crate::providers) fn fields(&mut self, known: &[(&str, usize)]) {
        for (name, value) in &self.intent.provider_fields {
            let entry = known.iter().find(|(known, _)| known == name);
            let Some((_, chars_max)) = entry else {
                let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
                let detail = match names.as_slice() {
                    [] => "is not known; this account takes none".to_owned(),
                    names => format!("is not known; there is {}", names.join(", ")),
                };
                self.errors
                    .push(FieldError::of_provider_field(name, detail));
                continue;
            };
            let fits = value
                .as_str()
                .is_some_and(|text| ExternalId::read(text, *chars_max).is_ok());
            if !fits {
                let detail = format!("must be a text of 1 to {chars_max} visible characters");
                self.errors
                    .push(FieldError::of_provider_field(name, detail));
            }
        }
    }

    pub(in crate::providers) fn errors(self) -> Vec<FieldError> {
        self.errors
    }
}
