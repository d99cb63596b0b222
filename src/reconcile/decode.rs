//! The bytes of a file as UTF-8, whatever it is written in. What cannot be decoded becomes U+FFFD, which no
//! number may hold. Ends with a line break, and gives up on a row without an end.

use std::cell::Cell;
use std::io::{BufRead, ErrorKind, Read};
use std::rc::Rc;

use encoding_rs::{Decoder, Encoding};

/// Bytes read at a time.
const CHUNK: usize = 8 * 1024;
/// Longest row, in bytes of UTF-8. An open quote would make one row of the rest of the file.
const ROW_MAX: usize = 1024 * 1024;

/// Bytes handed on since the last row began.
pub type SinceRow = Rc<Cell<usize>>;

pub struct Utf8Reader<R> {
    inner: R,
    decoder: Decoder,
    decoded: Vec<u8>,
    /// How much of `decoded` is handed on.
    at: usize,
    last_byte: u8,
    /// The last chunk ended with a CR, which may be half of a line break.
    has_cr: bool,
    has_ended: bool,
    since_row: SinceRow,
}

impl<R: Read> Utf8Reader<R> {
    pub fn new(inner: R, encoding: &'static Encoding, since_row: SinceRow) -> Self {
        Self {
            inner,
            decoder: encoding.new_decoder_with_bom_removal(),
            decoded: Vec::new(),
            at: 0,
            last_byte: b'\n',
            has_cr: false,
            has_ended: false,
            since_row,
        }
    }

    fn fill(&mut self) -> std::io::Result<()> {
        let mut chunk = [0; CHUNK];
        let read = loop {
            match self.inner.read(&mut chunk) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.has_ended = read == 0;
        let needed = self.decoder.max_utf8_buffer_length(read);
        self.decoded.clear();
        self.decoded.resize(needed.unwrap_or(CHUNK * 4), 0);
        let (_, _, written, _) =
            self.decoder
                .decode_to_utf8(&chunk[..read], &mut self.decoded, self.has_ended);
        self.decoded.truncate(written);
        self.shorten_breaks();
        self.at = 0;
        self.last_byte = self.decoded.last().copied().unwrap_or(self.last_byte);
        if self.has_ended && self.last_byte != b'\n' {
            self.decoded.push(b'\n');
        }
        Ok(())
    }

    /// Makes LF of CR LF: the reader of rows takes them for two, and would count lines wrong.
    fn shorten_breaks(&mut self) {
        let mut bytes = Vec::with_capacity(self.decoded.len() + 1);
        if self.has_cr {
            bytes.push(b'\r');
        }
        bytes.append(&mut self.decoded);
        self.has_cr = !self.has_ended && bytes.last() == Some(&b'\r');
        if self.has_cr {
            bytes.pop();
        }
        let is_kept = |at: usize| bytes[at] != b'\r' || bytes.get(at + 1) != Some(&b'\n');
        let kept = (0..bytes.len()).filter(|at| is_kept(*at));
        self.decoded = kept.map(|at| bytes[at]).collect();
    }
}

impl<R: Read> Read for Utf8Reader<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.at == self.decoded.len() && !self.has_ended {
            self.fill()?;
        }
        let rest = &self.decoded[self.at..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        let since = self.since_row.get() + count;
        if since > ROW_MAX {
            let what = "a row is longer than 1 MiB; is a quote open, or should the map say quotes = false?";
            return Err(std::io::Error::new(ErrorKind::InvalidData, what));
        }
        self.since_row.set(since);
        Ok(count)
    }
}

/// Passes over a line, however long.
pub fn skip_line(reader: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffered = reader.fill_buf()?;
        let (count, is_over) = match buffered.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffered.len(), buffered.is_empty()),
        };
        reader.consume(count);
        if is_over {
            return Ok(());
        }
    }
}
