//! Reading a report sent as JSON, with the liberties Newtonsoft.Json allows.
//!
//! Callers of the original may write comments, single quotes, names without quotes, a comma after
//! the last member and anything at all after the object. No JSON crate takes all of that and still
//! shows a member that is given twice, hence this small reader: it goes over the text once, keeps
//! nothing but the three members and bounds the nesting of the rest.

use super::BodyFault;
use crate::providers::epay::DEPTH_MAX;
use crate::providers::epay::wire::members::{Given, Member, Members};

/// Collects the members of the first value in `text`; no value, or null, has none.
pub(in crate::providers::epay) fn read(text: &str) -> Result<Members, BodyFault> {
    let mut members = Members::default();
    let mut reader = Reader { rest: text };
    reader.skip_blank()?;
    match reader.peek() {
        None => {}
        Some('{') => reader.object(1, &mut |name, given| {
            if let Some(member) = Member::named_in_any_case(name) {
                members.add(member, given);
            }
        })?,
        Some(_) => match reader.value(1)? {
            Given::Null => {}
            _ => return Err(BodyFault::Json),
        },
    }
    Ok(members)
}

/// What is left of the text.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Result<char, BodyFault> {
        let mut characters = self.rest.chars();
        let next = characters.next().ok_or(BodyFault::Json)?;
        self.rest = characters.as_str();
        Ok(next)
    }

    fn eat(&mut self, expected: char) -> bool {
        let rest = self.rest.strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, expected: char) -> Result<(), BodyFault> {
        self.eat(expected).then_some(()).ok_or(BodyFault::Json)
    }

    /// Takes the longest beginning whose characters all belong to a word.
    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Skips white space and comments of both kinds; a block comment must end.
    fn skip_blank(&mut self) -> Result<(), BodyFault> {
        loop {
            self.rest = self.rest.trim_start();
            if let Some(comment) = self.rest.strip_prefix("/*") {
                let (_, rest) = comment.split_once("*/").ok_or(BodyFault::Json)?;
                self.rest = rest;
            } else if self.rest.starts_with("//") {
                self.take_while(|c| c != '\n' && c != '\r');
            } else {
                return Ok(());
            }
        }
    }

    /// Reads an object and shows each member to `on_member`; `depth` is its own level.
    fn object(
        &mut self,
        depth: usize,
        on_member: &mut dyn FnMut(&str, Given),
    ) -> Result<(), BodyFault> {
        if depth > DEPTH_MAX {
            return Err(BodyFault::TooComplex);
        }
        self.expect('{')?;
        self.skip_blank()?;
        while !self.eat('}') {
            let name = self.name()?;
            self.skip_blank()?;
            self.expect(':')?;
            self.skip_blank()?;
            let given = self.value(depth)?;
            on_member(&name, given);
            self.skip_comma_before('}')?;
        }
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), BodyFault> {
        if depth > DEPTH_MAX {
            return Err(BodyFault::TooComplex);
        }
        self.expect('[')?;
        self.skip_blank()?;
        while !self.eat(']') {
            self.value(depth)?;
            self.skip_comma_before(']')?;
        }
        Ok(())
    }

    /// After an item: a comma, whatever follows, or `end`, which stays.
    fn skip_comma_before(&mut self, end: char) -> Result<(), BodyFault> {
        self.skip_blank()?;
        if !self.eat(',') && self.peek() != Some(end) {
            return Err(BodyFault::Json);
        }
        self.skip_blank()
    }

    fn name(&mut self) -> Result<String, BodyFault> {
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            return self.string(quote);
        }
        match self.take_while(is_word) {
            "" => Err(BodyFault::Json),
            name => Ok(name.to_owned()),
        }
    }

    /// Reads the value of a member of an object or list at level `depth`.
    fn value(&mut self, depth: usize) -> Result<Given, BodyFault> {
        match self.peek().ok_or(BodyFault::Json)? {
            quote @ ('"' | '\'') => self.string(quote).map(Given::Text),
            '{' => {
                self.object(depth + 1, &mut |_, _| ())?;
                Ok(Given::Unusable)
            }
            '[' => {
                self.array(depth + 1)?;
                Ok(Given::Unusable)
            }
            '0'..='9' | '-' | '.' => {
                let number = self.take_while(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
                Ok(Given::Number(number.to_owned()))
            }
            _ => match self.take_while(is_word) {
                "null" => Ok(Given::Null),
                "true" => Ok(Given::Bool(true)),
                "false" => Ok(Given::Bool(false)),
                _ => Err(BodyFault::Json),
            },
        }
    }

    fn string(&mut self, quote: char) -> Result<String, BodyFault> {
        self.expect(quote)?;
        let mut text = String::new();
        loop {
            match self.next()? {
                '\\' => text.push(self.escaped()?),
                end if end == quote => return Ok(text),
                character => text.push(character),
            }
        }
    }

    /// The character after a backslash. Half a surrogate pair becomes U+FFFD, which no identifier
    /// may contain.
    fn escaped(&mut self) -> Result<char, BodyFault> {
        let character = match self.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.escaped_unit(),
            same @ ('"' | '\'' | '\\' | '/') => same,
            _ => return Err(BodyFault::Json),
        };
        Ok(character)
    }

    fn escaped_unit(&mut self) -> Result<char, BodyFault> {
        let first = self.hexadecimal_unit()?;
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first)
            && let Some(rest) = self.rest.strip_prefix("\\u")
        {
            let mut ahead = Reader { rest };
            let second = ahead.hexadecimal_unit()?;
            if (0xdc00..0xe000).contains(&second) {
                units.push(second);
                self.rest = ahead.rest;
            }
        }
        let mut characters = char::decode_utf16(units);
        let decoded = characters.next().and_then(Result::ok);
        Ok(decoded.unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hexadecimal_unit(&mut self) -> Result<u16, BodyFault> {
        (0..4).try_fold(0, |unit, _| {
            let digit = self.next()?.to_digit(16).ok_or(BodyFault::Json)?;
            let digit = u16::try_from(digit).map_err(|_| BodyFault::Json)?;
            Ok(unit << 4 | digit)
        })
    }
}

/// Characters of names without quotes and of `true`, `false`, `null`.
fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}
