//! What operators may do alone.

use crate::config::file::{Limits, OperateSection};
use crate::config::{Checker, Reader, Scope};
use crate::domain::decision::SecondPerson;
use crate::domain::money::{Amount, Currency};

const KEY: &str = "operate.second_person_above";

impl Checker {
    /// From which amount on a decision needs a second person; without the key never.
    pub(in crate::config) fn second_person(
        &mut self,
        section: &OperateSection,
        readers: &[Reader],
    ) -> SecondPerson {
        let Some(limits) = &section.second_person_above else {
            return SecondPerson::Off;
        };
        let operators = readers
            .iter()
            .filter(|reader| reader.scopes.contains(&Scope::Operate));
        if operators.count() < 2 {
            let what = "nothing above it can be decided: one reader decides and another one agrees, and fewer than \
                        two have the scope operate";
            self.warnings.push(format!("{KEY}: {what}"));
        }
        match limits {
            Limits::One(text) => self
                .limit(KEY, text)
                .map_or(SecondPerson::Off, SecondPerson::Above),
            Limits::Each(limits) => {
                let mut known = Vec::new();
                for (code, text) in limits {
                    let key = format!("{KEY}.{code}");
                    let limit = self.limit(&key, text);
                    match code.parse::<Currency>() {
                        Ok(currency) => known.extend(limit.map(|limit| (currency, limit))),
                        Err(why) => self.note(key, format!("{code:?} is {why}")),
                    }
                }
                SecondPerson::AboveOf(known)
            }
        }
    }

    fn limit(&mut self, key: &str, text: &str) -> Option<Amount> {
        match Amount::parse(text) {
            Ok(limit) => Some(limit),
            Err(flaw) => {
                let what = format!("{text:?} {flaw}; it is a text such as \"1000.00\"");
                self.note(key, what);
                None
            }
        }
    }
}
