//! Who may read and write an attribute (Vol 3, Part F, 3.2.5 and Part C, 10.3.1).
//!
//! Checked in this order: the operation as such, then the link (is there
//! encryption, from an authenticated key, long enough), then authorization.
//!
//! AUTHORIZED: MicroPython has no way to authorize but the read request. A
//! read with READ_AUTHORIZED is what the script's handler says; so is the
//! subscription to such a value, because it will be sent. A write with
//! WRITE_AUTHORIZED is always refused: nobody can allow it, and a permission
//! that is asked for must not be silently open.

use super::db::flag;
use super::layout::{Attribute, Kind};
use crate::wire::att::error;
use crate::Security;

/// What a link offers to fulfil a permission.
#[derive(Clone, Copy, Debug)]
pub struct Credentials {
    /// The link as it is.
    pub security: Security,
    /// What encryption with a stored key of this peer would give.
    pub stored: Option<Security>,
    /// The shortest key, in bytes, that counts as encryption.
    pub min_key_size: u8,
}

const ENCRYPTED: u16 = 1;
const AUTHENTICATED: u16 = 2;

/// Whether the client may read; an ATT error code if not.
pub(super) fn check_read(attribute: Attribute, credentials: &Credentials) -> Result<(), u8> {
    match attribute.kind() {
        Kind::Service | Kind::Declaration => return Ok(()),
        _ => {}
    }
    if attribute.flags() & flag::READ == 0 {
        return Err(error::READ_NOT_PERMITTED);
    }
    check_updates(attribute, credentials)
}

/// Whether the client may be sent the value, and ask for it.
pub(super) fn check_updates(attribute: Attribute, credentials: &Credentials) -> Result<(), u8> {
    check_link(attribute.flags() >> 9, credentials)
}

/// Whether the client may write; an ATT error code if not. NimBLE makes no
/// difference between write requests and commands, scripts rely on that.
pub(super) fn check_write(attribute: Attribute, credentials: &Credentials) -> Result<(), u8> {
    if attribute.flags() & (flag::WRITE | flag::WRITE_NO_RESPONSE) == 0 {
        return Err(error::WRITE_NOT_PERMITTED);
    }
    check_link(attribute.flags() >> 12, credentials)?;
    if attribute.flags() & flag::WRITE_AUTHORIZED != 0 && attribute.kind() != Kind::Cccd {
        return Err(error::INSUFFICIENT_AUTHORIZATION);
    }
    Ok(())
}

/// Vol 3, Part C, table 10.2, for a server.
fn check_link(needs: u16, credentials: &Credentials) -> Result<(), u8> {
    if needs & (ENCRYPTED | AUTHENTICATED) == 0 {
        return Ok(());
    }
    let lacks_mitm = |key: &Security| needs & AUTHENTICATED != 0 && !key.authenticated;
    if !credentials.security.encrypted() {
        return Err(match &credentials.stored {
            Some(key) if key.encrypted() && !lacks_mitm(key) => error::INSUFFICIENT_ENCRYPTION,
            _ => error::INSUFFICIENT_AUTHENTICATION,
        });
    }
    if lacks_mitm(&credentials.security) {
        return Err(error::INSUFFICIENT_AUTHENTICATION);
    }
    if credentials.security.key_size < credentials.min_key_size {
        return Err(error::ENCRYPTION_KEY_SIZE_TOO_SHORT);
    }
    Ok(())
}
