//! Generic Attribute Profile (Vol 3, Part G).

pub mod client;
