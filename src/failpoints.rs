//! Faults on demand, for the tests of durability: places where the program ends as by `kill -9`, and
//! bugs that the tests must find.
//!
//! `crash_point!("name")` stands where a sudden end would be most awkward. A build with the cargo
//! feature `failpoints` ends there when the variable `FAILPOINTS` says so (`name=return`, or
//! `name=3*off->return` for the fourth time; crate `fail`). Any other build holds nothing of it, not
//! even the names: a test searches the program for them. The features `sabotage-*` plant one bug each,
//! `planted!("sabotage-name")` where it would do its harm; it shows itself where `FAILPOINTS` says so, too.

#[cfg(all(feature = "failpoints", not(debug_assertions)))]
compile_error!("`failpoints` and `sabotage-*` are for tests; a release build must not have them");

/// Ends the program here, where a test says so.
#[cfg(feature = "failpoints")]
macro_rules! crash_point {
    ($name:literal) => {
        $crate::failpoints::reached($name)
    };
}
/// Nothing, in a program that is meant for use.
#[cfg(not(feature = "failpoints"))]
macro_rules! crash_point {
    ($name:literal) => {};
}
/// Whether this planted bug is to show itself.
#[cfg(feature = "failpoints")]
macro_rules! planted {
    ($bug:literal) => {
        cfg!(feature = $bug) && $crate::failpoints::shows($bug)
    };
}
/// No bug is planted in a program that is meant for use.
#[cfg(not(feature = "failpoints"))]
macro_rules! planted {
    ($bug:literal) => {
        false
    };
}
pub(crate) use {crash_point, planted};

#[cfg(feature = "failpoints")]
pub(crate) fn reached(name: &str) {
    // `return` is the one action of the crate that runs code of ours.
    fail::fail_point!(name, |_| std::process::abort());
}

#[cfg(feature = "failpoints")]
pub(crate) fn shows(bug: &str) -> bool {
    fail::fail_point!(bug, |_| true);
    false
}

/// Reads `FAILPOINTS`; what it says holds for as long as the value returned lives.
#[cfg(feature = "failpoints")]
pub fn arm() -> fail::FailScenario<'static> {
    fail::FailScenario::setup()
}
