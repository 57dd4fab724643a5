//! Defects on demand, one for each thing that the harness of the simulation
//! checks: it must catch all of them. Never part of a firmware.

use super::Host;
use crate::config::POOL_BLOCKS;
use crate::event::*;
use crate::pool::Block;
use crate::time::Instant;

/// What a broken host does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// Keeps a PDU for each link.
    LeaksPdu,
    /// Keeps a value for each link.
    LeaksValue,
    /// Keeps the slot of a link.
    LeaksLink,
    /// Does not tell the end of a read.
    LosesEnd,
    /// Tells the end of a read twice.
    EndsTwice,
    /// Does not tell the end of a scan.
    LosesScanDone,
    /// Tells the end of a scan twice.
    ScanDoneTwice,
    /// Does not tell the end of an attempt to connect.
    LosesConnectFailed,
    /// Does not tell the end of a link.
    LosesDisconnect,
    /// Tells of a link before it is there.
    ConnectsTwice,
    /// Is never switched off.
    NeverStops,
    /// Can be switched on only once.
    StartsOnce,
    /// Panics at a write of a client.
    Panics,
    /// Tells the end of a link for ever.
    Spins,
    /// Tells the end of a link twice.
    DisconnectsTwice,
    /// Does not tell that an indication was confirmed.
    LosesIndicateDone,
    /// Tells it twice.
    IndicateDoneTwice,
    /// Does not tell of other connection parameters.
    LosesUpdate,
    /// Does not tell how a pairing ended.
    LosesEncryption,
    /// Does not tell that a channel is open.
    LosesChannel,
    /// Tells it twice.
    ChannelTwice,
    /// Does not tell the end of a channel.
    LosesChannelEnd,
    /// Tells it twice.
    ChannelEndsTwice,
    /// Tells twice that an attempt to connect failed.
    FailsTwice,
    /// Tells of a link of another handle.
    WrongLink,
    /// Sends what the controller has no room for.
    IgnoresCredits,
}

/// A pool that is taken away for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starved {
    /// That of PDUs to send.
    Pdus,
    /// That of values that procedures keep.
    Values,
}

/// For so long, in milliseconds.
const STARVED_MS: u32 = 700;

/// The defect of a host, and how often it has shown; what is taken from which
/// pool until when.
#[derive(Debug)]
pub(super) struct Broken {
    defect: Option<Defect>,
    shown: u32,
    starved: Starved,
    after: Option<u32>,
    taken: heapless::Vec<Block, POOL_BLOCKS>,
    until: Instant,
}

impl Broken {
    pub(super) const NOT: Broken = Broken {
        defect: None,
        shown: 0,
        starved: Starved::Pdus,
        after: None,
        taken: heapless::Vec::new(),
        until: Instant(0),
    };

    /// Blocks that are not the host's own of both pools.
    pub(super) fn taken(&self) -> [usize; 2] {
        match self.starved {
            Starved::Pdus => [self.taken.len(), 0],
            Starved::Values => [0, self.taken.len()],
        }
    }
}

impl Host {
    /// Gives the host a defect.
    pub fn break_it(&mut self, defect: Defect) {
        self.broken = Broken {
            defect: Some(defect),
            ..Broken::NOT
        };
    }

    /// Takes a pool away for a while after so many packets of the controller.
    pub fn starve(&mut self, pool: Starved, after: u32) {
        self.broken = Broken {
            starved: pool,
            after: Some(after),
            ..Broken::NOT
        };
    }

    /// A packet has arrived.
    pub(super) fn count_to_hunger(&mut self) {
        self.broken.after = match self.broken.after {
            Some(0) => {
                self.broken.until = self.now.after(STARVED_MS);
                let pool = match self.broken.starved {
                    Starved::Pdus => &mut self.tx,
                    Starved::Values => &mut self.pool,
                };
                let mut len = pool.free_bytes();
                while len > 0 {
                    match pool.alloc(len, 0) {
                        Some(block) => drop(self.broken.taken.push(block)),
                        None => len /= 2,
                    }
                }
                None
            }
            after => after.map(|n| n - 1),
        };
    }

    /// Gives back what was taken, when it is time.
    pub(super) fn feed(&mut self) {
        if self.broken.taken.is_empty() || !self.broken.until.reached(self.now) {
            return;
        }
        while let Some(block) = self.broken.taken.pop() {
            match self.broken.starved {
                Starved::Pdus => self.tx.free(block),
                Starved::Values => self.pool.free(block),
            }
        }
        self.links.wake_all();
    }

    /// Whether the host has this defect; counts how often it was asked.
    pub(super) fn is_broken(&mut self, defect: Defect) -> bool {
        let is_broken = self.broken.defect == Some(defect);
        self.broken.shown += is_broken as u32;
        is_broken
    }

    /// How often the defect has shown.
    pub(super) fn times_broken(&self) -> u32 {
        self.broken.shown
    }

    /// What a broken host makes of an event.
    pub(super) fn break_event(&mut self, record: Record) -> Option<Record> {
        use Defect::*;
        let event = record.event(&[], &[])?;
        let lost = match event {
            Event::GattcReadDone { .. } => self.is_broken(LosesEnd),
            Event::ScanDone => self.is_broken(LosesScanDone),
            Event::ConnectFailed { .. } => self.is_broken(LosesConnectFailed),
            Event::Disconnected { .. } => self.is_broken(LosesDisconnect),
            Event::GattsIndicateDone { .. } => self.is_broken(LosesIndicateDone),
            Event::ConnectionUpdate { .. } => self.is_broken(LosesUpdate),
            Event::EncryptionUpdate { .. } => self.is_broken(LosesEncryption),
            Event::L2capConnected { .. } => self.is_broken(LosesChannel),
            Event::L2capDisconnected { .. } => self.is_broken(LosesChannelEnd),
            _ => false,
        };
        let again = match event {
            Event::GattcReadDone { .. } => self.is_broken(EndsTwice),
            Event::ScanDone => self.is_broken(ScanDoneTwice),
            Event::Connected { .. } => self.is_broken(ConnectsTwice),
            Event::Disconnected { .. } => self.is_broken(Spins) || self.is_broken(DisconnectsTwice),
            Event::ConnectFailed { .. } => self.is_broken(FailsTwice),
            Event::GattsIndicateDone { .. } => self.is_broken(IndicateDoneTwice),
            Event::L2capConnected { .. } => self.is_broken(ChannelTwice),
            Event::L2capDisconnected { .. } => self.is_broken(ChannelEndsTwice),
            Event::GattsWrite { .. } if self.is_broken(Panics) => panic!("broken"),
            _ => false,
        };
        // Blocks are given back by `free` alone.
        if let Event::Connected { .. } = event {
            if self.is_broken(LeaksPdu) {
                let _ = self.tx.alloc(1, 0);
            }
            if self.is_broken(LeaksValue) {
                let _ = self.pool.alloc(1, 0);
            }
        }
        if again && (self.times_broken() % 2 == 1 || self.is_broken(Spins)) {
            self.events.push_front(record);
        }
        if let Event::MtuExchanged { .. } = event {
            if self.is_broken(WrongLink) {
                return Some(Record {
                    conn: 0x0eee,
                    ..record
                });
            }
        }
        (!lost).then_some(record)
    }
}
