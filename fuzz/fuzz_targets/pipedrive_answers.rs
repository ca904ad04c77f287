#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| crmkit_fuzz::answers::pipedrive(bytes));
