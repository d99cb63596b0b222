//! Searches every interleaving of two workers, the network, a provider, its callbacks, a caller and a person, over
//! the very transitions of [`Machine::next`] and the rules of lease and fence that `crate::requests` keeps. At every
//! step a worker may die, a lease may end while its holder goes on, a request may arrive late and a reply be lost.
//!
//! The same search over a wrong machine, or without one of the rules, has to find a fault: so it can find one.

mod steps;

use std::collections::HashSet;

use super::machine::{Event, Machine, Proof, RESENDS_MAX, Resendable, Step};
use super::{Class, Mode, State};
use crate::domain::claim::{Reason, Status};

/// Requests on the way whose sender no longer waits.
const ORPHANS_MAX: u8 = 1;
/// How often a person sends again.
const RESENDS_OF_A_PERSON_MAX: u8 = 1;

/// What is searched, and which rules hold.
#[derive(Clone, Copy)]
struct Rules {
    next: fn(Machine, Event) -> Option<Step>,
    /// The provider knows a number again, and "not found" proves something.
    dedups: bool,
    /// A worker whose attempt is old does not send.
    has_window: bool,
    /// An attempt that ends with an older fence moves nothing.
    has_fence: bool,
}

const RULES: Rules = Rules {
    next: Machine::next,
    dedups: true,
    has_window: true,
    has_fence: true,
};

/// What the provider did under the number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Provider {
    /// Taken, not decided; 2 only where it does not dedup.
    open: u8,
    moved: u8,
    failed: bool,
}

impl Provider {
    fn has_taken(self) -> bool {
        self.open > 0 || self.moved > 0 || self.failed
    }

    /// What it says when asked.
    fn says(self) -> Option<Status> {
        match self {
            Self { moved: 1.., .. } => Some(Status::Succeeded),
            Self { open: 1.., .. } => Some(Status::Pending),
            Self { failed: true, .. } => Some(Status::Failed),
            Self { .. } => None,
        }
    }
}

/// What a provider says to a request, or a query.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
enum Said {
    /// A claim that is proven.
    Claim(u8),
    Class(u8),
    NotFound(bool),
    /// Lost, or not readable.
    Nothing,
}

const CLASSES: [Class; 4] = [Class::Refused, Class::Later, Class::Rebuild, Class::Known];

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
enum Worker {
    Idle,
    /// Has the request as it was.
    Leased(State),
    /// The attempt is on disk; whether it is young enough to be sent.
    Attempted {
        is_young: bool,
    },
    /// Sent, on the way.
    Sent,
    Asking,
    Replied(Said),
    AskReplied(Said),
}

/// A worker, and whether its fence is still that of the request.
type Hand = (Worker, bool);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct World {
    machine: Machine,
    is_leased: bool,
    hands: [Hand; 2],
    orphans: u8,
    provider: Provider,
    is_asking_a_person: bool,
    by_person: u8,
    /// Sends that may have been taken, since a person last answered for them.
    left: u8,
}

/// One search: successors of a world, and the first fault on the way.
struct Search {
    rules: Rules,
    out: Vec<World>,
    fault: Option<&'static str>,
}

/// Worlds that were reached, or the first fault with the way to it.
fn search(rules: Rules) -> Result<usize, (&'static str, Vec<World>)> {
    let start = World {
        // One automatic resend is as good as three.
        machine: Machine {
            resends: RESENDS_MAX - 1,
            ..Machine::new(Mode::Submit)
        },
        is_leased: false,
        hands: [(Worker::Idle, false); 2],
        orphans: 0,
        provider: Provider::default(),
        is_asking_a_person: false,
        by_person: 0,
        left: 0,
    };
    let mut search = Search {
        rules,
        out: Vec::new(),
        fault: None,
    };
    // Each world with where it came from, in the order in which they were found.
    let mut found = vec![(start, 0)];
    let mut known = HashSet::from([start]);
    let mut at = 0;
    while let Some((world, _)) = found.get(at).copied() {
        search.steps(world);
        for next in std::mem::take(&mut search.out) {
            if !known.insert(next) {
                continue;
            }
            search.check(&next);
            found.push((next, at));
            if let Some(fault) = search.fault {
                let mut way = vec![found.len() - 1];
                while let Some(last) = way.last().filter(|last| **last > 0) {
                    way.push(found[*last].1);
                }
                let way = way.iter().rev().map(|step| found[*step].0);
                return Err((fault, way.collect()));
            }
        }
        at += 1;
    }
    Ok(found.len())
}

#[track_caller]
fn holds(rules: Rules) {
    match search(rules) {
        Ok(states) => assert!(states > 10_000, "{states} states are no search"),
        Err((fault, way)) => panic!("{fault}:\n{way:#?}"),
    }
}

#[test]
fn a_provider_that_knows_numbers_again_moves_money_once() {
    holds(RULES);
}

#[test]
fn a_provider_that_takes_a_number_twice_gets_it_once_unless_a_person_says_so() {
    let rules = Rules {
        dedups: false,
        ..RULES
    };
    holds(rules);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of wrong rules")]
fn without_a_rule_there_is_a_fault() {
    fn unknown_is_sent_again(machine: Machine, event: Event) -> Option<Step> {
        let mut step = machine.next(event)?;
        if event == Event::Sent(Class::Unknown) {
            step.machine.state = State::Queued;
        }
        Some(step)
    }
    fn not_found_is_proof(machine: Machine, event: Event) -> Option<Step> {
        match event {
            Event::Asked(class, _) => machine.next(Event::Asked(class, Proof::Reached)),
            other => machine.next(other),
        }
    }
    fn a_refusal_is_final(machine: Machine, event: Event) -> Option<Step> {
        let is_in_doubt = false;
        Machine {
            is_in_doubt,
            ..machine
        }
        .next(event)
    }
    fn an_abandoned_attempt_stays(machine: Machine, event: Event) -> Option<Step> {
        machine.next(event).filter(|_| event != Event::Abandoned)
    }
    let dedups = false;
    let wrong = [
        (
            "unknown is sent again",
            Rules {
                next: unknown_is_sent_again,
                dedups,
                ..RULES
            },
        ),
        (
            "any not found is a proof",
            Rules {
                next: not_found_is_proof,
                dedups,
                ..RULES
            },
        ),
        (
            "a refusal in doubt is final",
            Rules {
                next: a_refusal_is_final,
                ..RULES
            },
        ),
        (
            "an abandoned attempt stays",
            Rules {
                next: an_abandoned_attempt_stays,
                ..RULES
            },
        ),
        (
            "old attempts are sent",
            Rules {
                has_window: false,
                ..RULES
            },
        ),
        (
            "old attempts move",
            Rules {
                has_fence: false,
                dedups,
                ..RULES
            },
        ),
    ];
    for (name, rules) in wrong {
        assert!(search(rules).is_err(), "{name}: no fault was found");
    }
}
