//! ATT opcodes, error codes and well-known UUIDs (Vol 3, Part F, 3.3 and 3.4).

/// Opcodes (3.4.8).
#[allow(missing_docs)]
pub mod opcode {
    pub const ERROR_RSP: u8 = 0x01;
    pub const EXCHANGE_MTU_REQ: u8 = 0x02;
    pub const EXCHANGE_MTU_RSP: u8 = 0x03;
    pub const FIND_INFORMATION_REQ: u8 = 0x04;
    pub const FIND_INFORMATION_RSP: u8 = 0x05;
    pub const FIND_BY_TYPE_VALUE_REQ: u8 = 0x06;
    pub const FIND_BY_TYPE_VALUE_RSP: u8 = 0x07;
    pub const READ_BY_TYPE_REQ: u8 = 0x08;
    pub const READ_BY_TYPE_RSP: u8 = 0x09;
    pub const READ_REQ: u8 = 0x0a;
    pub const READ_RSP: u8 = 0x0b;
    pub const READ_BLOB_REQ: u8 = 0x0c;
    pub const READ_BLOB_RSP: u8 = 0x0d;
    pub const READ_MULTIPLE_REQ: u8 = 0x0e;
    pub const READ_MULTIPLE_RSP: u8 = 0x0f;
    pub const READ_BY_GROUP_TYPE_REQ: u8 = 0x10;
    pub const READ_BY_GROUP_TYPE_RSP: u8 = 0x11;
    pub const WRITE_REQ: u8 = 0x12;
    pub const WRITE_RSP: u8 = 0x13;
    pub const WRITE_CMD: u8 = 0x52;
    pub const SIGNED_WRITE_CMD: u8 = 0xd2;
    pub const PREPARE_WRITE_REQ: u8 = 0x16;
    pub const PREPARE_WRITE_RSP: u8 = 0x17;
    pub const EXECUTE_WRITE_REQ: u8 = 0x18;
    pub const EXECUTE_WRITE_RSP: u8 = 0x19;
    pub const READ_MULTIPLE_VARIABLE_REQ: u8 = 0x20;
    pub const READ_MULTIPLE_VARIABLE_RSP: u8 = 0x21;
    pub const MULTIPLE_HANDLE_VALUE_NTF: u8 = 0x23;
    pub const HANDLE_VALUE_NTF: u8 = 0x1b;
    pub const HANDLE_VALUE_IND: u8 = 0x1d;
    pub const HANDLE_VALUE_CFM: u8 = 0x1e;
    /// Set in the opcode of a command, which is never answered.
    pub const COMMAND_FLAG: u8 = 0x40;
}

/// Error codes of an Error Response (3.4.1.1).
#[allow(missing_docs)]
pub mod error {
    pub const INVALID_HANDLE: u8 = 0x01;
    pub const READ_NOT_PERMITTED: u8 = 0x02;
    pub const WRITE_NOT_PERMITTED: u8 = 0x03;
    pub const INVALID_PDU: u8 = 0x04;
    pub const INSUFFICIENT_AUTHENTICATION: u8 = 0x05;
    pub const REQUEST_NOT_SUPPORTED: u8 = 0x06;
    pub const INVALID_OFFSET: u8 = 0x07;
    pub const INSUFFICIENT_AUTHORIZATION: u8 = 0x08;
    pub const PREPARE_QUEUE_FULL: u8 = 0x09;
    pub const ATTRIBUTE_NOT_FOUND: u8 = 0x0a;
    pub const ATTRIBUTE_NOT_LONG: u8 = 0x0b;
    pub const ENCRYPTION_KEY_SIZE_TOO_SHORT: u8 = 0x0c;
    pub const INVALID_ATTRIBUTE_VALUE_LENGTH: u8 = 0x0d;
    pub const UNLIKELY_ERROR: u8 = 0x0e;
    pub const INSUFFICIENT_ENCRYPTION: u8 = 0x0f;
    pub const UNSUPPORTED_GROUP_TYPE: u8 = 0x10;
    pub const INSUFFICIENT_RESOURCES: u8 = 0x11;
    pub const DATABASE_OUT_OF_SYNC: u8 = 0x12;
    pub const VALUE_NOT_ALLOWED: u8 = 0x13;
    pub const CCCD_IMPROPERLY_CONFIGURED: u8 = 0xfd;
}

/// Attribute types of the GATT profile (Vol 3, Part G, 3.8 and Assigned Numbers).
#[allow(missing_docs)]
pub mod uuid {
    pub const PRIMARY_SERVICE: u16 = 0x2800;
    pub const SECONDARY_SERVICE: u16 = 0x2801;
    pub const INCLUDE: u16 = 0x2802;
    pub const CHARACTERISTIC: u16 = 0x2803;
    pub const EXTENDED_PROPERTIES: u16 = 0x2900;
    pub const USER_DESCRIPTION: u16 = 0x2901;
    pub const CLIENT_CHARACTERISTIC_CONFIGURATION: u16 = 0x2902;
    pub const GAP_SERVICE: u16 = 0x1800;
    pub const GATT_SERVICE: u16 = 0x1801;
    pub const DEVICE_NAME: u16 = 0x2a00;
    pub const APPEARANCE: u16 = 0x2a01;
    pub const SERVICE_CHANGED: u16 = 0x2a05;
    pub const CENTRAL_ADDRESS_RESOLUTION: u16 = 0x2aa6;
    pub const CLIENT_SUPPORTED_FEATURES: u16 = 0x2b29;
    pub const DATABASE_HASH: u16 = 0x2b2a;
}

/// ATT_MTU before an exchange (3.2.8).
pub const DEFAULT_MTU: u16 = 23;

/// Milliseconds until a request or indication without an answer fails (3.3.3).
pub const TRANSACTION_TIMEOUT_MS: u32 = 30_000;
