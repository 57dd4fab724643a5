//! Single operations of the host, driven by HCI bytes alone, to be counted
//! instruction by instruction. Runs on a PC and on bare metal.
#![cfg_attr(target_os = "none", no_std)]

pub mod memory;
pub mod meter;
pub mod ops;
