//! What is due of each account, and how much of it may begin: within its limits, and in one commit for all.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::Requests;
use super::accounts::AccountHealth;
use super::attempt::{Channel, lease};
use super::worker::PERIOD;
use crate::domain::claim::Account;
use crate::domain::request::{Request, State};
use crate::providers::outgoing::ApiAccount;
use crate::store::{Lane, Snapshot, StoreError};

/// Shortest time between two looks, where something is due that could not be taken.
const BUSY: Duration = Duration::from_millis(20);

/// What of an account may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Free,
    /// A pause is over, and no refund has shown yet that the balance suffices.
    OneByOne,
    Stopped,
}

/// What of an account may begin now.
struct Room {
    channel: Channel,
    health: Arc<AccountHealth>,
    /// Calls, taken from the budget.
    limit: usize,
    asks_only: bool,
}

impl Requests {
    /// Takes what is due; returns when to look again.
    pub(super) async fn look(
        self: &Arc<Self>,
        steps: &mut JoinSet<()>,
    ) -> Result<Duration, StoreError> {
        let apis = self.apis();
        if apis.is_empty() {
            return Ok(PERIOD);
        }
        let asked = Arc::clone(&apis);
        let of = move |snapshot: &mut Snapshot<'_>| {
            let next = asked.iter().map(|(of, _)| snapshot.next_request(of));
            let next = next.collect::<Result<Vec<_>, _>>()?;
            Ok((snapshot.stopped_accounts()?, next))
        };
        let (states, next) = self.store.read_own(of).await?;
        let now = self.clock.now();
        let (mut pause, mut rooms) = (PERIOD, Vec::new());
        for ((account, api), next) in apis.iter().zip(next) {
            let Some(next) = next else {
                continue;
            };
            let left = next.as_millis() - now.as_millis();
            if left > 0 {
                pause = pause.min(Duration::from_millis(left.unsigned_abs()));
                continue;
            }
            let state = states.iter().find(|state| state.account == *account);
            let sending = match state {
                None => Sending::Free,
                Some(state) if state.holds(now) => Sending::Stopped,
                Some(_) => Sending::OneByOne,
            };
            match self.room(account, api, sending) {
                Ok(room) => rooms.push(room),
                Err(again) => pause = pause.min(again),
            }
        }
        let leased = self.lease(&rooms).await?;
        for (room, leased) in rooms.into_iter().zip(leased) {
            pause = pause.min(self.begin(steps, room, leased));
        }
        Ok(pause)
    }

    /// How much of an account may begin now; where that is nothing, when to look again.
    fn room(
        &self,
        account: &Account,
        api: &Arc<ApiAccount>,
        sending: Sending,
    ) -> Result<Room, Duration> {
        let health = self.health(account, api);
        let exchanger = health.exchanger.clone().ok_or(PERIOD)?;
        let probe = match sending {
            Sending::OneByOne => health.probe(),
            Sending::Free | Sending::Stopped => None,
        };
        let asks_only = sending != Sending::Free && probe.is_none();
        let slots = health.free_slots(self.store.is_accepting_slowly());
        let limit = health.take(if probe.is_some() { slots.min(1) } else { slots });
        if limit == 0 {
            return Err(BUSY);
        }
        let channel = Channel {
            account: account.clone(),
            api: Arc::clone(api),
            exchanger,
            timetable: Arc::new(api.timetable()),
            probe: probe.map(Arc::new),
        };
        Ok(Room {
            channel,
            health,
            limit,
            asks_only,
        })
    }

    /// Leases what is due of each of these accounts, in one commit.
    async fn lease(&self, rooms: &[Room]) -> Result<Vec<Vec<Request>>, StoreError> {
        if rooms.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        let wanted: Vec<_> = rooms
            .iter()
            .map(|room| {
                let until = now.plus(lease(&room.channel));
                let limit = u32::try_from(room.limit).unwrap_or(u32::MAX);
                (room.channel.account.clone(), until, limit, room.asks_only)
            })
            .collect();
        let leased = self
            .store
            .write_soon("lease requests", Lane::SHARED, move |tx| {
                let leased = wanted.iter().map(|(of, until, limit, asks_only)| {
                    tx.lease_requests(of, (now, *until), *limit, *asks_only)
                });
                leased.collect::<Result<Vec<_>, _>>()
            })
            .await;
        for (index, room) in rooms.iter().enumerate() {
            let begin = leased.as_ref().map_or(0, |leased| leased[index].len());
            room.health.give_back(room.limit.saturating_sub(begin));
        }
        leased
    }

    /// Begins the steps of what was leased of an account; returns when to look again.
    fn begin(
        self: &Arc<Self>,
        steps: &mut JoinSet<()>,
        room: Room,
        leased: Vec<Request>,
    ) -> Duration {
        if leased.is_empty() {
            // Only what waits for a stopped account is due.
            return PERIOD;
        }
        let mut channel = room.channel;
        self.follow_reload(&mut channel);
        if leased.iter().all(|it| it.machine.state != State::Queued) {
            // An ask tells nothing of the balance.
            channel.probe = None;
        }
        for request in leased {
            if let Ok(slot) = Arc::clone(&room.health.slots).try_acquire_owned() {
                steps.spawn(Arc::clone(self).step_once(channel.clone(), request, slot));
            }
        }
        BUSY
    }

    /// What was requested after a reload goes out by the new settings, also where the look began before it.
    fn follow_reload(&self, channel: &mut Channel) {
        let Some(api) = self.api(&channel.account) else {
            return;
        };
        if Arc::ptr_eq(&api, &channel.api) {
            return;
        }
        if let Some(exchanger) = self.health(&channel.account, &api).exchanger.clone() {
            channel.exchanger = exchanger;
            channel.timetable = Arc::new(api.timetable());
            channel.api = api;
        }
    }
}
