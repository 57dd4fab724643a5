//! What outlives an activation.

use super::Options;
use crate::config::{MTU_RANGE, PREFERRED_MTU};
use crate::error::{Error, Result};
use crate::gap::AddressMode;
use crate::smp::{IoCapability, OwnIdentity, Rng, SecurityConfig};

/// What the script configured, our identity, and the state of the random
/// generator: all that a host leaves to the next one.
#[derive(Debug)]
pub struct Settings {
    /// What pairings to come ask for.
    pub security: SecurityConfig,
    /// What the host does of its own accord.
    pub options: Options,
    /// How our address is made.
    pub mode: AddressMode,
    pub(super) mtu: u16,
    pub(super) own: OwnIdentity,
    pub(super) rng: Rng,
    /// Advertising reports dropped because the script was busy with a command
    /// while the receive queue was full.
    pub dropped_reports: u32,
}

impl Settings {
    /// Everything at its default, and no entropy.
    pub const DEFAULT: Settings = Settings {
        security: SecurityConfig::NONE,
        options: Options::ALL,
        mtu: PREFERRED_MTU,
        ..Self::blank()
    };

    /// All of it zeros, for a static, which then takes no flash.
    pub const fn blank() -> Self {
        Settings {
            security: SecurityConfig {
                io: IoCapability::DisplayOnly,
                secure: false,
                min_key_size: 0,
                ..SecurityConfig::NONE
            },
            options: Options {
                data_length: false,
                phy_2m: false,
                resolving_list: false,
                rpa_timeout_ms: 0,
            },
            mode: AddressMode::Public,
            mtu: 0,
            own: OwnIdentity::NONE,
            rng: Rng::unseeded(),
            dropped_reports: 0,
        }
    }

    /// ATT_MTU that we offer and answer with, 23 to 517.
    pub fn preferred_mtu(&self) -> u16 {
        self.mtu
    }

    /// Sets the ATT_MTU for exchanges to come.
    pub fn set_preferred_mtu(&mut self, mtu: u16) -> Result<()> {
        if !MTU_RANGE.contains(&mtu) {
            return Err(Error::Invalid);
        }
        self.mtu = mtu;
        Ok(())
    }

    /// The script's configuration alone, without what the host made of its own.
    pub fn configuration(&self) -> Settings {
        Settings {
            security: self.security,
            options: self.options,
            mode: self.mode,
            mtu: self.mtu,
            ..Self::blank()
        }
    }
}
