//! What may happen next in a world, and what must never have happened.

use super::*;

impl Search {
    fn apply(&self, world: &mut World, event: Event) -> bool {
        let Some(step) = (self.rules.next)(world.machine, event) else {
            return false;
        };
        world.machine = step.machine;
        // Only whether it was ever sent matters.
        world.machine.sends = step.machine.sends.min(1);
        // The others end with the request.
        world.is_asking_a_person |= step.question == Some(Reason::AcceptedAfterRefusal);
        true
    }

    /// A claim by the rules of the refund: what contradicts its end is a question.
    fn claim(&self, world: &mut World, status: Status) {
        match (world.machine.state, status) {
            (State::Failed, Status::Succeeded)
            | (State::Done | State::Canceled, Status::Failed) => {
                world.is_asking_a_person = true;
            }
            // Late, or the same: no other end.
            (State::Failed | State::Done | State::Canceled, _)
            | (State::Refused, Status::Pending | Status::Failed) => {}
            _ => drop(self.apply(world, Event::Claimed(status))),
        }
    }

    fn push(&mut self, mut world: World) {
        world.hands.sort_unstable();
        self.out.push(world);
    }

    /// Another attempt: every other fence is old.
    fn fence(world: &mut World, own: Option<usize>) {
        for (index, hand) in world.hands.iter_mut().enumerate() {
            hand.1 = own == Some(index);
        }
    }

    pub(super) fn steps(&mut self, world: World) {
        self.time_and_people(world);
        self.provider(world);
        for index in 0..2 {
            self.worker(world, index);
            let (worker, _) = world.hands[index];
            if worker != Worker::Idle {
                // It dies.
                let mut next = world;
                if worker == Worker::Sent {
                    next.orphans = (next.orphans + 1).min(ORPHANS_MAX);
                }
                next.hands[index] = (Worker::Idle, false);
                self.push(next);
            }
        }
    }

    fn time_and_people(&mut self, world: World) {
        if world.is_leased {
            let mut next = world;
            next.is_leased = false;
            for hand in &mut next.hands {
                if let Worker::Attempted { is_young } = &mut hand.0 {
                    *is_young = !self.rules.has_window;
                }
            }
            self.push(next);
        }
        let mut canceled = world;
        if self.apply(&mut canceled, Event::Cancel) {
            self.push(canceled);
        }
        let mut again = world;
        if world.by_person < RESENDS_OF_A_PERSON_MAX
            && self.apply(&mut again, Event::Resend(Resendable::NotAfterFailure))
        {
            again.by_person += 1;
            again.left = 0;
            again.is_leased = false;
            self.push(again);
        }
    }

    fn provider(&mut self, world: World) {
        let provider = world.provider;
        if provider.open > 0 {
            let open = provider.open - 1;
            let moved = Provider {
                open,
                moved: provider.moved + 1,
                ..provider
            };
            let failed = Provider {
                open,
                failed: true,
                ..provider
            };
            for provider in [moved, failed] {
                self.push(World { provider, ..world });
            }
        }
        // A callback, at any time and any number of times; also one that says what was true before.
        let says = provider.says().into_iter();
        let early = provider.has_taken().then_some(Status::Pending);
        for status in says.chain(early) {
            let mut next = world;
            let before = world.machine.state;
            self.claim(&mut next, status);
            next.is_leased &= before == next.machine.state;
            self.push(next);
        }
        if world.orphans > 0 {
            let lost = World {
                orphans: world.orphans - 1,
                ..world
            };
            self.push(lost);
            for (provider, _) in self.arrives(provider) {
                self.push(World { provider, ..lost });
            }
        }
    }

    /// What a request that arrives may do, and what the provider replies.
    fn arrives(&self, provider: Provider) -> Vec<(Provider, Said)> {
        let class = |index| (provider, Said::Class(index));
        // Refused before the number is looked up: a bad signature, a wrong address.
        let mut all = vec![class(0), class(1), class(2)];
        if self.rules.dedups && provider.has_taken() {
            all.push(class(3));
            return all;
        }
        let open = Provider {
            open: provider.open + 1,
            ..provider
        };
        let moved = Provider {
            moved: provider.moved + 1,
            ..provider
        };
        all.push((open, Said::Claim(Status::Pending as u8)));
        all.push((moved, Said::Claim(Status::Succeeded as u8)));
        all
    }

    fn worker(&mut self, world: World, index: usize) {
        let (worker, is_current) = world.hands[index];
        let is_current = is_current || !self.rules.has_fence;
        let mut next = world;
        match worker {
            Worker::Idle => {
                if !world.is_leased && !world.machine.state.is_final() {
                    next.is_leased = true;
                    next.hands[index] = (Worker::Leased(world.machine.state), true);
                    self.push(next);
                }
            }
            Worker::Leased(seen) => {
                next.hands[index] = (Worker::Idle, false);
                if is_current {
                    self.step(&mut next, index, seen);
                }
                self.push(next);
            }
            Worker::Attempted { is_young } => {
                if is_young {
                    let mut sent = world;
                    sent.left = (sent.left + 1).min(3);
                    sent.hands[index].0 = Worker::Sent;
                    self.push(sent);
                }
                // No connection, or too late.
                next.hands[index] = (Worker::Idle, false);
                if is_current {
                    self.apply(&mut next, Event::Sent(Class::NotSent));
                    next.is_leased = false;
                }
                self.push(next);
            }
            Worker::Sent => {
                for (provider, said) in self.arrives(world.provider) {
                    let mut next = World { provider, ..world };
                    next.hands[index].0 = Worker::Replied(said);
                    self.push(next);
                    next.hands[index].0 = Worker::Replied(Said::Nothing);
                    self.push(next);
                }
                // The limit ends before it arrives.
                next.orphans = (next.orphans + 1).min(ORPHANS_MAX);
                next.hands[index].0 = Worker::Replied(Said::Nothing);
                self.push(next);
            }
            Worker::Asking => self.query(world, index),
            Worker::Replied(said) | Worker::AskReplied(said) => {
                next.hands[index] = (Worker::Idle, false);
                let was_send = matches!(worker, Worker::Replied(_));
                self.ends(&mut next, (was_send, is_current), said);
                self.push(next);
            }
        }
    }

    /// The step of a worker that has the lease: an attempt, or the end of one that was left.
    fn step(&mut self, world: &mut World, index: usize, seen: State) {
        match (seen, world.machine.state) {
            (State::Queued, State::Queued) => {
                if !self.rules.dedups && world.left > 0 {
                    self.fault = Some("sent again although an earlier send may have been taken");
                }
                if self.apply(world, Event::BeginSend) {
                    world.hands[index].0 = Worker::Attempted {
                        is_young: world.is_leased,
                    };
                    Self::fence(world, Some(index));
                }
            }
            (State::Sending, _) => {
                if self.apply(world, Event::Abandoned) {
                    Self::fence(world, None);
                }
                world.is_leased = false;
            }
            (State::Unknown | State::Accepted, State::Unknown | State::Accepted) => {
                world.hands[index].0 = Worker::Asking;
                Self::fence(world, Some(index));
            }
            _ => {}
        }
    }

    fn query(&mut self, world: World, index: usize) {
        let answer = |world: World, said| {
            let mut next = world;
            next.hands[index].0 = Worker::AskReplied(said);
            next
        };
        self.push(answer(world, Said::NotFound(false)));
        match world.provider.says() {
            Some(status) => self.push(answer(world, Said::Claim(status as u8))),
            // The proof is that nothing on the way can be taken any more.
            None if self.rules.dedups => {
                let mut late = world;
                late.orphans = 0;
                for hand in &mut late.hands {
                    if hand.0 == Worker::Sent {
                        hand.0 = Worker::Replied(Said::Nothing);
                    }
                }
                self.push(answer(late, Said::NotFound(true)));
            }
            None => {}
        }
    }

    /// The end of an attempt: its claim counts always, its class only with the present fence.
    fn ends(&mut self, world: &mut World, (was_send, is_current): (bool, bool), said: Said) {
        let was = world.machine.state;
        let class = match said {
            Said::Claim(_) | Said::Nothing => Class::Unknown,
            Said::Class(index) => CLASSES[usize::from(index)],
            Said::NotFound(_) => Class::NotFound,
        };
        if was_send && matches!(class, Class::Refused | Class::Later | Class::Rebuild) && is_current
        {
            world.left = world.left.saturating_sub(1);
        }
        if is_current {
            match (was_send, said) {
                (true, _) if was == State::Sending => drop(self.apply(world, Event::Sent(class))),
                (false, Said::NotFound(is_proof)) => {
                    let proof = if is_proof {
                        Proof::Reached
                    } else {
                        Proof::NotReached
                    };
                    self.apply(world, Event::Asked(Class::NotFound, proof));
                }
                _ => {}
            }
            world.is_leased = false;
        }
        if let Said::Claim(status) = said {
            let status = Status::ALL.into_iter().find(|one| *one as u8 == status);
            self.claim(world, status.expect("a status"));
        }
    }

    pub(super) fn check(&mut self, world: &World) {
        let (provider, state) = (world.provider, world.machine.state);
        let sends = if self.rules.dedups {
            1
        } else {
            1 + world.by_person
        };
        let is_wrong = match state {
            State::Refused | State::Canceled => provider.open > 0 || provider.moved > 0,
            State::Done => provider.moved == 0,
            // Where numbers are not known again, one of two sends may fail, and a person answers for the second.
            State::Failed => self.rules.dedups && (provider.moved > 0 || provider.open > 0),
            State::Queued | State::Sending | State::Unknown | State::Accepted => false,
        };
        let fault = if provider.moved > sends {
            "money moved twice"
        } else if is_wrong && !world.is_asking_a_person {
            "a final state contradicts the provider without a question"
        } else if !self.goes_on(world.machine) {
            "no step is left"
        } else {
            return;
        };
        self.fault.get_or_insert(fault);
    }

    /// An open state has its next step; an end stays.
    fn goes_on(&self, machine: Machine) -> bool {
        let does = |event| (self.rules.next)(machine, event).is_some();
        match machine.state {
            State::Queued => does(Event::BeginSend),
            State::Sending => does(Event::Abandoned) && does(Event::Sent(Class::Unknown)),
            State::Unknown | State::Accepted => {
                does(Event::Claimed(Status::Succeeded)) && does(Event::Claimed(Status::Failed))
            }
            State::Refused | State::Failed | State::Done | State::Canceled => {
                let classes = Class::ALL.into_iter();
                !does(Event::BeginSend)
                    && !does(Event::Abandoned)
                    && !does(Event::Cancel)
                    && !classes.into_iter().any(|class| {
                        does(Event::Sent(class)) || does(Event::Asked(class, Proof::Reached))
                    })
            }
        }
    }
}
