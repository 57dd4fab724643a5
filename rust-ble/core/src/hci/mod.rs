//! The Host Controller Interface: received packets, commands, ACL credits.

pub mod command;
pub mod rx;
