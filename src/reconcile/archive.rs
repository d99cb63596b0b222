//! Files as providers send them: a zip with one file, a gzip, or plain. Unpacked while it is read, so a file takes
//! no memory however large it becomes, and ends with an error where it is not what its directory says.

use std::io::{BufReader, Error, ErrorKind, Read, Seek, SeekFrom};

use flate2::Crc;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder};

const LOCAL: &[u8; 4] = b"PK\x03\x04";
const ENTRY: &[u8; 4] = b"PK\x01\x02";
const END: &[u8; 4] = b"PK\x05\x06";
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The end of the directory is so long, and a comment may follow.
const END_LENGTH: u64 = 22;
const COMMENT_MAX: u64 = 65_535;
/// The directory of a file of a provider is short.
const DIRECTORY_MAX: u32 = 1024 * 1024;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// The flag of an encrypted file.
const ENCRYPTED: u16 = 1;

/// One file of a zip.
struct Entry {
    name: String,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    size: u32,
    offset: u32,
}

/// The content of a file, unpacked where it is packed.
pub fn open<F: Read + Seek + 'static>(mut file: F) -> std::io::Result<Box<dyn Read>> {
    let mut first = Vec::new();
    file.by_ref().take(4).read_to_end(&mut first)?;
    if first.starts_with(LOCAL) || first.starts_with(END) {
        return zip(file);
    }
    file.rewind()?;
    if first.starts_with(&GZIP) {
        return Ok(Box::new(MultiGzDecoder::new(BufReader::new(file))));
    }
    Ok(Box::new(file))
}

fn broken(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidData, why.into())
}

fn zip<F: Read + Seek + 'static>(mut file: F) -> std::io::Result<Box<dyn Read>> {
    let mut entries = directory(&mut file)?;
    // What a Mac adds is no file of the provider.
    entries.retain(|entry| !entry.name.ends_with('/') && !entry.name.starts_with("__MACOSX/"));
    let names: Vec<_> = entries.iter().map(|entry| entry.name.clone()).collect();
    let entry = match entries.pop() {
        Some(entry) if entries.is_empty() => entry,
        Some(_) => {
            let (count, names) = (names.len(), names.join(", "));
            return Err(broken(format!(
                "the zip holds {count} files: {names}; unpack it, and give the one to compare"
            )));
        }
        None => return Err(broken("the zip holds no file")),
    };
    if entry.flags & ENCRYPTED != 0 {
        return Err(broken("the zip is encrypted; unpack it first"));
    }
    if [entry.packed, entry.size, entry.offset].contains(&u32::MAX) {
        return Err(broken("the zip holds more than 4 GiB; unpack it first"));
    }
    file.seek(SeekFrom::Start(entry.offset.into()))?;
    let mut head = [0; 30];
    file.read_exact(&mut head)?;
    if !head.starts_with(LOCAL) {
        return Err(broken("the zip's directory names a place where no file is"));
    }
    let behind = i64::from(short(&head, 26)) + i64::from(short(&head, 28));
    file.seek(SeekFrom::Current(behind))?;
    let packed = BufReader::new(file).take(entry.packed.into());
    let content: Box<dyn Read> = match entry.method {
        STORED => Box::new(packed),
        DEFLATED => Box::new(DeflateDecoder::new(BufReader::new(packed))),
        other => {
            return Err(broken(format!(
                "the zip is packed by method {other}; unpack it first"
            )));
        }
    };
    Ok(Box::new(Checked {
        content,
        left: entry.size,
        wanted: entry.crc,
        crc: Crc::new(),
    }))
}

fn directory<F: Read + Seek>(file: &mut F) -> std::io::Result<Vec<Entry>> {
    let length = file.seek(SeekFrom::End(0))?;
    let start = length.saturating_sub(END_LENGTH + COMMENT_MAX);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let at = tail
        .windows(4)
        .rposition(|four| four == END)
        .filter(|at| tail.len() - at >= 22)
        .ok_or_else(|| broken("the zip ends too early: it has no directory"))?;
    let (size, offset) = (long(&tail, at + 12), long(&tail, at + 16));
    if size > DIRECTORY_MAX {
        return Err(broken("the zip's directory is too long; unpack it first"));
    }
    file.seek(SeekFrom::Start(offset.into()))?;
    let mut bytes = Vec::new();
    file.by_ref().take(size.into()).read_to_end(&mut bytes)?;
    let mut entries = Vec::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        if rest.len() < 46 || !rest.starts_with(ENTRY) {
            return Err(broken("the zip's directory cannot be read"));
        }
        let name = usize::from(short(rest, 28));
        let behind = usize::from(short(rest, 30)) + usize::from(short(rest, 32));
        let (head, more) = rest.split_at(46);
        if more.len() < name + behind {
            return Err(broken("the zip's directory cannot be read"));
        }
        entries.push(Entry {
            name: String::from_utf8_lossy(&more[..name]).into_owned(),
            flags: short(head, 8),
            method: short(head, 10),
            crc: long(head, 16),
            packed: long(head, 20),
            size: long(head, 24),
            offset: long(head, 42),
        });
        rest = &more[name + behind..];
    }
    Ok(entries)
}

/// Little-endian, at a place that is there.
fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from(short(bytes, at)) | u32::from(short(bytes, at + 2)) << 16
}

/// Content that has to be as long, and to have the sum, as the directory says.
struct Checked {
    content: Box<dyn Read>,
    left: u32,
    wanted: u32,
    crc: Crc,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.content.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            return if self.left == 0 && self.crc.sum() == self.wanted {
                Ok(0)
            } else {
                Err(broken("the zip is damaged: length or checksum differ"))
            };
        }
        self.crc.update(&buffer[..count]);
        let count_long = u32::try_from(count).ok();
        self.left = count_long
            .and_then(|count| self.left.checked_sub(count))
            .ok_or_else(|| broken("the zip is damaged: the file is longer than it says"))?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// One file, stored.
    fn stored() -> Vec<u8> {
        let content = b"a,b\n1,2\n";
        let mut crc = Crc::new();
        crc.update(content);
        let mut shared = vec![10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x58];
        for number in [crc.sum(), 8, 8] {
            shared.extend(number.to_le_bytes());
        }
        shared.extend([5, 0, 0, 0]);
        let mut zip = [&LOCAL[..], &shared, b"f.csv", content].concat();
        let offset = u32::try_from(zip.len()).unwrap();
        zip.extend([&ENTRY[..], &[30, 3], &shared, &[0; 14], b"f.csv"].concat());
        let size = u32::try_from(zip.len()).unwrap() - offset;
        zip.extend([&END[..], &[0, 0, 0, 0, 1, 0, 1, 0]].concat());
        zip.extend(size.to_le_bytes());
        zip.extend(offset.to_le_bytes());
        zip.extend([0, 0]);
        zip
    }

    fn text(bytes: Vec<u8>) -> std::io::Result<String> {
        let mut text = String::new();
        open(Cursor::new(bytes))?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn a_zip_a_gzip_and_a_plain_file_say_the_same() {
        let plain = "a,b\n1,2\n";
        assert_eq!(text(plain.as_bytes().to_vec()).unwrap(), plain);
        assert_eq!(text(stored()).unwrap(), plain);
        let mut gzip = Vec::new();
        let mut encoder =
            flate2::read::GzEncoder::new(plain.as_bytes(), flate2::Compression::fast());
        encoder.read_to_end(&mut gzip).unwrap();
        assert_eq!(text(gzip).unwrap(), plain);
        assert_eq!(text(b"PK".to_vec()).unwrap(), "PK");
        assert_eq!(text(Vec::new()).unwrap(), "");
    }

    #[test]
    fn damage_anywhere_is_an_error_or_does_no_harm() {
        let good = stored();
        for at in 0..good.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= flip;
                // A time, a name, a version: nothing that counts. It must not panic.
                if let Ok(text) = text(bad) {
                    let is_plain_now = at < 4;
                    assert!(text == "a,b\n1,2\n" || is_plain_now, "{at}");
                }
            }
            assert!(at < 4 || text(good[..at].to_vec()).is_err(), "{at}");
        }
    }
}
