//! Whose turn it is on a connection: the framework's, which reads and writes, or the handler's.

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// Progress of the present request and its response.
#[derive(Default)]
pub(super) struct Turn {
    pub received: AtomicUsize,
    /// Requests that were begun and have no response yet.
    pub begun: AtomicUsize,
    /// Whether the framework has polled what was read.
    pub is_looked_at: AtomicBool,
    /// Woken when the next request may be read.
    pub reader: Parked,
    /// Responses that are not in the send buffer of the system yet.
    pub unsent: AtomicUsize,
    /// Woken when they are.
    pub sender: Parked,
}

/// A task that another one wakes.
#[derive(Default)]
pub(super) struct Parked(Mutex<Option<Waker>>);

impl Parked {
    pub fn park(&self, context: &Context<'_>) {
        *self.waker() = Some(context.waker().clone());
    }

    pub fn wake(&self) {
        if let Some(waker) = self.waker().take() {
            waker.wake();
        }
    }

    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
