//! One module for each target, each with a function on the fuzzer's bytes.

pub mod abi;
pub mod acl;
pub mod adv;
pub mod att_client;
pub mod att_server;
pub mod h4;
pub mod hci;
pub mod secrets;
pub mod smp;
pub mod stateful;
