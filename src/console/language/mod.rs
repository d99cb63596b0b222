//! English and Chinese: the words of the pages, and how times are written.

pub(super) mod lang;
pub(super) mod text;
pub(super) mod when;
pub(super) mod words;
