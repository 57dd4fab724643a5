//! SMP PDUs (Vol 3, Part H, 3.3 to 3.6): a code, then a body of fixed length.

use super::SecurityConfig;

/// Codes (3.3).
#[allow(missing_docs)]
pub mod code {
    pub const PAIRING_REQUEST: u8 = 0x01;
    pub const PAIRING_RESPONSE: u8 = 0x02;
    pub const PAIRING_CONFIRM: u8 = 0x03;
    pub const PAIRING_RANDOM: u8 = 0x04;
    pub const PAIRING_FAILED: u8 = 0x05;
    pub const ENCRYPTION_INFORMATION: u8 = 0x06;
    pub const CENTRAL_IDENTIFICATION: u8 = 0x07;
    pub const IDENTITY_INFORMATION: u8 = 0x08;
    pub const IDENTITY_ADDRESS_INFORMATION: u8 = 0x09;
    pub const SIGNING_INFORMATION: u8 = 0x0a;
    pub const SECURITY_REQUEST: u8 = 0x0b;
    pub const PAIRING_PUBLIC_KEY: u8 = 0x0c;
    pub const PAIRING_DHKEY_CHECK: u8 = 0x0d;
    pub const PAIRING_KEYPRESS_NOTIFICATION: u8 = 0x0e;
}

/// Reasons of Pairing Failed (3.5.5).
#[allow(missing_docs)]
pub mod reason {
    pub const PASSKEY_ENTRY_FAILED: u8 = 0x01;
    pub const OOB_NOT_AVAILABLE: u8 = 0x02;
    pub const AUTHENTICATION_REQUIREMENTS: u8 = 0x03;
    pub const CONFIRM_VALUE_FAILED: u8 = 0x04;
    pub const PAIRING_NOT_SUPPORTED: u8 = 0x05;
    pub const ENCRYPTION_KEY_SIZE: u8 = 0x06;
    pub const COMMAND_NOT_SUPPORTED: u8 = 0x07;
    pub const UNSPECIFIED_REASON: u8 = 0x08;
    pub const REPEATED_ATTEMPTS: u8 = 0x09;
    pub const INVALID_PARAMETERS: u8 = 0x0a;
    pub const DHKEY_CHECK_FAILED: u8 = 0x0b;
    pub const NUMERIC_COMPARISON_FAILED: u8 = 0x0c;
    pub const KEY_REJECTED: u8 = 0x0f;
}

/// Bits of AuthReq (3.5.1); the two lowest are the bonding flags.
#[allow(missing_docs)]
pub mod auth {
    pub const BONDING_MASK: u8 = 0x03;
    pub const BONDING: u8 = 0x01;
    pub const MITM: u8 = 0x04;
    pub const SECURE_CONNECTIONS: u8 = 0x08;
}

/// Bits of the key distribution fields (3.6.1). LinkKey, 0x08, would derive a
/// key for BR/EDR: never offered, never accepted (CVE-2020-15802).
#[allow(missing_docs)]
pub mod keys {
    pub const ENCRYPTION: u8 = 0x01;
    pub const IDENTITY: u8 = 0x02;
    pub const SIGNING: u8 = 0x04;
}

/// Longest SMP PDU, Pairing Public Key (3.5.6): the MTU of the channel with
/// LE Secure Connections.
pub const MAX_PDU: usize = 65;

/// Length of the body of each code, from 1 up.
const LENGTHS: [u8; 14] = [6, 6, 16, 16, 1, 16, 10, 16, 7, 16, 1, 64, 16, 1];

/// Splits a PDU into code and body. `None` for codes that are reserved and
/// hence ignored (3.3); a body of the wrong length is an error.
pub fn parse(pdu: &[u8]) -> Option<Result<(u8, &[u8]), u8>> {
    let Some((&code, body)) = pdu.split_first() else {
        return Some(Err(reason::INVALID_PARAMETERS));
    };
    let len = *LENGTHS.get((code as usize).wrapping_sub(1))?;
    Some(if body.len() == len as usize {
        Ok((code, body))
    } else {
        Err(reason::INVALID_PARAMETERS)
    })
}

/// Pairing Request or Response (3.5.1 and 3.5.2) with its code, as it goes
/// into c1: see `feature` for what is where.
pub type Features = [u8; 7];

/// Where in `Features` a field is.
#[allow(missing_docs)]
pub mod feature {
    pub const IO: usize = 1;
    pub const OOB: usize = 2;
    pub const AUTH: usize = 3;
    pub const MAX_KEY_SIZE: usize = 4;
    pub const INITIATOR_KEYS: usize = 5;
    pub const RESPONDER_KEYS: usize = 6;
}

/// What we say of ourselves, without any keys.
pub fn our_features(code: u8, config: &SecurityConfig) -> Features {
    [code, config.io as u8, 0, auth_req(config), 16, 0, 0]
}

/// Whether the sender of a Pairing Request or Response wants to keep keys.
pub fn wants_bond(features: &Features) -> bool {
    features[feature::AUTH] & auth::BONDING_MASK == auth::BONDING
}

/// AuthReq of our Pairing Request, Response and Security Request. Keypress
/// and CT2 are never set.
#[inline(never)]
pub fn auth_req(config: &SecurityConfig) -> u8 {
    let bit = |on, bit| if on { bit } else { 0 };
    bit(config.bond, auth::BONDING)
        | bit(config.mitm, auth::MITM)
        | bit(
            config.secure || config.secure_only,
            auth::SECURE_CONNECTIONS,
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_length() {
        for code in 0..=255u8 {
            for len in 0..=MAX_PDU {
                let mut pdu = [0; MAX_PDU + 1];
                pdu[0] = code;
                let parsed = parse(&pdu[..len + 1]);
                match code {
                    1..=14 if len == LENGTHS[code as usize - 1] as usize => {
                        assert_eq!(parsed, Some(Ok((code, &pdu[1..len + 1]))))
                    }
                    1..=14 => assert_eq!(parsed, Some(Err(reason::INVALID_PARAMETERS))),
                    _ => assert_eq!(parsed, None),
                }
            }
        }
        assert_eq!(parse(&[]), Some(Err(reason::INVALID_PARAMETERS)));
    }

    #[test]
    fn our_features_say_what_we_can() {
        let config = SecurityConfig {
            io: crate::smp::IoCapability::KeyboardDisplay,
            bond: true,
            ..Default::default()
        };
        let features = our_features(code::PAIRING_REQUEST, &config);
        assert_eq!(features, [1, 4, 0, 0x09, 16, 0, 0]);
        assert!(wants_bond(&features));
        assert!(!wants_bond(&[1, 4, 0, 0x0a, 16, 0, 0]));
    }

    #[test]
    fn auth_req_says_what_the_script_wants() {
        let mut config = SecurityConfig {
            secure: false,
            ..Default::default()
        };
        assert_eq!(auth_req(&config), 0);
        config.bond = true;
        config.mitm = true;
        assert_eq!(auth_req(&config), 0x05);
        config.secure_only = true;
        assert_eq!(auth_req(&config), 0x0d);
    }
}
