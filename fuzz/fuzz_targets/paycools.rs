#![no_main]
//! Hands the fuzzer's bytes to the target `paycools`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| refund_receiver::fuzz::run("paycools", bytes));
