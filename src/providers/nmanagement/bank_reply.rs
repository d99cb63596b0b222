//! The XML that the bank's client program answers with: GB18030, one `TX`, members in any order. No document
//! type, no processing instruction, only entities that need no definition.

use std::collections::BTreeMap;

use encoding_rs::GB18030;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};
use quick_xml::reader::Reader;

/// Most refunds of one page; a reply has 64 KiB at most.
const LIST_MAX: usize = 500;
const ROOT: &str = "TX";
const INFO: &str = "TX_INFO";
const LIST: &str = "LIST";

/// Members and their texts.
pub(super) type Members = BTreeMap<String, String>;

/// A reply, not judged.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct BankReply {
    /// `RETURN_CODE` and the like.
    pub head: Members,
    /// `TPAGE` and the like.
    pub info: Members,
    /// One refund each.
    pub list: Vec<Members>,
}

/// Reads a whole reply; `None` for anything but the documented shape.
pub(super) fn read(body: &[u8]) -> Option<BankReply> {
    let text = GB18030.decode_without_bom_handling_and_without_replacement(body)?;
    let mut reader = Reader::from_str(&text);
    reader.config_mut().expand_empty_elements = true;
    let mut reply = BankReply::default();
    let mut path: Vec<String> = Vec::new();
    let mut infos = 0;
    let mut value = String::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                path.push(start.name().as_ref().to_owned());
                value.clear();
                if !matches!(
                    names(&path).as_slice(),
                    [ROOT] | [ROOT, _] | [ROOT, INFO, _] | [ROOT, INFO, LIST, _]
                ) {
                    return None;
                }
                match names(&path).as_slice() {
                    [ROOT, INFO] => infos += 1,
                    [ROOT, INFO, LIST] => reply.list.push(Members::new()),
                    _ => {}
                }
                if infos > 1 || reply.list.len() > LIST_MAX {
                    return None;
                }
            }
            Event::End(_) => {
                reply.take(&path, value.trim())?;
                path.pop();
                value.clear();
                // What follows the end of the message is none of it.
                if path.is_empty() {
                    return Some(reply);
                }
            }
            Event::Text(text) => value.push_str(&text.xml10_content()),
            Event::CData(text) => value.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => value.push_str(&resolve(&reference)?),
            Event::Decl(_) | Event::Comment(_) => {}
            Event::DocType(_) | Event::PI(_) | Event::Empty(_) | Event::Eof => return None,
        }
    }
}

impl BankReply {
    /// Keeps the text of a member; `None` where it comes twice.
    fn take(&mut self, path: &[String], value: &str) -> Option<()> {
        let (members, name) = match names(path).as_slice() {
            [ROOT] | [ROOT, INFO] | [ROOT, INFO, LIST] => return Some(()),
            [ROOT, name] => (&mut self.head, *name),
            [ROOT, INFO, name] => (&mut self.info, *name),
            [ROOT, INFO, LIST, name] => (self.list.last_mut()?, *name),
            _ => return None,
        };
        let earlier = members.insert(name.to_owned(), value.to_owned());
        earlier.is_none().then_some(())
    }
}

fn names(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

/// A character reference or one of the five names XML itself defines.
fn resolve(reference: &BytesRef<'_>) -> Option<String> {
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Some(character.to_string()),
        Ok(None) => resolve_xml_entity(reference).map(str::to_owned),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_kept_by_where_they_are() {
        let text = "<?xml version=\"1.0\" encoding=\"GB18030\"?>\n<TX> <RETURN_CODE>000000</RETURN_CODE>\
                    <RETURN_MSG>成功&amp;&#65;</RETURN_MSG><TX_INFO><TPAGE>1</TPAGE>\
                    <LIST><STATUS> 1 </STATUS><REM1/></LIST><LIST><STATUS>0</STATUS></LIST></TX_INFO></TX>\0";
        let (bytes, _, _) = GB18030.encode(text);
        assert_ne!(&*bytes, text.as_bytes());
        let reply = read(&bytes).unwrap();
        assert_eq!(reply.head["RETURN_CODE"], "000000");
        assert_eq!(reply.head["RETURN_MSG"], "成功&A");
        assert_eq!(reply.info["TPAGE"], "1");
        assert_eq!(reply.list[0]["STATUS"], "1");
        assert_eq!(reply.list[0]["REM1"], "");
        assert_eq!(reply.list[1]["STATUS"], "0");
    }

    #[test]
    fn anything_else_is_no_reply() {
        for bad in [
            "",
            "<html/>",
            "<TX>",
            "<TX><A>1</B></TX>",
            "<TX><A>1</A><A>2</A></TX>",
            "<TX><A><B>1</B></A></TX>",
            "<TX><TX_INFO><A><B>1</B></A></TX_INFO></TX>",
            "<TX><TX_INFO><LIST><A><B>1</B></A></LIST></TX_INFO></TX>",
            "<TX><TX_INFO></TX_INFO><TX_INFO></TX_INFO></TX>",
            "<!DOCTYPE TX [<!ENTITY a \"b\">]><TX><A>&a;</A></TX>",
            "<TX><A>&a;</A></TX>",
            "<TX><?x?></TX>",
        ] {
            assert_eq!(read(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(read(b"<TX><A>\xff\xff</A></TX>"), None);
        let many = "<LIST></LIST>".repeat(LIST_MAX + 1);
        let text = format!("<TX><TX_INFO>{many}</TX_INFO></TX>");
        assert_eq!(read(text.as_bytes()), None);
    }
}
