//! Error codes of the controller (Vol 1, Part F, 2).
#![allow(missing_docs)]

pub const UNKNOWN_COMMAND: u8 = 0x01;
pub const UNKNOWN_CONNECTION: u8 = 0x02;
pub const PIN_OR_KEY_MISSING: u8 = 0x06;
pub const MEMORY_CAPACITY_EXCEEDED: u8 = 0x07;
pub const CONNECTION_TIMEOUT: u8 = 0x08;
pub const CONNECTION_LIMIT_EXCEEDED: u8 = 0x09;
pub const CONNECTION_EXISTS: u8 = 0x0b;
pub const COMMAND_DISALLOWED: u8 = 0x0c;
pub const LIMITED_RESOURCES: u8 = 0x0d;
pub const UNSUPPORTED_FEATURE: u8 = 0x11;
pub const INVALID_PARAMETERS: u8 = 0x12;
pub const REMOTE_USER_TERMINATED: u8 = 0x13;
pub const LOCAL_HOST_TERMINATED: u8 = 0x16;
pub const UNSUPPORTED_REMOTE_FEATURE: u8 = 0x1a;
pub const UNSUPPORTED_LL_PARAMETER: u8 = 0x20;
pub const LL_RESPONSE_TIMEOUT: u8 = 0x22;
pub const LL_PROCEDURE_COLLISION: u8 = 0x23;
pub const DIFFERENT_TRANSACTION_COLLISION: u8 = 0x2a;
pub const ADVERTISING_TIMEOUT: u8 = 0x3c;
pub const MIC_FAILURE: u8 = 0x3d;
pub const FAILED_TO_BE_ESTABLISHED: u8 = 0x3e;
pub const UNKNOWN_ADVERTISING_IDENTIFIER: u8 = 0x42;
pub const LIMIT_REACHED: u8 = 0x43;
pub const PACKET_TOO_LONG: u8 = 0x45;
