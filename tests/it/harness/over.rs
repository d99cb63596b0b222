//! What the helper threads of a test run until. It comes with the guard's end, by a panic, too: a test that fails
//! while its helpers go on would hang in place of failing.

use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by the test and its helpers.
#[derive(Debug, Default)]
pub struct Over(AtomicBool);

/// Ends the helpers when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct UntilDropped<'a>(&'a Over);

impl Over {
    /// Whether helpers end now.
    pub fn is_over(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Hold it while helpers have to work, inside the scope of their threads.
    pub const fn until_dropped(&self) -> UntilDropped<'_> {
        UntilDropped(self)
    }
}

impl Drop for UntilDropped<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::SeqCst);
    }
}
