//! The socket of a connection: bounds the memory that a request takes.
//!
//! The framework reads ahead, up to 128 KiB, keeps a head until its response is sent, and hands a body over in
//! pieces. On every connection this would be half a gigabyte. So only the first 16 KiB of a request are read
//! freely. For more, a connection takes one of few slots for large requests, and ends with the response. Where
//! no such slot is left, the connection that has waited longest is evicted. What a peer sends while its request
//! is served stays in the buffers of the system, and so do requests of a peer that does not read responses.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use memchr::memchr;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connections::{Connections, SlotGuard};
use super::unread_head::HeadWatch;

/// A connection's socket.
pub struct Socket {
    io: TcpStream,
    guard: Option<Arc<SlotGuard>>,
    /// Read, but not handed to the framework yet.
    rest: Vec<u8>,
    version: Version,
    heads: HeadWatch,
}

impl Socket {
    pub fn new(io: TcpStream, connections: &Arc<Connections>, heads: HeadWatch) -> Self {
        let guard = connections.admit(&io);
        Self {
            io,
            guard,
            rest: Vec::new(),
            version: Version::default(),
            heads,
        }
    }

    /// Lets requests find the slot of their connection.
    pub fn note_slot(&self, data: &mut Extensions) {
        if let Some(guard) = &self.guard {
            data.insert(Arc::clone(guard));
        }
    }

    /// Ready with the error once the peer has reset the connection, while nothing may be read. The framework drops
    /// the handler then. A peer that has closed its sending side may still read the response.
    fn poll_reset(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.io.poll_read_ready(context).is_ready()
            && let Some(error) = self.io.take_error()?
        {
            return Poll::Ready(Err(error));
        }
        Poll::Pending
    }

    /// Reads what was put back, else from the connection.
    fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            return Pin::new(&mut self.io).poll_read(context, buffer);
        }
        let length = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest[..length]);
        self.rest.drain(..length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(guard) = self.guard.clone() else {
            return self.poll_fill(context, buffer);
        };
        if guard.poll_capacity(context).is_pending() {
            return self.poll_reset(context);
        }
        let before = buffer.filled().len();
        ready!(self.poll_fill(context, buffer))?;
        let read = &buffer.filled()[before..];
        let taken = self.version.up_to(read, || guard.begin());
        if taken < read.len() {
            let rest = read[taken..].to_vec();
            self.rest.splice(..0, rest);
            buffer.set_filled(before + taken);
            if taken == 0 {
                guard.park(context);
                return Poll::Pending;
            }
        }
        guard.has_read(taken);
        self.heads.has_read(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

/// Finds where requests begin: the first line of each has this text, and little else has.
#[derive(Default)]
struct Version {
    /// Characters of it at the end of the last piece.
    matched: usize,
}

impl Version {
    const TEXT: &[u8] = b" HTTP/1.";

    /// Length of this piece up to the first request that may not begin.
    fn up_to(&mut self, piece: &[u8], mut begins: impl FnMut() -> bool) -> usize {
        let mut at = 0;
        while let Some(end) = self.find(piece, at) {
            if !begins() {
                // Its last character is left for the next read, and completes the match again.
                self.matched = Self::TEXT.len() - 1;
                return end - 1;
            }
            at = end;
        }
        piece.len()
    }

    /// The end of the next match.
    fn find(&mut self, piece: &[u8], mut at: usize) -> Option<usize> {
        while at < piece.len() {
            if self.matched == 0 {
                at += memchr(Self::TEXT[0], &piece[at..])? + 1;
                self.matched = 1;
            } else if piece[at] == Self::TEXT[self.matched] {
                at += 1;
                self.matched += 1;
                if self.matched == Self::TEXT.len() {
                    self.matched = 0;
                    return Some(at);
                }
            } else {
                // The first character of the text is not in it again, so a match can begin only with this one.
                self.matched = 0;
            }
        }
        None
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(guard) = &self.guard {
            let is_of_handler = guard.has_response();
            self.heads.writes(bytes, is_of_handler);
        }
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(context))?;
        if let Some(guard) = &self.guard {
            guard.all_is_sent();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_found_however_the_pieces_are_cut() {
        let text = b"GET /a HTTP/1.1\r\n\r\nGET /  HTTP/1.0\r\n\r\n HTTP/2  HTTP/1 HTTP/1.GET / HTTP/1.1\r\n";
        for size in 1..text.len() {
            let (mut version, mut found) = (Version::default(), 0);
            let mut begins = || {
                found += 1;
                true
            };
            for piece in text.chunks(size) {
                assert_eq!(version.up_to(piece, &mut begins), piece.len());
            }
            assert_eq!(found, 4, "in pieces of {size}");
        }
    }

    #[test]
    fn what_is_one_too_many_begins_later() {
        let text = b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
        let mut version = Version::default();
        let mut may_begin = 1;
        let mut begins = |more: usize| {
            may_begin += more;
            let begins = may_begin > 0;
            may_begin -= usize::from(begins);
            begins
        };
        let taken = version.up_to(text, || begins(0));
        assert_eq!(&text[taken..], b".1\r\n\r\n");
        assert_eq!(version.up_to(&text[taken..], || begins(0)), 0);
        assert_eq!(
            version.up_to(&text[taken..], || begins(1)),
            text.len() - taken
        );
    }
}
