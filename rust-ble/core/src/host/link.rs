//! Links come, change and go.

use super::startup::{Support, MAX_DATA_LENGTH};
use super::Host;
use crate::addr::Address;
use crate::config::MAX_LINKS;
use crate::conn::{State as LinkState, LINK_DEAD_MS};
use crate::error::{Error, Result};
use crate::event::{self, Role};
use crate::gap::{valid_parameters, ConnParams};
use crate::gatt::client::status as client_status;
use crate::gatt::db::SERVICE_CHANGED_HANDLE;
use crate::time::Instant;
use crate::wire::hci::{opcode, status, ConnectionComplete, ConnectionUpdateComplete};
use crate::wire::{first, Writer};

/// Status of an indication that was not confirmed, as NimBLE's binding and
/// scripts know it.
const INDICATION_FAILED: u16 = 1;

/// From an event of a link as peripheral to that as central.
const AS_CENTRAL: u8 = event::BLE_IRQ_PERIPHERAL_CONNECT - event::BLE_IRQ_CENTRAL_CONNECT;

impl Host {
    /// Ends a link; `Disconnected` follows. Nothing to do while it ends.
    pub fn disconnect(&mut self, now: Instant, conn: u16) -> Result<()> {
        self.now = now;
        let slot = self.slot(conn)?;
        let link = self.link(slot);
        if !link.ending {
            if !self.send_disconnect(link.handle, status::REMOTE_USER_TERMINATED) {
                return Err(Error::NoMemory);
            }
            let link = self.link_mut(slot);
            link.ending = true;
            link.overdue = Some(now.after(LINK_DEAD_MS));
        }
        Ok(())
    }

    pub(super) fn send_disconnect(&mut self, handle: u16, reason: u8) -> bool {
        self.send_of(opcode::DISCONNECT, handle, &[reason])
    }

    /// A command with a handle and what follows it, at most 26 bytes.
    #[inline(never)]
    pub(super) fn send_of(&mut self, opcode: u16, handle: u16, rest: &[u8]) -> bool {
        let mut params = [0; 28];
        let mut w = Writer::new(&mut params);
        w.u16(handle).bytes(rest);
        let len = w.len();
        let params = first(&params, len);
        self.commands.push(opcode, params)
    }

    /// A controller that keeps a packet, or does not end a link, for longer
    /// than any supervision timeout has lost the link.
    pub(super) fn link_overdue(&mut self, slot: usize) {
        let link = self.link(slot);
        if link.ending || self.disconnect(self.now, link.handle).is_err() {
            self.link_lost(slot);
        }
    }

    /// Asks for other connection parameters: interval in 1.25 ms, latency in
    /// events, timeout in 10 ms. As central, or as peripheral when both sides'
    /// controllers have the LL procedure, through HCI; else by L2CAP request.
    /// `ConnectionUpdate` tells the outcome.
    pub fn update_connection(
        &mut self,
        now: Instant,
        conn: u16,
        min: u16,
        max: u16,
        latency: u16,
        timeout: u16,
    ) -> Result<()> {
        self.now = now;
        let slot = self.slot(conn)?;
        let params = [min, max, latency, timeout];
        if !valid_parameters(&params) {
            return Err(Error::Invalid);
        }
        let link = self.link(slot);
        if link.role == Role::Peripheral && !link.parameter_request {
            return self
                .channels
                .request_update(now, self.l2cap_link(slot), params);
        }
        if self.send_update(conn, &params) {
            Ok(())
        } else {
            Err(Error::NoMemory)
        }
    }

    /// LE Connection Update (Vol 4, Part E, 7.8.18); `false` when as many wait as
    /// there may be links. A controller that refuses them all while the script takes
    /// no events would leave more events than there is room for.
    pub(super) fn send_update(&mut self, conn: u16, params: &ConnParams) -> bool {
        let opcode = opcode::LE_CONNECTION_UPDATE;
        usize::from(self.commands.count(opcode)) < MAX_LINKS
            && self.send_parameters(opcode, conn, params)
    }

    /// A command with the handle of a link, connection parameters, and any
    /// length of connection events.
    #[inline(never)]
    pub(super) fn send_parameters(&mut self, opcode: u16, conn: u16, params: &ConnParams) -> bool {
        let mut rest = [0; 12];
        let mut w = Writer::new(&mut rest);
        for &value in params {
            w.u16(value);
        }
        self.send_of(opcode, conn, &rest)
    }

    /// A link as the channels know it.
    pub(super) fn l2cap_link(&self, slot: usize) -> crate::l2cap::Link {
        let link = self.link(slot);
        crate::l2cap::Link {
            slot: slot as u8,
            conn: link.handle,
            role: link.role,
        }
    }

    #[inline(never)]
    pub(super) fn connection_complete(&mut self, complete: &ConnectionComplete) {
        let role = if complete.is_central() {
            Role::Central
        } else {
            Role::Peripheral
        };
        if complete.status() != status::SUCCESS {
            if role == Role::Central || self.initiating.is_some_and(|i| i.cancelled) {
                self.connect_failed();
            }
            return;
        }
        let (handle, peer) = (complete.handle(), complete.peer());
        // A handle that is in use belongs to a link whose end was lost, or this
        // is told twice: neither is to be trusted.
        let stale = self.find_link(handle);
        if let Some(slot) = stale {
            self.link_lost(slot);
        }
        // The script may have been told already that an attempt failed.
        let wanted = role == Role::Peripheral || self.initiating.is_some();
        let local = self.address();
        let welcome = wanted && stale.is_none() && self.is_active();
        let Some(slot) = self.links.vacancy(handle).filter(|_| welcome) else {
            self.send_disconnect(handle, status::LOW_RESOURCES);
            if role == Role::Central {
                self.connect_failed();
            }
            return;
        };
        if role == Role::Central {
            self.initiating = None;
        }
        let link = &mut self.links[slot];
        link.reset(&self.db);
        link.state = LinkState::Up;
        link.handle = handle;
        link.role = role;
        link.peer = self.smp.identities.resolve(&peer);
        link.peer_on_air = private_or(complete.peer_rpa(), &peer);
        link.local = private_or(complete.local_rpa(), &local);
        link.parameters = complete.parameters();
        self.tell_link(slot, event::BLE_IRQ_CENTRAL_CONNECT);
        if role == Role::Central
            || self
                .controller
                .support
                .contains(Support::PERIPHERAL_FEATURES)
        {
            self.send_of(opcode::LE_READ_REMOTE_FEATURES, handle, &[]);
        }
        self.ask_for_secrets(false);
    }

    /// Longer PDUs and the 2M PHY, if both sides have them.
    pub(super) fn remote_features(&mut self, conn: u16, features: u16) {
        let Some(slot) = self.find_link(conn) else {
            return;
        };
        let support = self.controller.support;
        let has = |bit: u16| features >> bit & 1 != 0;
        self.links[slot].parameter_request =
            support.contains(Support::CONNECTION_PARAMETERS) && has(1);
        if self.settings.options.data_length && support.contains(Support::DATA_LENGTH) && has(5) {
            self.send_of(opcode::LE_SET_DATA_LENGTH, conn, &MAX_DATA_LENGTH);
        }
        if self.settings.options.phy_2m && support.contains(Support::PHY_2M) && has(8) {
            self.send_of(opcode::LE_SET_PHY, conn, &[0, 0b010, 0b010, 0, 0]);
        }
    }

    pub(super) fn connection_updated(&mut self, update: ConnectionUpdateComplete) {
        let Some(slot) = self.find_link(update.handle) else {
            return;
        };
        let link = self.link_mut(slot);
        if update.status == status::SUCCESS {
            link.parameters = update.parameters;
        }
        self.channels.update_ended(slot as u8);
        self.tell_update(update.handle, update.parameters, update.status);
    }

    /// Tells that a link keeps its parameters.
    pub(super) fn tell_parameters(&mut self, slot: usize, status: u8) {
        let link = self.link(slot);
        self.tell_update(link.handle, link.parameters, status);
    }

    #[inline(never)]
    fn tell_update(&mut self, conn: u16, [interval, latency, timeout]: [u16; 3], status: u8) {
        let record = self.push_event(event::BLE_IRQ_CONNECTION_UPDATE, conn, interval);
        record.value = [interval, latency, timeout, status.into()];
    }

    /// Tells that a link has come or gone.
    #[inline(never)]
    fn tell_link(&mut self, slot: usize, kind: u8) {
        let link = &self.links[slot];
        let kind = match link.role {
            Role::Central => kind + AS_CENTRAL,
            Role::Peripheral => kind,
        };
        self.events.push(kind, link.handle, 0).set_peer(&link.peer);
    }

    /// Begins to wind up a link: what runs on it is told by `next_closing`.
    pub(super) fn link_lost(&mut self, slot: usize) {
        if self.link(slot).state != LinkState::Up {
            return;
        }
        self.stop_sending(slot);
        self.links.wake(slot);
        let link = self.link_mut(slot);
        link.state = LinkState::Closing;
        link.rx.clear();
        link.indication_deadline = None;
        self.channels.disconnected(slot as u8);
        self.smp.disconnected(slot as u8, self.now);
    }

    /// The link takes nothing any more: drops what waits to be sent, and has
    /// the controller's buffers back (Vol 4, Part E, 4.3).
    pub(super) fn stop_sending(&mut self, slot: usize) {
        let link = &mut self.links[slot];
        link.sends = false;
        self.controller.acl_free += link.in_flight;
        link.in_flight = 0;
        link.drop_tx(&mut self.tx);
        if self.outgoing.is_some_and(|out| out.slot() == Some(slot)) {
            self.outgoing = None;
        }
    }

    /// Tells the next of a link that ended: each procedure's end, then the
    /// link's own.
    pub(super) fn next_closing(&mut self, slot: usize) {
        let link = &mut self.links[slot];
        let conn = link.handle;
        let client = &mut link.client;
        let status = client_status::DISCONNECTED;
        if client.next_aborted(conn, status, &mut self.pool, &mut self.events)
            || self.indication_failed(slot)
            || self.channels.next_event(&mut self.events)
        {
            return;
        }
        self.tell_link(slot, event::BLE_IRQ_CENTRAL_DISCONNECT);
        self.drop_link(slot);
    }

    /// Frees a slot and all that belongs to it, without events.
    pub(super) fn drop_link(&mut self, slot: usize) {
        self.link_lost(slot);
        let link = &mut self.links[slot];
        link.client.clear(&mut self.pool);
        link.server.close(&mut self.pool);
        link.state = LinkState::Free;
        #[cfg(feature = "broken")]
        if self.is_broken(super::Defect::LeaksLink) && self.times_broken() == 1 {
            (self.links.all[slot].state, self.links.all[slot].handle) = (LinkState::Up, 0xffff);
        }
        while self.next_failed(slot).is_some() {}
        self.db.clear_cccds(slot);
    }

    /// Tells of an indication of the script that failed with its link, or timed
    /// out, and drops any of our own before it.
    pub(super) fn indication_failed(&mut self, slot: usize) -> bool {
        while let Some(handle) = self.next_failed(slot) {
            if handle != SERVICE_CHANGED_HANDLE {
                self.tell_indicated(slot, handle, INDICATION_FAILED);
                return true;
            }
        }
        false
    }

    /// Drops the next indication, and gives the handle of its value.
    #[inline(never)]
    fn next_failed(&mut self, slot: usize) -> Option<u16> {
        let indication = self.link_mut(slot).pop_indication()?;
        if let Some(block) = indication.pdu {
            self.tx.free(block);
        }
        Some(indication.handle)
    }

    /// Tells what became of an indication.
    pub(super) fn tell_indicated(&mut self, slot: usize, handle: u16, status: u16) {
        let conn = self.link(slot).handle;
        let record = self.push_event(event::BLE_IRQ_GATTS_INDICATE_DONE, conn, handle);
        record.value[1] = status;
    }
}

/// The private address that was on air if the controller names one, else
/// `other`.
#[inline(never)]
fn private_or(rpa: &[u8; 6], other: &Address) -> Address {
    match *rpa == [0; 6] {
        true => *other,
        false => Address::random(*rpa),
    }
}
