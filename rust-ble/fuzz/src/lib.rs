//! What the fuzzers call, as plain functions on bytes: with libFuzzer they are
//! the binaries of `fuzz_targets`, without it the test of the corpus.
//!
//! Each target panics if the host does, if it does not come to rest, if it
//! tells of what was not started, or if anything is left when it is off.
#![warn(missing_docs)]

pub mod driver;
pub mod input;
pub mod targets;

/// Feeds one input to the host; a finding is a panic.
pub type Target = fn(&[u8]);

/// Names and functions of all targets.
pub const TARGETS: &[(&str, Target)] = &[
    ("h4", targets::h4::run),
    ("hci", targets::hci::run),
    ("acl", targets::acl::run),
    ("att_server", targets::att_server::run),
    ("att_client", targets::att_client::run),
    ("smp", targets::smp::run),
    ("adv", targets::adv::run),
    ("secrets", targets::secrets::run),
    ("abi", targets::abi::run),
    ("stateful", targets::stateful::run),
];
