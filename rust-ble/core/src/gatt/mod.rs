//! Generic Attribute Profile (Vol 3, Part G).

pub mod client;
pub mod db;
mod layout;
pub mod permission;
pub mod server;
