//! What this process knows of its database: which server takes writes, or that none does, and whether commits
//! reach a second machine. The listener keeps it; a thread that is about to connect or to wait asks here
//! first.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// Longest time that what is under way is waited for once the store closes.
const CLOSING_MAX: Duration = Duration::from_secs(3);

/// What is known.
#[derive(Debug)]
pub(in crate::store) struct Outlook {
    primary: watch::Sender<Primary>,
    closing: watch::Sender<bool>,
    seen: Mutex<Seen>,
}

/// Where writes are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Primary {
    /// Not known yet, or the server has no connection left.
    Unknown,
    /// By the server of this identity.
    Here(String),
    /// By none; why not.
    Away(String),
}

impl Primary {
    fn is_other_than(&self, server: &str) -> bool {
        matches!(self, Self::Here(here) if here != server)
    }
}

#[derive(Debug, Default)]
struct Seen {
    /// The last server that took writes.
    server: Option<String>,
    failovers: u64,
    replication: Replication,
}

/// Whether commits wait for a second machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replication {
    /// They never did while this process looked.
    #[default]
    Unset,
    /// They do.
    Synchronous,
    /// They did, and do not any more.
    Lost,
}

impl Default for Outlook {
    fn default() -> Self {
        Self {
            primary: watch::Sender::new(Primary::Unknown),
            closing: watch::Sender::new(false),
            seen: Mutex::default(),
        }
    }
}

impl Outlook {
    /// This server takes writes.
    pub(super) fn found(&self, server: &str) {
        let mut seen = self.lock();
        let before = seen.server.replace(server.to_owned());
        if before.as_ref().is_some_and(|before| before != server) {
            seen.failovers += 1;
            tracing::warn!(
                server,
                "another database server takes writes, or the same was started again"
            );
        }
        drop(seen);
        self.primary.send_if_modified(|primary| {
            let found = Primary::Here(server.to_owned());
            let is_news = *primary != found;
            *primary = found;
            is_news
        });
    }

    /// No server takes writes.
    pub(super) fn lost(&self, why: String) {
        self.primary.send_replace(Primary::Away(why));
    }

    /// Whether one does is for each to find out.
    pub(super) fn forget(&self) {
        self.primary.send_replace(Primary::Unknown);
    }

    /// Why connecting is not worth trying, where that is known.
    pub(super) fn away(&self) -> Option<String> {
        match &*self.primary.borrow() {
            Primary::Away(why) => Some(why.clone()),
            Primary::Unknown | Primary::Here(_) => None,
        }
    }

    /// Notes for which standbys commits wait.
    pub(super) fn replicates_to(&self, standbys: &str) {
        let mut seen = self.lock();
        let before = seen.replication;
        seen.replication = match (standbys.is_empty(), before) {
            (false, _) => Replication::Synchronous,
            (true, Replication::Unset) => Replication::Unset,
            (true, _) => Replication::Lost,
        };
        match (before, seen.replication) {
            (Replication::Synchronous, Replication::Lost) => tracing::error!(
                "commits do not wait for a standby any more: what is acknowledged is on one machine"
            ),
            (Replication::Lost, Replication::Synchronous) => {
                tracing::info!(standbys, "commits wait for a standby again");
            }
            _ => {}
        }
    }

    /// Whether commits wait for a second machine.
    pub(in crate::store) fn replication(&self) -> Replication {
        self.lock().replication
    }

    /// The server that takes writes, or did the last time, and how often it was another one.
    pub(in crate::store) fn server(&self) -> (Option<String>, u64) {
        let seen = self.lock();
        (seen.server.clone(), seen.failovers)
    }

    /// The store closes: nothing is waited for without end.
    pub(in crate::store) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Whether another server than this takes writes.
    pub(super) fn is_elsewhere(&self, server: &str) -> bool {
        self.primary.borrow().is_other_than(server)
    }

    /// Returns once waiting for this server is pointless.
    pub(super) async fn gives_up(&self, server: &str) {
        let elsewhere = |primary: &Primary| primary.is_other_than(server);
        let (mut primary, mut closing) = (self.primary.subscribe(), self.closing.subscribe());
        let closed = async {
            // An error would mean that this is gone, and it is borrowed.
            drop(closing.wait_for(|closing| *closing).await);
            tokio::time::sleep(CLOSING_MAX).await;
        };
        tokio::select! {
            _ = primary.wait_for(elsewhere) => {}
            () = closed => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_was_synchronous_is_told_apart_from_one_that_never_was() {
        let outlook = Outlook::default();
        for (standbys, expected) in [
            ("", Replication::Unset),
            ("second", Replication::Synchronous),
            ("", Replication::Lost),
            ("third", Replication::Synchronous),
        ] {
            outlook.replicates_to(standbys);
            assert_eq!(outlook.replication(), expected, "{standbys}");
        }
    }

    #[test]
    fn a_server_is_another_one_only_when_there_was_one() {
        let outlook = Outlook::default();
        outlook.found("one");
        outlook.lost("gone".to_owned());
        assert_eq!(outlook.away().as_deref(), Some("gone"));
        outlook.found("one");
        assert_eq!(outlook.server(), (Some("one".to_owned()), 0));
        outlook.found("two");
        assert_eq!(outlook.server(), (Some("two".to_owned()), 1));
        assert_eq!(outlook.away(), None);
    }
}
