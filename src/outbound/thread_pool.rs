//! Threads for calls that block, kept for the next call: a new one for each would have its memory cleared every time.
//! They end once the pool is dropped and their calls are done. They are not joined: a host that hangs must not hold up
//! the end of the process, as a thread of the runtime would.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

type Call = Box<dyn FnOnce() + Send>;

/// As many threads as there were calls at the same time.
pub struct ThreadPool {
    /// Of the threads.
    name: &'static str,
    calls: Sender<Call>,
    queue: Arc<Mutex<Receiver<Call>>>,
    under_way: Arc<AtomicUsize>,
    started: Mutex<usize>,
}

impl ThreadPool {
    /// Starts no thread yet.
    pub fn new(name: &'static str) -> Self {
        let (calls, queue) = channel();
        Self {
            name,
            calls,
            queue: Arc::new(Mutex::new(queue)),
            under_way: Arc::default(),
            started: Mutex::default(),
        }
    }

    /// Runs a call at once; `Err` where no thread can be started, and then it does not run.
    pub fn run(&self, call: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let under_way = self.under_way.fetch_add(1, Ordering::AcqRel) + 1;
        if let Err(error) = self.start(under_way) {
            self.under_way.fetch_sub(1, Ordering::AcqRel);
            return Err(error);
        }
        // Cannot fail: the receiver lives as long as `self`.
        drop(self.calls.send(Box::new(call)));
        Ok(())
    }

    /// Sees to it that there are so many threads.
    fn start(&self, wanted: usize) -> io::Result<()> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        while *started < wanted {
            let (queue, under_way) = (Arc::clone(&self.queue), Arc::clone(&self.under_way));
            let thread = std::thread::Builder::new().name(format!("{}-{started}", self.name));
            thread.spawn(move || {
                while let Some(call) = next(&queue) {
                    if catch_unwind(AssertUnwindSafe(call)).is_err() {
                        tracing::error!("a call panicked; this is a bug");
                    }
                    under_way.fetch_sub(1, Ordering::AcqRel);
                }
            })?;
            *started += 1;
        }
        Ok(())
    }
}

fn next(queue: &Mutex<Receiver<Call>>) -> Option<Call> {
    let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.recv().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_at_the_same_time_have_a_thread_each_and_a_panic_costs_none() {
        let pool = ThreadPool::new("call");
        let (said, heard) = channel();
        pool.run(|| panic!("a bug")).unwrap();
        let (first_goes, first_waits) = channel::<()>();
        let first = said.clone();
        pool.run(move || {
            first_waits.recv().ok();
            first.send("first").unwrap();
        })
        .unwrap();
        pool.run(move || said.send("second").unwrap()).unwrap();
        assert_eq!(heard.recv(), Ok("second"));
        drop(first_goes);
        assert_eq!(heard.recv(), Ok("first"));
        assert!(*pool.started.lock().unwrap() <= 3);
    }
}
