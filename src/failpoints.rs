//! Failpoints for the durability tests: places where the process aborts as by `kill -9`, and planted bugs
//! that the tests must find.
//!
//! `crash_point!("name")` marks a place where a crash would do the most harm. A build with the cargo feature
//! `failpoints` aborts there if the variable `FAILPOINTS` says so (`name=return`, or `name=3*off->return` for
//! the fourth time; crate `fail`). Other builds contain nothing of it, not even the names: a test searches
//! the program for them. Each feature `sabotage-*` plants one bug at `planted!("sabotage-name")`;
//! `FAILPOINTS` enables it, too.

#[cfg(all(feature = "failpoints", not(debug_assertions)))]
compile_error!("`failpoints` and `sabotage-*` are for tests; a release build must not have them");

/// Aborts here if a test says so.
#[cfg(feature = "failpoints")]
macro_rules! crash_point {
    ($name:literal) => {
        $crate::failpoints::reached($name)
    };
}
/// Compiles to nothing in a product build.
#[cfg(not(feature = "failpoints"))]
macro_rules! crash_point {
    ($name:literal) => {};
}
/// Whether this planted bug is enabled.
#[cfg(feature = "failpoints")]
macro_rules! planted {
    ($bug:literal) => {
        cfg!(feature = $bug) && $crate::failpoints::shows($bug)
    };
}
/// Always `false` in a product build.
#[cfg(not(feature = "failpoints"))]
macro_rules! planted {
    ($bug:literal) => {
        false
    };
}
pub(crate) use {crash_point, planted};

#[cfg(feature = "failpoints")]
pub(crate) fn reached(name: &str) {
    // `return` is the only action of the crate that runs our code.
    fail::fail_point!(name, |_| std::process::abort());
}

#[cfg(feature = "failpoints")]
pub(crate) fn shows(bug: &str) -> bool {
    fail::fail_point!(bug, |_| true);
    false
}

/// Reads `FAILPOINTS`; it applies until the returned value is dropped.
#[cfg(feature = "failpoints")]
pub fn arm() -> fail::FailScenario<'static> {
    fail::FailScenario::setup()
}
