//! Requests in every shape that framing allows or forbids, and how each is answered: by the service,
//! by the service behind nginx, and behind `HAProxy`. A proxy may reject what the service would accept,
//! or clean up what the service would reject; it may never make two requests of one.

mod framing;
mod heads;

use super::wire::Bent;

/// One shape. Answers are status codes with blanks between; a final dot means that the connection is
/// closed behind them.
pub struct Shape {
    pub name: &'static str,
    pub refund_no: String,
    pub bytes: Vec<u8>,
    pub direct: &'static str,
    pub nginx: &'static str,
    pub haproxy: &'static str,
}

/// Refund number of the request that hides in others.
pub const HIDDEN: &str = "R-hidden";

/// Collects shapes and numbers their refunds.
struct Table(Vec<Shape>);

impl Table {
    /// A shape that all three answer alike.
    fn row(&mut self, name: &'static str, direct: &'static str, bend: impl Fn(Bent) -> Bent) {
        self.mixed(
            name,
            [
                direct,
                direct.trim_end_matches('.'),
                direct.trim_end_matches('.'),
            ],
            bend,
        );
    }

    /// A shape with an answer of its own by the service, by nginx and by `HAProxy`.
    fn mixed(
        &mut self,
        name: &'static str,
        [direct, nginx, haproxy]: [&'static str; 3],
        bend: impl Fn(Bent) -> Bent,
    ) {
        let refund_no = format!("R-{}", self.0.len());
        let bytes = bend(Bent::notice(&refund_no)).bytes();
        self.0.push(Shape {
            name,
            refund_no,
            bytes,
            direct,
            nginx,
            haproxy,
        });
    }
}

/// All of them.
pub fn shapes() -> Vec<Shape> {
    let mut table = Table(Vec::new());
    framing::lengths(&mut table);
    framing::transfer_encodings(&mut table);
    framing::chunks(&mut table);
    heads::heads(&mut table);
    heads::hosts(&mut table);
    heads::lines(&mut table);
    heads::paths(&mut table);
    heads::asks(&mut table);
    heads::sizes(&mut table);
    table.0
}

/// A whole good request that must never be taken for one.
fn hidden() -> Vec<u8> {
    Bent::notice(HIDDEN).host().length().bytes()
}
