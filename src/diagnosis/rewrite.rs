//! Serializes a JSON text again in the styles of common libraries: same members and digits, other white
//! space, escapes or order. A body that was parsed and serialized again on its way has a signature over one
//! of these.

use std::fmt::Write as _;

use serde_json::value::RawValue;

use crate::providers::wire::json::{Object, Value};

/// A JSON value; numbers keep their digits.
enum Node {
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
    Text(String),
    Other(String),
}

/// White space between tokens.
#[derive(Clone, Copy)]
enum Space {
    None,
    AfterSeparators,
    Indented(usize),
}

/// Optional escapes.
#[derive(Clone, Copy)]
enum Escapes {
    None,
    NotAscii,
    NotAsciiAndSlash,
    Slash,
    Html,
}

const SPACES: [(Space, &str); 4] = [
    (Space::None, "without white space"),
    (Space::AfterSeparators, "with a space after each : and ,"),
    (Space::Indented(2), "indented by two spaces"),
    (Space::Indented(4), "indented by four spaces"),
];
const ESCAPES: [(Escapes, &str); 5] = [
    (Escapes::None, ""),
    (Escapes::NotAscii, ", other scripts as \\u escapes"),
    (
        Escapes::NotAsciiAndSlash,
        ", other scripts as \\u escapes and / as \\/",
    ),
    (Escapes::Slash, ", / as \\/"),
    (Escapes::Html, ", < > & as \\u escapes"),
];

/// Every serialization that differs from the text, each with a description.
pub(super) fn ways(json: &[u8]) -> Vec<(String, Vec<u8>)> {
    let Some(node) = std::str::from_utf8(json).ok().and_then(read) else {
        return Vec::new();
    };
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    for sorted in [false, true] {
        for (space, space_words) in SPACES {
            for (escapes, escape_words) in ESCAPES {
                let mut text = String::new();
                Writer {
                    space,
                    escapes,
                    sorted,
                }
                .write(&node, 0, &mut text);
                let order = if sorted {
                    ", members in order of their names"
                } else {
                    ""
                };
                let words = format!("{space_words}{escape_words}{order}");
                let is_known = found.iter().any(|(_, known)| *known == text.as_bytes());
                if text.as_bytes() != json && !is_known {
                    found.push((words, text.into_bytes()));
                }
            }
        }
    }
    found
}

fn read(raw: &str) -> Option<Node> {
    let raw = raw.trim();
    match raw.as_bytes().first()? {
        b'{' => {
            let object = Object::parse(raw.as_bytes()).ok()?;
            let members = object.members().map(|(name, value)| {
                let node = match value {
                    Value::Text(text) => Node::Text(text.into_owned()),
                    Value::Number(digits) => Node::Other(digits.to_owned()),
                    Value::Bool(flag) => Node::Other(flag.to_string()),
                    Value::Null => Node::Other("null".to_owned()),
                    Value::Nested(raw) => read(raw)?,
                };
                Some((name.to_owned(), node))
            });
            Some(Node::Object(members.collect::<Option<_>>()?))
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(raw).ok()?;
            let items = items.into_iter().map(|item| read(item.get()));
            Some(Node::Array(items.collect::<Option<_>>()?))
        }
        b'"' => serde_json::from_str(raw).ok().map(Node::Text),
        _ => Some(Node::Other(raw.to_owned())),
    }
}

struct Writer {
    space: Space,
    escapes: Escapes,
    sorted: bool,
}

impl Writer {
    fn write(&self, node: &Node, depth: usize, out: &mut String) {
        match node {
            Node::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                if self.sorted {
                    members.sort_by(|(one, _), (other, _)| one.cmp(other));
                }
                self.list(['{', '}'], &members, depth, out, |(name, value), out| {
                    self.text(name, out);
                    out.push_str(if matches!(self.space, Space::None) {
                        ":"
                    } else {
                        ": "
                    });
                    self.write(value, depth + 1, out);
                });
            }
            Node::Array(items) => {
                let items: Vec<_> = items.iter().collect();
                self.list(['[', ']'], &items, depth, out, |item, out| {
                    self.write(item, depth + 1, out);
                });
            }
            Node::Text(text) => self.text(text, out),
            Node::Other(token) => out.push_str(token),
        }
    }

    fn list<T: Copy>(
        &self,
        [open, close]: [char; 2],
        items: &[T],
        depth: usize,
        out: &mut String,
        mut write: impl FnMut(T, &mut String),
    ) {
        out.push(open);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push(',');
                if matches!(self.space, Space::AfterSeparators) {
                    out.push(' ');
                }
            }
            self.break_line(depth + 1, out);
            write(*item, out);
        }
        if !items.is_empty() {
            self.break_line(depth, out);
        }
        out.push(close);
    }

    fn break_line(&self, depth: usize, out: &mut String) {
        if let Space::Indented(width) = self.space {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', width * depth));
        }
    }

    fn text(&self, text: &str, out: &mut String) {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '/' if self.escapes_slash() => out.push_str("\\/"),
                c if c < ' ' || self.escapes(c) => escape(c, out),
                c => out.push(c),
            }
        }
        out.push('"');
    }

    fn escapes_slash(&self) -> bool {
        matches!(self.escapes, Escapes::Slash | Escapes::NotAsciiAndSlash)
    }

    fn escapes(&self, c: char) -> bool {
        match self.escapes {
            Escapes::None | Escapes::Slash => false,
            Escapes::NotAscii | Escapes::NotAsciiAndSlash => !c.is_ascii(),
            Escapes::Html => matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'),
        }
    }
}

fn escape(c: char, out: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\u{unit:04x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_written_in_the_ways_of_known_libraries() {
        let json = r#"{"b": [1.00, {"x":null}], "a":"退/<"}"#;
        let ways = ways(json.as_bytes());
        for (expected, words) in [
            (
                r#"{"b":[1.00,{"x":null}],"a":"退/<"}"#,
                "without white space",
            ),
            (
                r#"{"b": [1.00, {"x": null}], "a": "\u9000/<"}"#,
                "with a space after each : and ,, other scripts as \\u escapes",
            ),
            (
                r#"{"b":[1.00,{"x":null}],"a":"\u9000\/<"}"#,
                "without white space, other scripts as \\u escapes and / as \\/",
            ),
            (
                r#"{"b":[1.00,{"x":null}],"a":"退/\u003c"}"#,
                "without white space, < > & as \\u escapes",
            ),
            (
                r#"{"a":"退/<","b":[1.00,{"x":null}]}"#,
                "without white space, members in order of their names",
            ),
            (
                "{\n  \"b\": [\n    1.00,\n    {\n      \"x\": null\n    }\n  ],\n  \"a\": \"退/<\"\n}",
                "indented by two spaces",
            ),
        ] {
            let found = ways.iter().find(|(_, text)| text == expected.as_bytes());
            assert_eq!(
                found.map(|(words, _)| words.as_str()),
                Some(words),
                "{expected}"
            );
        }
        assert!(ways.iter().all(|(_, text)| text != json.as_bytes()));
    }

    #[test]
    fn what_is_no_json_cannot_be_written_again() {
        for text in ["", "x=1", "{", "[1,", "\u{feff}{}"] {
            assert!(ways(text.as_bytes()).is_empty(), "{text}");
        }
    }
}
