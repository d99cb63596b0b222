//! Group commit: queues, lanes and the threads that run batches of jobs in one transaction each.

pub mod batch;
pub mod capacity;
pub mod distribution;
pub mod health;
pub mod job;
pub mod lane;
pub mod queue;
pub mod stats;
pub mod writer;
