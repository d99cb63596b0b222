//! The transitions of a request. Pure, without time: what depends on time (proof that a number was not found,
//! when to act next) comes in as part of the event.

use serde::{Deserialize, Serialize};

use super::{Class, Mode, State};
use crate::domain::claim::{Reason, Status};

/// Max automatic resends after the provider proved not to know the number.
pub const RESENDS_MAX: u8 = 3;

/// What decides about the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Machine {
    pub state: State,
    pub mode: Mode,
    /// Attempts to send, ended or not.
    pub sends: u16,
    /// Automatic resends after `not found`.
    pub resends: u8,
    /// Whether it was built again after a `rebuild` since the last real answer.
    pub is_rebuilt: bool,
    /// Whether an earlier send may have been taken: a refusal of the present one then proves nothing.
    pub is_in_doubt: bool,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A worker begins to send: the attempt row is written with this transition.
    BeginSend,
    /// The attempt to send ended without a claim.
    Sent(Class),
    /// The attempt to send has no end: the worker died or its lease ended.
    Abandoned,
    /// A further attempt to send ended without an answer after a failure had been claimed, which may be that of an
    /// earlier one.
    SentAfterFailure,
    /// An ask ended without a claim.
    Asked(Class, Proof),
    /// A proven claim was applied to the refund; this is what it says.
    Claimed(Status),
    /// The caller withdraws it.
    Cancel,
    /// A person sends the same number again.
    Resend(Resendable),
    /// A person decided how the refund ended, against what was known or where nothing was.
    Decided(Status),
}

/// Whether "not found" proves that the provider did not take the number and will not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    Reached,
    NotReached,
}

/// Whether the provider's documents allow a person to send a failed number again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resendable {
    /// Also after the refund failed (`QuickPay`).
    AfterFailure,
    /// Only where it was refused, or its outcome is unknown.
    NotAfterFailure,
}

/// The transition that an event makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub machine: Machine,
    /// A question that it raises.
    pub question: Option<Reason>,
    /// Whether the next action is due at once.
    pub is_urgent: bool,
}

impl Machine {
    pub const fn new(mode: Mode) -> Self {
        let state = match mode {
            Mode::Submit => State::Queued,
            Mode::Watch => State::Unknown,
        };
        Self {
            state,
            mode,
            sends: 0,
            resends: 0,
            is_rebuilt: false,
            is_in_doubt: false,
        }
    }

    /// The transition; `None`: the event changes nothing in this state.
    pub fn next(self, event: Event) -> Option<Step> {
        match event {
            Event::BeginSend => self.begin_send(),
            Event::Sent(class) => self.sent(class),
            Event::Abandoned => (self.state == State::Sending).then(|| self.in_doubt().at_once()),
            Event::SentAfterFailure => {
                let is_further = self.state == State::Failed && self.sends > 1;
                is_further.then(|| self.in_doubt().at_once())
            }
            Event::Asked(class, proof) => self.asked(class, proof),
            Event::Claimed(status) => self.claimed(status),
            Event::Cancel => {
                let was_never_sent = self.state == State::Queued && self.sends == 0;
                was_never_sent.then(|| self.to(State::Canceled))
            }
            Event::Resend(resendable) => self.resend(resendable),
            Event::Decided(status) => Some(self.to(self.decided(status))),
        }
    }

    fn begin_send(self) -> Option<Step> {
        if self.state != State::Queued || self.mode == Mode::Watch {
            return None;
        }
        let mut step = self.to(State::Sending);
        step.machine.sends = self.sends.saturating_add(1);
        Some(step)
    }

    fn sent(self, class: Class) -> Option<Step> {
        if self.state != State::Sending {
            return None;
        }
        Some(match class {
            Class::Refused | Class::Never => self.refused(),
            Class::Later | Class::NotSent => self.to(State::Queued),
            Class::Rebuild if self.is_rebuilt => self.refused(),
            Class::Rebuild => {
                let mut step = self.to(State::Queued).at_once();
                step.machine.is_rebuilt = true;
                step
            }
            Class::Known => self.to(State::Accepted).at_once(),
            // The claim that comes with these moves it on; if that is never applied, asking does.
            Class::Done | Class::Accepted | Class::Failed | Class::Unknown | Class::NotFound => {
                self.in_doubt()
            }
        })
    }

    /// Only this send was refused: whether an earlier one was taken, an ask has to tell.
    const fn refused(self) -> Step {
        if self.is_in_doubt {
            return self.in_doubt().at_once();
        }
        self.to(State::Refused)
    }

    const fn in_doubt(self) -> Step {
        let mut step = self.to(State::Unknown);
        step.machine.is_in_doubt = true;
        step
    }

    fn asked(self, class: Class, proof: Proof) -> Option<Step> {
        if class != Class::NotFound {
            return None;
        }
        match (self.state, proof) {
            (State::Unknown, Proof::Reached) if self.mode == Mode::Submit => {
                let known = Self {
                    is_in_doubt: false,
                    ..self
                };
                if self.resends >= RESENDS_MAX {
                    return Some(known.to(State::Unknown).asking(Reason::NotTaken));
                }
                let mut step = known.to(State::Queued).at_once();
                step.machine.resends = self.resends + 1;
                Some(step)
            }
            (State::Accepted, _) => Some(self.to(State::Accepted).asking(Reason::ProviderLostIt)),
            _ => None,
        }
    }

    fn claimed(self, status: Status) -> Option<Step> {
        let after_refusal = |to| Some(self.to(to).asking(Reason::AcceptedAfterRefusal));
        match (self.state, status) {
            (State::Refused, Status::Succeeded) => after_refusal(State::Done),
            (State::Failed, Status::Succeeded) => Some(self.to(State::Done)),
            (State::Failed, Status::Pending) => Some(self.to(State::Accepted)),
            (state, _) if state.is_final() => None,
            (State::Accepted, Status::Pending) => None,
            (_, Status::Pending) => Some(self.to(State::Accepted)),
            (_, Status::Succeeded) => Some(self.to(State::Done)),
            (_, Status::Failed | Status::Canceled) => {
                let mut step = self.to(State::Failed);
                // The provider's own word on the sends before.
                step.machine.is_in_doubt = false;
                Some(step)
            }
        }
    }

    fn resend(self, resendable: Resendable) -> Option<Step> {
        if self.mode == Mode::Watch {
            return None;
        }
        let is_allowed = match self.state {
            State::Refused | State::Unknown => true,
            State::Failed => resendable == Resendable::AfterFailure,
            State::Queued | State::Sending | State::Accepted | State::Done | State::Canceled => {
                false
            }
        };
        is_allowed.then(|| {
            let mut step = self.to(State::Queued).at_once();
            step.machine.is_rebuilt = false;
            step
        })
    }

    /// The state that goes with the status of the refund, whatever the present one is.
    const fn decided(self, status: Status) -> State {
        match status {
            Status::Pending if self.state.is_final() => State::Accepted,
            Status::Pending => self.state,
            Status::Succeeded => State::Done,
            Status::Canceled if matches!(self.state, State::Queued) && self.sends == 0 => {
                State::Canceled
            }
            Status::Failed | Status::Canceled => State::Failed,
        }
    }

    const fn to(self, state: State) -> Step {
        Step {
            machine: Self { state, ..self },
            question: None,
            is_urgent: false,
        }
    }
}

impl Step {
    const fn at_once(self) -> Self {
        Self {
            is_urgent: true,
            ..self
        }
    }

    const fn asking(self, question: Reason) -> Self {
        Self {
            question: Some(question),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn automatic_resends_are_bounded() {
        let mut machine = Machine {
            state: State::Unknown,
            ..Machine::new(Mode::Submit)
        };
        for _ in 0..RESENDS_MAX {
            let step = machine
                .next(Event::Asked(Class::NotFound, Proof::Reached))
                .unwrap();
            assert_eq!(step.machine.state, State::Queued);
            machine = Machine {
                state: State::Unknown,
                ..step.machine
            };
        }
        let step = machine
            .next(Event::Asked(Class::NotFound, Proof::Reached))
            .unwrap();
        assert_eq!(step.machine.state, State::Unknown);
        assert!(step.question.is_some());
    }
}
