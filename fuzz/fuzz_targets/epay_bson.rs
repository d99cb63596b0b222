#![no_main]
//! Hands the fuzzer's bytes to the target `epay_bson`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| refund_receiver::fuzz::run("epay_bson", bytes));
