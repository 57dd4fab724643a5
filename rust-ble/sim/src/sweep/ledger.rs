//! What a host owes its script: each thing that was started, until the one
//! event that ends it.

use ble_core::{Event, Role};
use std::collections::BTreeMap;

/// Something started on a link that ends with an event of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Procedure {
    /// Discovery of services.
    Services,
    /// Discovery of characteristics.
    Characteristics,
    /// Discovery of descriptors.
    Descriptors,
    /// A read of this handle.
    Read(u16),
    /// A write with response to this handle.
    Write(u16),
}

/// How far a channel has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    /// Asked for by us.
    Begun,
    /// Asked for by the peer and accepted.
    Accepted,
    /// `L2capConnected` was told.
    Open,
}

#[derive(Clone, Debug, Default)]
struct Link {
    /// Client procedures in order: one runs at a time (Vol 3, Part F, 3.3.2).
    client: Vec<Procedure>,
    /// Indications in order, by value handle.
    indications: Vec<u16>,
    channels: BTreeMap<u16, Channel>,
    /// Started updates that were not told of, and whether a pairing was
    /// started, which others join; these end with the link as well.
    updates: u32,
    pairing: bool,
}

/// The books of one host.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    links: BTreeMap<u16, Link>,
    /// A scan's end is owed.
    scanning: bool,
    /// Ends of scans that may be told: a scan that is started while another
    /// runs goes on with it, or follows it if that has just ended.
    scans: u32,
    connecting: bool,
    /// The end of an attempt may be told, and is not owed.
    may_connect: bool,
    /// The controller may keep ends to itself: of updates, and of channels
    /// whose acceptance does not reach the peer.
    pub lenient: bool,
    /// What was wrong.
    pub problems: Vec<String>,
}

impl Ledger {
    /// A client procedure was taken.
    pub fn started(&mut self, conn: u16, procedure: Procedure) {
        self.link(conn).client.push(procedure);
    }

    /// An indication was taken.
    pub fn indicated(&mut self, conn: u16, handle: u16) {
        self.link(conn).indications.push(handle);
    }

    /// A scan was asked for.
    pub fn may_scan(&mut self) {
        self.scans = if self.scanning { self.scans + 1 } else { 1 };
    }

    /// The scan that was asked for runs.
    pub fn scanning(&mut self) {
        self.scanning = true;
    }

    /// The scan that was asked for was refused.
    pub fn not_scanning(&mut self) {
        self.scans = self.scans.saturating_sub(1);
    }

    /// An attempt to connect runs.
    pub fn connecting(&mut self) {
        self.connecting = true;
    }

    /// An attempt was refused after all.
    pub fn not_connecting(&mut self) {
        (self.connecting, self.may_connect) = (false, false);
    }

    /// An attempt runs, or was refused.
    pub fn may_connect(&mut self) {
        (self.connecting, self.may_connect) = (false, self.connecting);
    }

    /// Other connection parameters were asked for.
    pub fn updating(&mut self, conn: u16) {
        self.link(conn).updates += 1;
    }

    /// A pairing was asked for.
    pub fn pairing(&mut self, conn: u16) {
        self.link(conn).pairing = true;
    }

    /// A channel was asked for.
    pub fn channel(&mut self, conn: u16, cid: u16) {
        self.open(conn, cid, Channel::Begun);
    }

    /// A channel was accepted.
    pub fn accepted(&mut self, conn: u16, cid: u16) {
        self.open(conn, cid, Channel::Accepted);
    }

    /// The host was switched off: it owes nothing any more.
    pub fn switched_off(&mut self) {
        let problems = std::mem::take(&mut self.problems);
        *self = Ledger {
            problems,
            lenient: self.lenient,
            ..Ledger::default()
        };
    }

    /// Handles of the links there are.
    pub fn links(&self) -> Vec<u16> {
        self.links.keys().copied().collect()
    }

    /// What is still owed, apart from the ends of links; empty if nothing is.
    pub fn owed(&self) -> Vec<String> {
        let mut owed = Vec::new();
        for (conn, link) in &self.links {
            owed.extend(link.client.iter().map(|p| format!("{p:?} on {conn}")));
            owed.extend(
                link.indications
                    .iter()
                    .map(|h| format!("indication of {h} on {conn}")),
            );
            if link.updates > 0 && !self.lenient {
                owed.push(format!("update of {conn}"));
            }
            if link.pairing {
                owed.push(format!("pairing on {conn}"));
            }
            let begun = link.channels.iter().filter(|(_, state)| match state {
                Channel::Begun => true,
                Channel::Accepted => !self.lenient,
                Channel::Open => false,
            });
            owed.extend(begun.map(|(cid, _)| format!("channel {cid:#x} on {conn}")));
        }
        if self.scanning {
            owed.push("scan".into());
        }
        if self.connecting {
            owed.push("connection attempt".into());
        }
        owed
    }

    /// Takes note of what the host told.
    pub fn told(&mut self, event: &Event) {
        if let Err(problem) = self.enter(event) {
            self.problems.push(format!("{problem}: {event:?}"));
        }
    }

    fn open(&mut self, conn: u16, cid: u16, state: Channel) {
        if self.link(conn).channels.insert(cid, state).is_some() {
            self.problems
                .push(format!("channel {cid:#x} given twice on {conn}"));
        }
    }

    /// Whether there was an attempt to connect, which has ended now.
    fn attempt_ended(&mut self) -> bool {
        let was = self.connecting || self.may_connect;
        self.not_connecting();
        was
    }

    fn link(&mut self, conn: u16) -> &mut Link {
        self.links.entry(conn).or_default()
    }

    fn known(&mut self, conn: u16) -> Result<&mut Link, &'static str> {
        self.links
            .get_mut(&conn)
            .ok_or("told of a link that is not there")
    }

    fn result(&mut self, conn: u16, procedure: Procedure) -> Result<(), &'static str> {
        match self.known(conn)?.client.first() {
            Some(first) if *first == procedure => Ok(()),
            _ => Err("a result of nothing that runs"),
        }
    }

    fn done(&mut self, conn: u16, procedure: Procedure) -> Result<(), &'static str> {
        self.result(conn, procedure)
            .map_err(|_| "an end of nothing that runs")?;
        self.known(conn)?.client.remove(0);
        Ok(())
    }

    fn open_channel(&mut self, conn: u16, cid: u16) -> Result<(), &'static str> {
        match self.known(conn)?.channels.get(&cid) {
            Some(Channel::Open) => Ok(()),
            _ => Err("told of a channel that is not open"),
        }
    }

    fn enter(&mut self, event: &Event) -> Result<(), &'static str> {
        use Event::*;
        match *event {
            Connected { conn, role, .. } => {
                if role == Role::Central && !self.attempt_ended() {
                    return Err("connected without being asked to");
                }
                if self.links.insert(conn, Link::default()).is_some() {
                    return Err("connected twice");
                }
            }
            Disconnected { conn, .. } => {
                let link = self.links.remove(&conn).ok_or("disconnected twice")?;
                if !link.client.is_empty() || !link.indications.is_empty() {
                    return Err("procedures were not ended before the link");
                }
                if !link.channels.is_empty() {
                    return Err("channels were not ended before the link");
                }
            }
            ConnectFailed { .. } => {
                if !self.attempt_ended() {
                    return Err("failed to connect without being asked to");
                }
            }
            ScanResult { .. } if self.scans == 0 => return Err("a report without a scan"),
            ScanResult { .. } => {}
            ScanDone => {
                self.scanning = false;
                self.scans = self.scans.checked_sub(1).ok_or("an end of no scan")?;
            }
            ConnectionUpdate { conn, .. } => {
                let link = self.known(conn)?;
                link.updates = link.updates.saturating_sub(1);
            }
            EncryptionUpdate { conn, .. } => {
                let link = self.known(conn)?;
                link.pairing = false;
            }
            MtuExchanged { conn, .. } => {
                self.known(conn)?;
            }
            GattcService { conn, .. } => self.result(conn, Procedure::Services)?,
            GattcServiceDone { conn, .. } => self.done(conn, Procedure::Services)?,
            GattcCharacteristic { conn, .. } => self.result(conn, Procedure::Characteristics)?,
            GattcCharacteristicDone { conn, .. } => self.done(conn, Procedure::Characteristics)?,
            GattcDescriptor { conn, .. } => self.result(conn, Procedure::Descriptors)?,
            GattcDescriptorDone { conn, .. } => self.done(conn, Procedure::Descriptors)?,
            GattcReadResult { conn, handle, .. } => self.result(conn, Procedure::Read(handle))?,
            GattcReadDone { conn, handle, .. } => self.done(conn, Procedure::Read(handle))?,
            GattcWriteDone { conn, handle, .. } => self.done(conn, Procedure::Write(handle))?,
            GattsIndicateDone { conn, handle, .. } => {
                let indications = &mut self.known(conn)?.indications;
                if indications.first() != Some(&handle) {
                    return Err("an end of no indication");
                }
                indications.remove(0);
            }
            GattcNotify { conn, .. }
            | GattcIndicate { conn, .. }
            | GattsWrite { conn, .. }
            | GattsReadRequest { conn, .. }
            | PasskeyAction { conn, .. }
            | L2capAccept { conn, .. } => {
                self.known(conn)?;
            }
            L2capConnected { conn, cid, .. } => match self.known(conn)?.channels.get_mut(&cid) {
                Some(state @ (Channel::Begun | Channel::Accepted)) => *state = Channel::Open,
                _ => return Err("a channel that nobody asked for"),
            },
            L2capDisconnected { conn, cid, .. } => {
                self.known(conn)?
                    .channels
                    .remove(&cid)
                    .ok_or("an end of no channel")?;
            }
            L2capRecv { conn, cid } => self.open_channel(conn, cid)?,
            L2capSendReady { conn, cid, .. } => self.open_channel(conn, cid)?,
            GetSecret { .. } | SetSecret { .. } => {}
        }
        Ok(())
    }
}
