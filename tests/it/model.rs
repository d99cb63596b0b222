//! Random histories against a small model: callbacks, replies and reports that repeat, overtake
//! and contradict each other, orders registered late or again, crashes at any moment. After every
//! step the readers of the real program must see exactly what the model says, and at the end every
//! message is applied exactly once.
//!
//! Each run takes other histories. A failed one prints its seed and the shortest history that fails;
//! `PROPTEST_RNG_SEED=… cargo test --test it model` runs the same histories again, and
//! `PROPTEST_CASES=500` takes longer. Where a crash hits a message on its way is left to the machine,
//! so a failure that needs it may want several runs of its seed.

mod operation;
mod reference;
mod world;

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use super::ENGINE;
use crate::harness::config::READER_TOKEN;
use crate::harness::payermax::ACK;
use crate::harness::{ConfigBuilder, Reply, Server, relay, wait_until_equal};
use operation::{Message, ORDERS, Operation, Request};
use reference::{Answer, Model};
use world::World;

/// Histories in one run of the tests, and the most steps of each.
const CASES: u32 = 8;
const STEPS_MAX: usize = 40;
/// How often a failed history is made shorter; each try starts servers.
const SHRINKS_MAX: u32 = 20;
/// How long the program may take to what it does by itself. Each try of a failed history waits this
/// long, so it is short; a passing one never does.
const TIMEOUT: Duration = Duration::from_secs(12);

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Operation;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Operation> {
        Operation::any().boxed()
    }

    fn apply(state: Self, operation: &Operation) -> Self {
        state.apply(operation)
    }
}

/// The program under test.
struct Program;

impl StateMachineTest for Program {
    type SystemUnderTest = Server;
    type Reference = Model;

    fn init_test(_: &Model) -> Server {
        Server::start(&relay::accounts(ConfigBuilder::new(ENGINE)))
    }

    fn apply(mut server: Server, model: &Model, operation: Operation) -> Server {
        let answer = match operation {
            Operation::Send(message) => send(&server, &message, false),
            // The model has picked the same one, because a repeat adds nothing to what was sent.
            Operation::Repeat(index) => model
                .pick(index)
                .map_or(Answer::None, |message| send(&server, &message, false)),
            Operation::Elsewhere(index) => model
                .pick_reply(index)
                .map_or(Answer::None, |message| send(&server, &message, true)),
            Operation::Register {
                order,
                state,
                with_applications,
            } => {
                let body = operation::registration(order, state, with_applications).to_string();
                let reply = server.put_order_raw(ORDERS[order].0, READER_TOKEN, &body);
                assert_eq!(reply.status, 200, "{}", reply.text());
                Answer::None
            }
            Operation::Crash => {
                server.kill9();
                server.restart();
                Answer::None
            }
            Operation::Stop => {
                assert_eq!(server.terminate().code(), Some(0), "an orderly end");
                server.restart();
                Answer::None
            }
            Operation::CrashDuring { message, yields } => {
                let stream = begin(&server, &message.request(false));
                (0..yields).for_each(|_| std::thread::yield_now());
                server.kill9();
                drop(stream);
                server.restart();
                send(&server, &message, false)
            }
        };
        assert_eq!(answer, model.answer, "the answer to the last request");
        server
    }

    fn check_invariants(server: &Server, model: &Model) {
        wait_until_equal(TIMEOUT, &World::of_model(model), || {
            World::of_server(server)
        });
    }

    fn teardown(server: Server, model: Model) {
        let applied = |(key, refund): (String, reference::Refund)| {
            (
                key,
                refund.verdicts.iter().map(|it| (*it).to_owned()).collect(),
            )
        };
        let expected = model.refunds.into_iter().map(applied).collect();
        assert_eq!(
            world::verdicts(&server),
            expected,
            "each message is applied once"
        );
    }
}

/// Sends a message and reads the answer; success must be the exact bytes.
fn send(server: &Server, message: &Message, elsewhere: bool) -> Answer {
    let request = message.request(elsewhere);
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let reply = server.post(&request.path, &headers, &request.body);
    assert_eq!(reply.status, 200, "{message:?}: {}", reply.text());
    match message {
        Message::Notice { .. } => {
            reply.expect(200, ACK);
            Answer::Acknowledged
        }
        Message::Reply { .. } => Answer::Status(status(&reply)),
        Message::Report { .. } => Answer::Errcode(crate::harness::epay::errcode(&reply)),
    }
}

/// The status in a relay's answer.
fn status(reply: &Reply) -> &'static str {
    let said = reply.json()["status"].clone();
    let all = ["pending", "succeeded", "failed"];
    let found = all.into_iter().find(|status| said == **status);
    found.unwrap_or_else(|| panic!("no status of this system: {said}"))
}

/// Writes a whole request and does not wait for its answer.
fn begin(server: &Server, request: &Request) -> TcpStream {
    let address = server
        .public_url
        .strip_prefix("http://")
        .expect("a plain http address");
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let head = request.headers.iter().fold(
        format!("POST {} HTTP/1.1\r\nhost: refunds\r\n", request.path),
        |head, (name, value)| head + name + ": " + value + "\r\n",
    );
    let length = request.body.len();
    let whole = format!("{head}content-length: {length}\r\n\r\n{}", request.body);
    stream
        .write_all(whole.as_bytes())
        .expect("the server reads");
    stream
}

/// The number that all histories of this run follow from.
#[expect(clippy::disallowed_methods, reason = "each run takes another seed")]
fn seed(config: &Config) -> u64 {
    if let RngSeed::Fixed(seed) = config.rng_seed {
        return seed;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::from(now.expect("after 1970").subsec_nanos())
}

#[test]
fn any_history_leaves_what_the_model_says() {
    let default = Config::default();
    let seed = seed(&default);
    let cases = match std::env::var("PROPTEST_CASES") {
        Ok(_) => default.cases,
        Err(_) => CASES,
    };
    let config = Config {
        cases,
        max_shrink_iters: SHRINKS_MAX,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..default
    };
    let histories = Model::sequential_strategy(1..STEPS_MAX);
    let run = TestRunner::new(config.clone()).run(&histories, |(model, operations, seen)| {
        Program::test_sequential(config.clone(), model, operations, seen);
        Ok(())
    });
    if let Err(failed) = run {
        panic!("again with PROPTEST_RNG_SEED={seed} (and RUST_BACKTRACE=0): {failed}");
    }
}
