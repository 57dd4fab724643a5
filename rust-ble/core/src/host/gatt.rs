//! GATT and L2CAP as the script uses them.

use super::Host;
use crate::config::{MAX_LINKS, MAX_VALUE_LEN, POOL_BLOCKS, POOL_BYTES, POOL_RESERVE, TX_QUEUE};
use crate::conn::{Indication, State as LinkState, L2CAP_HEADER};
use crate::error::{Error, Result};
use crate::event::Token;
use crate::gatt::db::{cccd, Database, SERVICE_CHANGED_HANDLE};
use crate::l2cap::cid;
use crate::pool::{Block, Pool};
use crate::time::Instant;
use crate::uuid::Uuid;
use crate::wire::att::opcode;

/// Entries of a link's send queue that a script leaves for answers.
const QUEUE_RESERVE: usize = TX_QUEUE / 4;

impl Host {
    /// The attribute database.
    pub fn database(&mut self) -> &mut Database {
        // Clients may have to be told of changes.
        self.links.wake_all();
        &mut self.db
    }

    /// Sends a notification of `value`, or of the stored one, whatever the
    /// client's CCCD says. Cut to ATT_MTU - 3.
    ///
    /// To a client that might not read the value now, nothing is sent. That is
    /// no error, or a stranger that connects would end a script.
    ///
    /// `NotFound` for no such handle, `NoMemory` while too much waits.
    pub fn notify(
        &mut self,
        now: Instant,
        conn: u16,
        handle: u16,
        value: Option<&[u8]>,
    ) -> Result<()> {
        self.now = now;
        let slot = self.slot(conn)?;
        self.notify_on(slot, handle, value)
    }

    fn notify_on(&mut self, slot: usize, handle: u16, value: Option<&[u8]>) -> Result<()> {
        match self.value_pdu(slot, opcode::HANDLE_VALUE_NTF, handle, value) {
            Err(Error::Security) => Ok(()),
            block => self.queue_pdu(slot, block?),
        }
    }

    /// Sends an indication, after those that wait; `GattsIndicateDone` tells
    /// when it was confirmed. Else as `notify`, but `Security` to a client that
    /// might not read the value.
    pub fn indicate(
        &mut self,
        now: Instant,
        conn: u16,
        handle: u16,
        value: Option<&[u8]>,
    ) -> Result<()> {
        self.now = now;
        let slot = self.slot(conn)?;
        self.indicate_on(slot, handle, value)
    }

    fn indicate_on(&mut self, slot: usize, handle: u16, value: Option<&[u8]>) -> Result<()> {
        if self.link(slot).indications.is_full() {
            return Err(Error::NoMemory);
        }
        let block = self.value_pdu(slot, opcode::HANDLE_VALUE_IND, handle, value)?;
        let indication = Indication {
            handle,
            pdu: Some(block),
        };
        // There is room, as was seen above.
        let _ = self.link_mut(slot).indications.push(indication);
        Ok(())
    }

    /// How many indications wait for their confirmation, or to be sent.
    pub fn indications(&self, conn: u16) -> usize {
        match self.find_link(conn) {
            Some(slot) => self.links[slot].indications.len(),
            None => 0,
        }
    }

    /// Stores a value; with `update` tells each client as its CCCD asks.
    ///
    /// `NotFound`, or `NeedMemory` having changed nothing. A client that might
    /// not read the value is not told, nor is one for which too much waits: a
    /// script writes what it measures whoever is out of reach. The newest
    /// indication that waits gives way to the value that follows it.
    pub fn gatts_write(
        &mut self,
        now: Instant,
        handle: u16,
        value: &[u8],
        update: bool,
    ) -> Result<()> {
        self.now = now;
        self.is_running()?;
        self.db.write(handle, value)?;
        self.links.wake_all();
        for slot in 0..self.links.all.len() {
            let link = self.link(slot);
            if !update || link.state != LinkState::Up {
                continue;
            }
            let bits = self.db.cccd(slot, handle);
            if bits & cccd::NOTIFY != 0 {
                let _ = self.notify_on(slot, handle, None);
            } else if bits & cccd::INDICATE != 0 {
                if link.indications.is_full() {
                    self.indicate_instead(slot, handle);
                } else {
                    let _ = self.indicate_on(slot, handle, None);
                }
            }
        }
        Ok(())
    }

    /// Indicates the stored value in place of that in the last indication.
    fn indicate_instead(&mut self, slot: usize, handle: u16) {
        let Ok(block) = self.value_pdu(slot, opcode::HANDLE_VALUE_IND, handle, None) else {
            return;
        };
        let unused = match self.links[slot].indications.last_mut() {
            Some(Indication {
                handle: last,
                pdu: Some(waiting),
            }) if *last == handle => core::mem::replace(waiting, block),
            _ => block,
        };
        self.tx.free(unused);
    }

    /// A Handle Value Notification or Indication in a block of its own.
    fn value_pdu(
        &mut self,
        slot: usize,
        opcode: u8,
        handle: u16,
        value: Option<&[u8]>,
    ) -> Result<Block> {
        let credentials = self.credentials(slot);
        let link = self.link(slot);
        let stored = self.db.read(handle).ok_or(Error::NotFound)?;
        if !link.server.may_notify(&self.db, handle, &credentials) {
            return Err(Error::Security);
        }
        let value = value.unwrap_or(stored);
        let len = value.len().min((link.mtu as usize).saturating_sub(3));
        let value = value.get(..len).unwrap_or_default();
        self.may_queue(slot, 3 + value.len())?;
        att_pdu(&mut self.tx, opcode, handle, value, POOL_RESERVE).ok_or(Error::NoMemory)
    }

    /// Queues a PDU that is whole.
    pub(super) fn queue_pdu(&mut self, slot: usize, block: Block) -> Result<()> {
        self.links.wake(slot);
        self.link_mut(slot).tx.push(block).map_err(|block| {
            self.tx.free(block);
            Error::NoMemory
        })
    }

    /// Whether the script may have another `len` bytes sent on a link: as much
    /// as leaves the answers and the other links their share.
    fn may_queue(&self, slot: usize, len: usize) -> Result<()> {
        let link = self.link(slot);
        if link.client.timed_out() {
            return Err(Error::TimedOut);
        }
        let links = self.links.up().max(1);
        let waiting: usize = link.tx.iter().map(Block::len).sum();
        let blocks = (link.tx.capacity() - QUEUE_RESERVE).min((POOL_BLOCKS - MAX_LINKS) / links);
        let bytes = (POOL_BYTES - POOL_RESERVE) / links;
        if waiting > 0 && (link.tx.len() >= blocks || waiting + len > bytes) {
            return Err(Error::NoMemory);
        }
        Ok(())
    }

    /// Tells a client of changed services, if it has to be told.
    pub(super) fn service_changed(&mut self, slot: usize) {
        let link = &mut self.links[slot];
        let Some(range) = link.server.service_changed_due(&self.db, slot) else {
            return;
        };
        if link.indications.is_full() {
            return;
        }
        let handle = SERVICE_CHANGED_HANDLE;
        let pdu = att_pdu(&mut self.tx, opcode::HANDLE_VALUE_IND, handle, &range, 0);
        if pdu.is_none() {
            return self.links.wake_to_send(slot);
        }
        let indication = Indication { handle, pdu };
        let _ = link.indications.push(indication);
        link.server.service_changed_sent(&self.db);
    }

    /// Discovers all primary services, or those with a UUID.
    pub fn discover_services(&mut self, now: Instant, conn: u16, uuid: Option<Uuid>) -> Result<()> {
        self.now = now;
        let slot = self.slot(conn)?;
        self.links[slot]
            .client
            .start_discover_services(uuid, &mut self.pool)
    }

    /// Discovers characteristics in a range of handles, or those with a UUID.
    pub fn discover_characteristics(
        &mut self,
        now: Instant,
        conn: u16,
        start: u16,
        end: u16,
        uuid: Option<Uuid>,
    ) -> Result<()> {
        self.now = now;
        let slot = self.slot(conn)?;
        let client = &mut self.links[slot].client;
        client.start_discover_characteristics(start, end, uuid, &mut self.pool)
    }

    /// Discovers the descriptors between a value handle and an end handle.
    pub fn discover_descriptors(
        &mut self,
        now: Instant,
        conn: u16,
        start: u16,
        end: u16,
    ) -> Result<()> {
        self.now = now;
        let slot = self.slot(conn)?;
        self.links[slot]
            .client
            .start_discover_descriptors(start, end)
    }

    /// Reads a value of any length.
    pub fn gattc_read(&mut self, now: Instant, conn: u16, handle: u16) -> Result<()> {
        self.now = now;
        let slot = self.slot(conn)?;
        self.links[slot].client.start_read(handle)
    }

    /// Writes a value: `mode` 0 without response, 1 with, 2 with as many
    /// requests as a long value needs.
    ///
    /// Mode 1 sends what fits into one request, as MicroPython's backends do
    /// and as its tests and aioble's expect.
    pub fn gattc_write(
        &mut self,
        now: Instant,
        conn: u16,
        handle: u16,
        value: &[u8],
        mode: u32,
    ) -> Result<()> {
        self.now = now;
        let slot = self.slot(conn)?;
        match mode {
            0 => self.write_without_response(slot, handle, value),
            2 if value.len() > MAX_VALUE_LEN => Err(Error::Invalid),
            1 | 2 if self.write_now(slot, handle, value) => Ok(()),
            1 | 2 => {
                let client = &mut self.links[slot].client;
                client.start_write(handle, value, mode == 2, &mut self.pool)
            }
            _ => Err(Error::Invalid),
        }
    }

    /// Sends a value that fits into one request, if none is running: it is
    /// copied once, from the script's buffer to the PDU.
    fn write_now(&mut self, slot: usize, handle: u16, value: &[u8]) -> bool {
        let link = self.link(slot);
        let mtu = link.mtu;
        if !link.client.is_idle() || value.len() + 3 > mtu as usize {
            return false;
        }
        let block = att_pdu(&mut self.tx, opcode::WRITE_REQ, handle, value, 0);
        let queued = block.is_some_and(|block| self.queue_pdu(slot, block).is_ok());
        if queued {
            self.links[slot].client.write_sent(self.now, mtu, handle);
        }
        queued
    }

    fn write_without_response(&mut self, slot: usize, handle: u16, value: &[u8]) -> Result<()> {
        let mtu = self.link(slot).mtu;
        if value.len() + 3 > mtu as usize {
            return Err(Error::Invalid);
        }
        self.may_queue(slot, value.len())?;
        let block = att_pdu(&mut self.tx, opcode::WRITE_CMD, handle, value, POOL_RESERVE);
        self.queue_pdu(slot, block.ok_or(Error::NoMemory)?)
    }

    /// Exchanges the MTU, offering the preferred one.
    pub fn exchange_mtu(&mut self, now: Instant, conn: u16) -> Result<()> {
        self.now = now;
        let slot = self.slot(conn)?;
        self.links[slot]
            .client
            .start_exchange_mtu(self.settings.mtu)
    }

    /// Accepts channels to a PSM; see `Channels::listen`.
    pub fn l2cap_listen(&mut self, psm: u16, mtu: u16) -> Result<()> {
        self.is_running()?;
        self.links.wake_all();
        self.channels.listen(psm, mtu)
    }

    /// Connects a channel and gives our CID; see `Channels::connect`.
    pub fn l2cap_connect(
        &mut self,
        now: Instant,
        conn: u16,
        psm: u16,
        mtu: u16,
        memory: &'static mut [u8],
    ) -> Result<u16> {
        self.now = now;
        let slot = self.slot(conn)?;
        self.channels
            .connect(now, self.l2cap_link(slot), psm, mtu, memory)
    }

    /// Answers `L2capAccept`, with memory to accept.
    pub fn answer_accept(&mut self, token: Token, memory: Option<&'static mut [u8]>) -> Result<()> {
        self.links.wake_all();
        self.channels.answer_accept(token, memory)
    }

    /// Ends a channel; see `Channels::disconnect`.
    pub fn l2cap_disconnect(&mut self, now: Instant, conn: u16, cid: u16) -> Result<()> {
        self.now = now;
        let slot = self.slot(conn)?;
        self.channels.disconnect(now, slot as u8, cid)
    }

    /// Sends an SDU; true when stalled. See `Channels::send`.
    pub fn l2cap_send(&mut self, now: Instant, conn: u16, cid: u16, sdu: &[u8]) -> Result<bool> {
        self.now = now;
        let slot = self.slot(conn)?;
        self.channels.send(slot as u8, cid, sdu)
    }

    /// Takes received data; see `Channels::recvinto`.
    pub fn l2cap_recvinto(
        &mut self,
        now: Instant,
        conn: u16,
        cid: u16,
        buf: Option<&mut [u8]>,
    ) -> Result<usize> {
        self.now = now;
        let slot = self.slot(conn)?;
        self.channels.recvinto(slot as u8, cid, buf)
    }

    /// Whether memory lent for a channel is in use; see `Channels::holds`.
    pub fn l2cap_holds(&self, cid: u16) -> bool {
        self.channels.holds(cid)
    }

    /// The central refused, or did not answer, our L2CAP request.
    pub(super) fn update_refused(&mut self, slot: usize) {
        self.tell_parameters(slot, crate::wire::hci::status::UNACCEPTABLE_PARAMETERS);
    }
}

/// An ATT PDU of a handle and a value in a block of its own, which leaves
/// `reserve` bytes of the pool free; `None` without room.
#[inline(never)]
fn att_pdu(tx: &mut Pool, opcode: u8, handle: u16, value: &[u8], reserve: usize) -> Option<Block> {
    let len = 3 + value.len();
    let block = tx.alloc(L2CAP_HEADER + len, reserve)?;
    let mut w = tx.writer(&block, 0);
    w.u16(len as u16)
        .u16(cid::ATT)
        .u8(opcode)
        .u16(handle)
        .bytes(value);
    Some(block)
}
