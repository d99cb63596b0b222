#![no_main]
//! Hands the fuzzer's bytes to the target `payermax`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| refund_receiver::fuzz::run("payermax", bytes));
