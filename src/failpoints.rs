//! Failpoints for the durability tests: places where the process aborts as by `kill -9`.
//!
//! `crash_point!("name")` marks a place where a crash would do the most harm. A build with the cargo feature
//! `failpoints` aborts there if the variable `FAILPOINTS` says so (`name=return`, or `name=3*off->return` for
//! the fourth time; crate `fail`). Other builds contain nothing of it, not even the names: a test searches
//! the program for them.

#[cfg(all(feature = "failpoints", not(debug_assertions)))]
compile_error!("`failpoints` is for tests; a release build must not have it");

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
pub(crate) use crash_point;

#[cfg(feature = "failpoints")]
pub(crate) fn reached(name: &str) {
    // `return` is the only action of the crate that runs our code.
    fail::fail_point!(name, |_| std::process::abort());
}

/// Reads `FAILPOINTS`; it applies until the returned value is dropped.
#[cfg(feature = "failpoints")]
pub fn arm() -> fail::FailScenario<'static> {
    fail::FailScenario::setup()
}
