//! Single operations of the host, driven by HCI bytes alone, to be counted
//! instruction by instruction. Runs on a PC and on bare metal.
#![no_std]

pub mod ops;
