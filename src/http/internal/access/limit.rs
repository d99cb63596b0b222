//! Rate limit of a reader ([`Rate`]), with one word of state per reader, and its header fields
//! (draft-ietf-httpapi-ratelimit-headers-09).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::config::RateLimit;
use crate::domain::rate::{Rate, nanos};

/// The name of the policy in the header fields and in the problem.
pub const POLICY: &str = "reader";

/// The rate limiter of one reader.
#[derive(Debug)]
pub struct Limiter {
    limit: RateLimit,
    /// Nanoseconds since the start, of the same clock as `now`.
    free_at: AtomicU64,
}

/// What is left of the rate limit after one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    limit: RateLimit,
    /// Requests that could follow at once.
    remaining: u64,
    /// Seconds until the whole quota is free again, rounded up.
    reset_seconds: u64,
    /// Seconds after which the next request is accepted; 0 if this one was.
    pub retry_after_seconds: u64,
}

impl Limiter {
    pub const fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            free_at: AtomicU64::new(0),
        }
    }

    pub const fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Accepts one request at `now`, a time since a fixed start; `Err` if it exceeds the limit.
    pub fn take(&self, now: Duration) -> Result<Allowance, Allowance> {
        let now = nanos(now);
        let window = Duration::from_secs(self.limit.window_seconds.into());
        let rate = Rate::new(window / self.limit.requests, window);
        let mut taken = Err(Duration::ZERO);
        let before = self
            .free_at
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |free_at| {
                taken = rate.take(free_at, now);
                taken.ok()
            });
        let (Ok(before) | Err(before)) = before;
        let (free_at, wait) = match taken {
            Ok(next) => (next, Duration::ZERO),
            Err(wait) => (before, wait),
        };
        let allowance = Allowance {
            limit: self.limit,
            remaining: rate.remaining(free_at, now),
            reset_seconds: seconds_up(free_at.saturating_sub(now)),
            retry_after_seconds: seconds_up(nanos(wait)),
        };
        if wait.is_zero() {
            Ok(allowance)
        } else {
            Err(allowance)
        }
    }
}

impl Allowance {
    /// Adds `RateLimit-Policy` and `RateLimit`.
    pub fn show(&self, headers: &mut HeaderMap) {
        let (quota, window) = (self.limit.requests, self.limit.window_seconds);
        let (remaining, reset) = (self.remaining, self.reset_seconds);
        for (name, value) in [
            (
                "ratelimit-policy",
                format!("\"{POLICY}\";q={quota};w={window}"),
            ),
            ("ratelimit", format!("\"{POLICY}\";r={remaining};t={reset}")),
        ] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

fn seconds_up(nanos: u64) -> u64 {
    nanos.div_ceil(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes one request at this many milliseconds: whether it was taken, what remains, when all is
    /// free again, when to try again.
    fn take(limiter: &Limiter, millis: u64) -> (bool, u64, u64, u64) {
        let taken = limiter.take(Duration::from_millis(millis));
        let (Ok(a) | Err(a)) = taken;
        (
            taken.is_ok(),
            a.remaining,
            a.reset_seconds,
            a.retry_after_seconds,
        )
    }

    #[test]
    fn a_quota_can_be_used_at_once_and_comes_back_bit_by_bit() {
        let limiter = Limiter::new(RateLimit {
            requests: 2,
            window_seconds: 60,
        });
        for (millis, expected) in [
            (1_000, (true, 1, 30, 0)),
            (1_000, (true, 0, 60, 0)),
            (1_000, (false, 0, 60, 30)),
            (30_999, (false, 0, 31, 1)),
            (31_000, (true, 0, 60, 0)),
            (31_000, (false, 0, 60, 30)),
            (200_000, (true, 1, 30, 0)),
        ] {
            assert_eq!(take(&limiter, millis), expected, "at {millis} ms");
        }
    }

    #[test]
    fn no_more_than_the_quota_is_taken_by_many_at_once() {
        let limiter = Limiter::new(RateLimit {
            requests: 100,
            window_seconds: 1,
        });
        let taken: usize = std::thread::scope(|scope| {
            let all = [(); 8]
                .map(|()| scope.spawn(|| (0..50).filter(|_| take(&limiter, 5_000).0).count()));
            all.map(|thread| thread.join().unwrap()).iter().sum()
        });
        assert_eq!(taken, 100);
    }
}
