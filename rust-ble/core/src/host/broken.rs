//! Defects on demand, one for each thing that the harness of the simulation
//! checks: it must catch all of them. Never part of a firmware.

use super::Host;
use crate::event::Event;

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
}

/// The defect of a host, and how often it has shown.
#[derive(Debug)]
pub(super) struct Broken {
    defect: Option<Defect>,
    shown: u32,
}

impl Broken {
    pub(super) const NOT: Broken = Broken {
        defect: None,
        shown: 0,
    };
}

impl Host {
    /// Gives the host a defect.
    pub fn break_it(&mut self, defect: Defect) {
        self.broken = Broken {
            defect: Some(defect),
            shown: 0,
        };
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
    pub(super) fn break_event(&mut self, event: Event<'static>) -> Option<Event<'static>> {
        use Defect::*;
        let lost = match event {
            Event::GattcReadDone { .. } => self.is_broken(LosesEnd),
            Event::ScanDone => self.is_broken(LosesScanDone),
            Event::ConnectFailed { .. } => self.is_broken(LosesConnectFailed),
            Event::Disconnected { .. } => self.is_broken(LosesDisconnect),
            _ => false,
        };
        let again = match event {
            Event::GattcReadDone { .. } => self.is_broken(EndsTwice),
            Event::ScanDone => self.is_broken(ScanDoneTwice),
            Event::Connected { .. } => self.is_broken(ConnectsTwice),
            Event::Disconnected { .. } => self.is_broken(Spins),
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
            let _ = self.events.push_front(event);
        }
        (!lost).then_some(event)
    }
}
