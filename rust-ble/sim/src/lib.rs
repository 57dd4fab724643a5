//! Virtual controllers and the air between them.
//!
//! An [`Air`] holds any number of nodes, each a Bluetooth LE controller with an
//! HCI (H4 packets in, H4 packets out), and moves them through virtual time in
//! microseconds. The same seed, options and host packets give the same air.
//!
//! The controller is written from the Core Specification alone, without the
//! host's code, so that the two readings check each other.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod air;
mod config;
mod controller;
mod crypto;
pub mod error;
pub mod fault;
pub mod harness;
pub mod live;
pub mod rng;
pub mod scenario;
pub mod sensor;
pub mod snoop;
pub mod sweep;

pub use air::{Air, NodeId, Options, Stats, Violation};
pub use config::{NodeConfig, Profile};
