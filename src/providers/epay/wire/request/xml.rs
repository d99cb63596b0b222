//! Reading a report sent as XML.
//!
//! quick-xml finds tags and checks that they match; what makes a document of them is checked here:
//! one root of the right name, nothing around it but white space and comments, no document type,
//! no processing instruction, only entities that need no definition. Members may come in any order.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

use super::BodyFault;
use crate::providers::epay::wire::media::Charset;
use crate::providers::epay::wire::members::{Given, Member, Members};
use crate::providers::epay::{DEPTH_MAX, XML_REQUEST_NAMESPACE, XML_REQUEST_ROOT};

/// Most attributes of one element, namespace declarations included.
const ATTRIBUTES_MAX: usize = 32;

/// Collects the members of the document; `charset` is what its bytes really were.
pub(in crate::providers::epay) fn read(text: &str, charset: Charset) -> Result<Members, BodyFault> {
    let mut walker = Walker::new(text, charset);
    if text.trim().is_empty() {
        return Ok(Members::default());
    }
    let root = loop {
        match walker.next()? {
            Node::Open(element) => break element,
            Node::Comment => {}
            Node::Text(text) if is_blank(&text) => {}
            Node::Text(_) | Node::Close | Node::End => return Err(BodyFault::Xml),
        }
    };
    if !root.in_namespace || root.name != XML_REQUEST_ROOT {
        return Err(BodyFault::XmlRoot);
    }
    let mut members = walker.members()?;
    loop {
        match walker.next()? {
            Node::End => break,
            Node::Comment => {}
            Node::Text(text) if is_blank(&text) => {}
            Node::Text(_) | Node::Open(_) | Node::Close => return Err(BodyFault::Xml),
        }
    }
    if root.is_nil {
        members = Members::default();
    }
    Ok(members)
}

/// A document's next piece, without what is not needed.
enum Node {
    Open(Element),
    Close,
    Text(String),
    Comment,
    End,
}

struct Element {
    name: String,
    in_namespace: bool,
    is_nil: bool,
}

/// Goes through the document and rejects what is allowed in no part of it.
struct Walker<'a> {
    reader: NsReader<&'a [u8]>,
    charset: Charset,
    at_start: bool,
    depth: usize,
}

impl<'a> Walker<'a> {
    fn new(text: &'a str, charset: Charset) -> Self {
        let mut reader = NsReader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        Self {
            reader,
            charset,
            at_start: true,
            depth: 0,
        }
    }

    fn next(&mut self) -> Result<Node, BodyFault> {
        loop {
            let at_start = std::mem::replace(&mut self.at_start, false);
            let event = self.reader.read_event().map_err(|_| BodyFault::Xml)?;
            return match event {
                Event::Decl(declaration) if at_start => {
                    self.check_declaration(&declaration)?;
                    continue;
                }
                Event::Start(start) => self.open(&start).map(Node::Open),
                Event::End(_) => {
                    // quick-xml rejects an end without a start before it comes here.
                    self.depth = self.depth.saturating_sub(1);
                    Ok(Node::Close)
                }
                Event::Text(text) => Ok(Node::Text(text.xml10_content().into_owned())),
                Event::CData(_) | Event::GeneralRef(_) if self.depth == 0 => Err(BodyFault::Xml),
                Event::CData(text) => Ok(Node::Text(text.xml10_content().into_owned())),
                Event::GeneralRef(reference) => resolve(&reference).map(Node::Text),
                Event::Comment(_) => Ok(Node::Comment),
                Event::DocType(_) | Event::PI(_) => Err(BodyFault::XmlForbidden),
                Event::Eof => Ok(Node::End),
                // Empty elements are expanded, and a declaration is allowed at the start only.
                Event::Empty(_) | Event::Decl(_) => Err(BodyFault::Xml),
            };
        }
    }

    fn check_declaration(&self, declaration: &BytesDecl<'_>) -> Result<(), BodyFault> {
        if declaration.xml_version().ok() != Some(XmlVersion::Explicit1_0) {
            return Err(BodyFault::Xml);
        }
        match declaration.encoding() {
            None => Ok(()),
            Some(Ok(name)) if name.eq_ignore_ascii_case(self.charset.name()) => Ok(()),
            Some(_) => Err(BodyFault::XmlEncoding),
        }
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<Element, BodyFault> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(BodyFault::TooComplex);
        }
        let resolver = self.reader.resolver();
        for (index, attribute) in start.attributes().enumerate() {
            let attribute = attribute.map_err(|_| BodyFault::Xml)?;
            if index >= ATTRIBUTES_MAX {
                return Err(BodyFault::TooComplex);
            }
            let (namespace, _) = resolver.resolve_attribute(attribute.key);
            let value = attribute.normalized_value(XmlVersion::Explicit1_0);
            // quick-xml takes a `<` here, which no attribute may have.
            let is_wrong = value.is_err() || attribute.value.contains('<');
            if is_wrong || matches!(namespace, ResolveResult::Unknown(_)) {
                return Err(BodyFault::Xml);
            }
        }
        let (namespace, name) = resolver.resolve_element(start.name());
        let in_namespace = match namespace {
            ResolveResult::Bound(Namespace(namespace)) => namespace == XML_REQUEST_NAMESPACE,
            ResolveResult::Unbound => false,
            ResolveResult::Unknown(_) => return Err(BodyFault::Xml),
        };
        Ok(Element {
            name: name.as_ref().to_owned(),
            in_namespace,
            is_nil: start.attributes().has_nil(resolver),
        })
    }

    /// Reads the children of the root, up to and including its end.
    fn members(&mut self) -> Result<Members, BodyFault> {
        let mut members = Members::default();
        loop {
            match self.next()? {
                Node::Open(element) => {
                    let member = Member::named(&element.name).filter(|_| element.in_namespace);
                    let value = self.value()?;
                    if let Some(member) = member {
                        members.add(member, value.given(member, element.is_nil));
                    }
                }
                Node::Close => return Ok(members),
                Node::Comment => {}
                Node::Text(text) if is_blank(&text) => {}
                Node::Text(_) | Node::End => return Err(BodyFault::Xml),
            }
        }
    }

    /// Reads an element's content, up to and including its end.
    fn value(&mut self) -> Result<Value, BodyFault> {
        let level = self.depth;
        let mut value = Value::default();
        loop {
            match self.next()? {
                Node::Open(_) => value.has_children = true,
                Node::Close if self.depth < level => return Ok(value),
                Node::Close => {}
                Node::Text(text) => {
                    value.is_split |= value.is_interrupted && !is_blank(&text);
                    value.text.push_str(&text);
                }
                Node::Comment => value.is_interrupted = !is_blank(&value.text),
                Node::End => return Err(BodyFault::Xml),
            }
        }
    }
}

/// The content of an element.
#[derive(Default)]
struct Value {
    text: String,
    has_children: bool,
    /// A comment came after text.
    is_interrupted: bool,
    /// Text, a comment, and text again.
    is_split: bool,
}

impl Value {
    /// XML joins text across a comment. That is harmless for an identifier, but no person who reads
    /// `1<!-- -->2` sees twelve, so money must be in one piece.
    fn given(self, member: Member, is_nil: bool) -> Given {
        let torn = self.is_split && member == Member::Refundmoney;
        if is_nil {
            Given::Null
        } else if self.has_children || torn {
            Given::Unusable
        } else {
            Given::Text(self.text)
        }
    }
}

/// A character reference or one of the five names XML itself defines.
fn resolve(reference: &BytesRef<'_>) -> Result<String, BodyFault> {
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Ok(character.to_string()),
        Ok(None) => resolve_xml_entity(reference)
            .map(str::to_owned)
            .ok_or(BodyFault::Xml),
        Err(_) => Err(BodyFault::Xml),
    }
}

/// White space of XML, which is less than that of Unicode.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| matches!(c, ' ' | '\t' | '\r' | '\n'))
}
