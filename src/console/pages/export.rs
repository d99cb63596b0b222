//! A list as CSV (RFC 4180): the rows of its page in the same order, to their end or up to a limit.

use std::future::Future;

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use futures_util::{StreamExt as _, stream};

use crate::store::StoreError;

/// Rows of one file.
pub const ROWS_MAX: u32 = 10_000;
/// Rows of each read for it.
pub const STEP: u32 = 200;

/// A list that is read at once.
pub fn whole(name: &str, head: &str, lines: impl Iterator<Item = String>) -> HttpResponse {
    let text: String = lines.take(ROWS_MAX as usize).collect();
    answer(name).body(format!("{head}\n{text}"))
}

/// A list that is sent as it is read, up to the limit. `step` gives the next lines, and where it goes on behind them.
pub fn streamed<S, F, R>(name: &str, head: &str, first: S, step: F) -> HttpResponse
where
    S: 'static,
    F: Fn(S) -> R + 'static,
    R: Future<Output = Result<(Vec<String>, Option<S>), StoreError>> + 'static,
{
    let head = Bytes::from(format!("{head}\n"));
    let head = stream::once(async { Ok::<_, StoreError>(head) });
    let start = (Some(first), ROWS_MAX as usize, step);
    let lines = stream::try_unfold(start, |(state, left, step)| async move {
        let Some(state) = state.filter(|_| left > 0) else {
            return Ok(None);
        };
        let (mut lines, next) = step(state).await?;
        lines.truncate(left);
        let left = left - lines.len();
        Ok(Some((Bytes::from(lines.concat()), (next, left, step))))
    });
    answer(name).streaming(head.chain(lines))
}

fn answer(name: &str) -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    let disposition = format!("attachment; filename=\"{name}.csv\"");
    answer
        .content_type("text/csv; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, disposition));
    answer
}

/// One row.
pub fn line<const N: usize>(fields: [String; N]) -> String {
    let mut line = fields.map(|field| escaped(&field)).join(",");
    line.push('\n');
    line
}

/// Quoted where it must be; what a spreadsheet would take for a formula begins with an apostrophe.
fn escaped(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_no_formula_and_ends_where_it_ends() {
        assert_eq!(escaped("R-1"), "R-1");
        assert_eq!(escaped("=1+1"), "'=1+1");
        assert_eq!(escaped("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
