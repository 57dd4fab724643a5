//! The attribute table (Vol 3, Part F, 3.2 and Part G, 2.6) in memory that the
//! glue lends.
//!
//! Handles count up from 1 without gaps, and each attribute has a record of
//! eight bytes at the front of the arena, so that a handle leads to its record
//! without a search. What does not fit in a record (values, long UUIDs, CCCDs)
//! lies in a heap that grows from the end of the arena towards the records.
//! The heap has no holes: a value that changes its capacity moves those that
//! were added after it.
//!
//! ```text
//! | record 1 | record 2 | ... -> free <- ... | blob 2 | blob 1 |
//! ```
//!
//! Our own GAP and GATT services come first and are always the same, the
//! script's follow from `FIRST_SCRIPT_HANDLE`.

use super::layout::{move_blob, Attribute, Kind, CCCD_BYTES, HEADER, RECORD, UUID_AT};
use crate::cipher::AesCmac;
use crate::config::{DEFAULT_VALUE_LEN, MAX_LINKS, MAX_NAME_LEN};
use crate::error::{Error, Result};
use crate::lent::Lent;
use crate::uuid::Uuid;
use crate::wire::att::uuid;
use crate::wire::{first, move_bytes, Writer};

/// MicroPython's `MP_BLUETOOTH_CHARACTERISTIC_FLAG_*` (extmod/modbluetooth.h).
/// The low byte is the Characteristic Properties (Vol 3, Part G, 3.3.1.1).
#[allow(missing_docs)]
pub mod flag {
    pub const BROADCAST: u16 = 0x0001;
    pub const READ: u16 = 0x0002;
    pub const WRITE_NO_RESPONSE: u16 = 0x0004;
    pub const WRITE: u16 = 0x0008;
    pub const NOTIFY: u16 = 0x0010;
    pub const INDICATE: u16 = 0x0020;
    pub const AUTHENTICATED_SIGNED_WRITE: u16 = 0x0040;
    pub const RELIABLE_WRITE: u16 = 0x0080;
    pub const AUX_WRITE: u16 = 0x0100;
    pub const READ_ENCRYPTED: u16 = 0x0200;
    pub const READ_AUTHENTICATED: u16 = 0x0400;
    pub const READ_AUTHORIZED: u16 = 0x0800;
    pub const WRITE_ENCRYPTED: u16 = 0x1000;
    pub const WRITE_AUTHENTICATED: u16 = 0x2000;
    pub const WRITE_AUTHORIZED: u16 = 0x4000;

    pub(in crate::gatt) const EXTENDED: u16 = RELIABLE_WRITE | AUX_WRITE;
    pub(in crate::gatt) const UPDATES: u16 = NOTIFY | INDICATE;
    pub(in crate::gatt) const READ_SECURITY: u16 =
        READ_ENCRYPTED | READ_AUTHENTICATED | READ_AUTHORIZED;
    pub(in crate::gatt) const WRITE_SECURITY: u16 =
        WRITE_ENCRYPTED | WRITE_AUTHENTICATED | WRITE_AUTHORIZED;
    /// From a READ_ security flag to the WRITE_ one.
    pub(in crate::gatt) const READ_TO_WRITE: u32 = 3;
}

/// Bits of a Client Characteristic Configuration (Vol 3, Part G, 3.3.3.3).
pub mod cccd {
    /// The client wants notifications.
    pub const NOTIFY: u8 = 1;
    /// The client wants indications.
    pub const INDICATE: u8 = 2;
}

/// Value handle of our Service Changed characteristic.
pub const SERVICE_CHANGED_HANDLE: u16 = 10;

/// The first handle that a script's services can have.
pub const FIRST_SCRIPT_HANDLE: u16 = OWN.len() as u16 + 1;

/// Our own services (Vol 3, Part C, 12 and Part G, 7).
const OWN: [(Kind, u16, u16); 15] = [
    (Kind::Service, 0, uuid::GAP_SERVICE),
    (Kind::Declaration, 0, 0),
    (Kind::Own, flag::READ, uuid::DEVICE_NAME),
    (Kind::Declaration, 0, 0),
    (Kind::Own, flag::READ, uuid::APPEARANCE),
    (Kind::Declaration, 0, 0),
    (Kind::Own, flag::READ, uuid::CENTRAL_ADDRESS_RESOLUTION),
    (Kind::Service, 0, uuid::GATT_SERVICE),
    (Kind::Declaration, 0, 0),
    (Kind::Own, flag::INDICATE, uuid::SERVICE_CHANGED),
    (
        Kind::Cccd,
        CCCD_FLAGS | flag::INDICATE,
        uuid::CLIENT_CHARACTERISTIC_CONFIGURATION,
    ),
    (Kind::Declaration, 0, 0),
    (
        Kind::Own,
        flag::READ | flag::WRITE,
        uuid::CLIENT_SUPPORTED_FEATURES,
    ),
    (Kind::Declaration, 0, 0),
    (Kind::Own, flag::READ, uuid::DATABASE_HASH),
];

const CCCD_FLAGS: u16 = flag::READ | flag::WRITE;

/// Longest value that `Database::value` makes up: a declaration with a long UUID.
pub(super) const MAX_MADE_UP: usize = 19;

/// The attribute table, the values and the CCCDs of all links.
#[derive(Debug)]
#[repr(C)]
pub struct Database {
    arena: Lent,
    /// What the last `NeedMemory` asks for.
    needed: usize,
    /// Bytes of the heap at the end of the arena.
    heap: u32,
    /// Attributes, which is also the last handle.
    count: u16,
    /// Goes up with each change of the services.
    generation: u16,
    /// Services changed since `begin`.
    changed: bool,
    hash: Option<[u8; 16]>,
    name: Name,
}

/// A device name.
pub type Name = heapless::Vec<u8, MAX_NAME_LEN>;

/// Sets a device name; `Invalid` past `MAX_NAME_LEN`.
pub fn set_name(kept: &mut Name, name: &[u8]) -> Result<()> {
    if name.len() > MAX_NAME_LEN {
        return Err(Error::Invalid);
    }
    kept.clear();
    let _ = kept.extend_from_slice(name);
    Ok(())
}

impl Database {
    /// Without memory and attributes, and without a device name.
    pub const fn new() -> Self {
        Database {
            arena: Lent::NONE,
            needed: 0,
            heap: 0,
            count: 0,
            generation: 0,
            changed: false,
            hash: None,
            name: Name::new(),
        }
    }

    /// Lends memory, usually more than before; what is stored moves there.
    /// Gives back the slice that is not used: the old one, or `new` itself if
    /// it is too small for what is stored.
    pub fn lend(&mut self, new: &'static mut [u8]) -> Option<&'static mut [u8]> {
        let records = self.count as usize * RECORD;
        let heap = self.heap as usize;
        if new.len() < records + heap {
            return Some(new);
        }
        let old = self.arena.iter();
        for (to, from) in new.iter_mut().zip(old.clone().take(records)) {
            *to = *from;
        }
        for (to, from) in new.iter_mut().rev().zip(old.rev().take(heap)) {
            *to = *from;
        }
        let old = core::mem::replace(&mut self.arena, Lent::new(new)).give_back();
        (!old.is_empty()).then_some(old)
    }

    /// Bytes in all that the command needs which failed with `NeedMemory`.
    pub fn needed(&self) -> usize {
        self.needed
    }

    /// Gives all memory back and forgets all attributes; the name stays.
    pub fn take(&mut self) -> Option<&'static mut [u8]> {
        self.clear();
        let old = core::mem::replace(&mut self.arena, Lent::NONE).give_back();
        (!old.is_empty()).then_some(old)
    }

    /// Forgets all attributes and CCCDs and sets up our own services.
    ///
    /// Fails with `NeedMemory`, having changed nothing.
    pub fn reset(&mut self) -> Result<()> {
        let total = OWN.len() * RECORD + CCCD_BYTES;
        if self.arena.len() < total {
            self.needed = total;
            return Err(Error::NeedMemory);
        }
        self.clear();
        for &(kind, flags, uuid) in &OWN {
            let blob = if kind == Kind::Cccd { CCCD_BYTES } else { 0 };
            self.push(kind, flags, &uuid.to_le_bytes(), blob);
        }
        Ok(())
    }

    /// Starts registering services: after those there are, or in their place.
    pub fn begin(&mut self, append: bool) {
        let own = OWN.len() as u16;
        if !append && self.count > own {
            self.count = own;
            self.heap = CCCD_BYTES as u32;
            self.hash = None;
            self.changed = true;
        }
    }

    /// Ends registering. If the services changed, each connected client is
    /// from now on change-unaware (Vol 3, Part G, 2.5.2.1).
    pub fn end(&mut self) {
        if core::mem::take(&mut self.changed) {
            self.generation = self.generation.wrapping_add(1);
        }
    }

    /// Adds a primary service; its characteristics follow.
    ///
    /// Fails with `NeedMemory` or `NoMemory`, having changed nothing.
    pub fn add_service(&mut self, uuid: &Uuid) -> Result<u16> {
        let uuid = uuid.as_bytes();
        let blob = long_len(uuid);
        self.room(1, blob)?;
        Ok(self.push(Kind::Service, 0, uuid, blob))
    }

    /// Adds a characteristic to the last service and gives its value handle.
    /// A CCCD follows by itself if `flags` has NOTIFY or INDICATE, Extended
    /// Properties if it has RELIABLE_WRITE or AUX_WRITE.
    ///
    /// Fails with `NeedMemory` or `NoMemory`, having changed nothing.
    pub fn add_characteristic(&mut self, uuid: &Uuid, flags: u16) -> Result<u16> {
        let uuid = uuid.as_bytes();
        let updates = flags & flag::UPDATES != 0;
        let extended = flags & flag::EXTENDED != 0;
        let blob = HEADER + long_len(uuid) + DEFAULT_VALUE_LEN;
        let cccd = if updates { CCCD_BYTES } else { 0 };
        self.room(2 + updates as usize + extended as usize, blob + cccd)?;

        self.push(Kind::Declaration, 0, &[0; 2], 0);
        let handle = self.push(Kind::Value, flags, uuid, blob);
        if updates {
            // Whoever may not read the value may not be sent it either.
            let security = (flags & flag::READ_SECURITY) << flag::READ_TO_WRITE;
            let flags = CCCD_FLAGS | flags & flag::UPDATES | security;
            self.push(Kind::Cccd, flags, &CCCD, CCCD_BYTES);
        }
        if extended {
            let flags = flag::READ | flags & flag::EXTENDED;
            self.push(Kind::Extended, flags, &EXTENDED, 0);
        }
        Ok(handle)
    }

    /// Adds a descriptor to the last characteristic and gives its handle.
    ///
    /// A CCCD or Extended Properties that came by itself is not added twice:
    /// its handle is given, and a CCCD also gets the security `flags`.
    /// A CCCD is ours, per link, whoever added it.
    ///
    /// Fails with `NeedMemory` or `NoMemory`, having changed nothing.
    pub fn add_descriptor(&mut self, uuid: &Uuid, flags: u16) -> Result<u16> {
        let uuid = uuid.as_bytes();
        let value_handle = self.value_before(self.count);
        let mut all_flags = flags;
        let mut blob = HEADER + long_len(uuid) + DEFAULT_VALUE_LEN;
        let mut kind = Kind::Descriptor;
        if *uuid == CCCD {
            let handle = self.descriptor(value_handle, Kind::Cccd);
            if let Some(attribute) = self.attribute(handle) {
                self.set(handle, attribute.with_flags(flags & flag::WRITE_SECURITY));
                return Ok(handle);
            }
            // Without NOTIFY and INDICATE among the properties the script
            // sends as it likes, so the client may ask for either.
            let value = self.attribute(value_handle);
            let security = value.map_or(0, |value| value.flags() & flag::READ_SECURITY);
            all_flags = CCCD_FLAGS
                | flag::UPDATES
                | flags & flag::WRITE_SECURITY
                | security << flag::READ_TO_WRITE;
            (kind, blob) = (Kind::Cccd, CCCD_BYTES);
        } else if *uuid == EXTENDED {
            let handle = self.descriptor(value_handle, Kind::Extended);
            if handle != 0 {
                return Ok(handle);
            }
        }
        self.room(1, blob)?;
        Ok(self.push(kind, all_flags, uuid, blob))
    }

    /// The value of a characteristic or descriptor, as a script or a
    /// notification needs it: of our own attributes only the device name.
    /// `None` for an unknown handle.
    pub fn read(&self, handle: u16) -> Option<&[u8]> {
        let attribute = self.attribute(handle)?;
        Some(match attribute.kind() {
            Kind::Value | Kind::Descriptor => self.stored(attribute),
            Kind::Own if attribute.uuid() == uuid::DEVICE_NAME => &self.name,
            _ => &[],
        })
    }

    /// Like `read`, and empties a value in append mode: `gatts_read`.
    pub fn read_out(&mut self, handle: u16) -> Option<&[u8]> {
        let attribute = self.attribute(handle)?;
        if !attribute.append() {
            return self.read(handle);
        }
        let len = self.value_len(attribute);
        self.set_header(attribute, self.capacity(attribute), 0);
        self.arena.part(self.value_start(attribute), len)
    }

    /// Replaces a value from the script's side: `gatts_write`. The capacity
    /// grows as needed, never shrinks.
    ///
    /// Fails with `NotFound` for what is no value of the script, `Invalid`
    /// for more than 65535 bytes, `NeedMemory` or `NoMemory`.
    pub fn write(&mut self, handle: u16, value: &[u8]) -> Result<()> {
        self.resize(handle, value.len(), false)?;
        if let Some(attribute) = self.attribute(handle) {
            self.patch(attribute, 0, value, value.len());
        }
        Ok(())
    }

    /// Sets the capacity and empties the value: `gatts_set_buffer`. With
    /// `append`, what clients write is collected until `read_out`.
    ///
    /// Fails as `write` does.
    pub fn set_buffer(&mut self, handle: u16, capacity: usize, append: bool) -> Result<()> {
        self.resize(handle, capacity, true)?;
        if let Some(attribute) = self.attribute(handle) {
            self.set_header(attribute, capacity, 0);
            self.set(handle, attribute.with_append(append));
        }
        Ok(())
    }

    /// The GAP Device Name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Sets the GAP Device Name; `Invalid` past `MAX_NAME_LEN`.
    pub fn set_name(&mut self, name: &[u8]) -> Result<()> {
        set_name(&mut self.name, name)
    }

    /// Where the name is kept.
    pub fn name_mut(&mut self) -> &mut Name {
        &mut self.name
    }

    /// What the client of a link configured for a characteristic: the bits of
    /// `cccd`. Zero if there is no such CCCD.
    pub fn cccd(&self, slot: usize, value_handle: u16) -> u8 {
        self.cccd_bits(slot, self.descriptor(value_handle, Kind::Cccd))
    }

    /// The next CCCD after `handle` that a link's client has set, with its
    /// bits. Starting from 0, lists all that must be kept for a bond.
    pub fn next_cccd(&self, slot: usize, handle: u16) -> Option<(u16, u8)> {
        let mut handle = handle;
        while handle < self.count {
            handle += 1;
            let bits = self.cccd_bits(slot, handle);
            if bits != 0 {
                return Some((handle, bits));
            }
        }
        None
    }

    /// Restores one CCCD of a bond. What is no CCCD (any more), and bits that
    /// the characteristic does not offer, are ignored.
    pub fn restore_cccd(&mut self, slot: usize, handle: u16, bits: u8) {
        if let Some(attribute) = self.attribute(handle) {
            self.set_cccd(slot, handle, bits & allowed_bits(attribute));
        }
    }

    /// Forgets the CCCDs of a link: when it begins and when it ends.
    pub fn clear_cccds(&mut self, slot: usize) {
        let mut handle = self.count;
        while handle > 0 {
            self.set_cccd(slot, handle, 0);
            handle -= 1;
        }
    }

    /// The Database Hash (Vol 3, Part G, 7.3), least significant byte first.
    /// Computed when first asked for after a change.
    pub fn hash(&mut self) -> &[u8; 16] {
        if self.hash.is_none() {
            self.hash = Some(self.new_hash());
        }
        self.hash.as_ref().unwrap_or(&[0; 16])
    }

    fn new_hash(&self) -> [u8; 16] {
        let mut mac = AesCmac::new(&[0; 16]);
        let mut handle = 1;
        while let Some(attribute) = self.attribute(handle) {
            self.hash_attribute(handle, attribute, &mut mac);
            handle += 1;
        }
        let mut hash = mac.finish();
        hash.reverse();
        hash
    }

    /// Bytes of the arena in use: the least that `lend` accepts.
    pub fn used(&self) -> usize {
        self.count as usize * RECORD + self.heap as usize
    }

    /// The last handle; zero before `reset`.
    pub fn last_handle(&self) -> u16 {
        self.count
    }

    // For the server.

    pub(super) fn generation(&self) -> u16 {
        self.generation
    }

    pub(super) fn attribute(&self, handle: u16) -> Option<Attribute> {
        let index = usize::from(handle).checked_sub(1)?;
        if handle > self.count {
            return None;
        }
        let record = self.arena.part(index * RECORD, RECORD)?;
        Attribute::from_bytes(record.first_chunk()?)
    }

    /// The attribute type in its shortest form, which for a declaration is not
    /// the UUID it declares.
    pub(super) fn attribute_type(&self, handle: u16, attribute: Attribute) -> &[u8] {
        match attribute.kind() {
            Kind::Service => &PRIMARY_SERVICE,
            Kind::Declaration => &CHARACTERISTIC,
            _ => self.uuid(handle, attribute),
        }
    }

    /// The first handle of `from..=end` whose attribute has a type, given in its
    /// shortest form; zero if there is none, and for `from` zero.
    pub(super) fn find(&self, from: u16, end: u16, wanted: &[u8]) -> u16 {
        let mut handle = from;
        while handle <= end {
            let Some(attribute) = self.attribute(handle) else {
                break;
            };
            if self.attribute_type(handle, attribute) == wanted {
                return handle;
            }
            // No attribute has the handle 0xffff.
            handle += 1;
        }
        0
    }

    /// The last handle of the group that a declaration starts (Vol 3, Part G,
    /// 2.5.3); the handle itself for any other attribute.
    pub(super) fn group_end(&self, handle: u16, kind: Kind) -> u16 {
        let mut end = handle;
        if !matches!(kind, Kind::Service | Kind::Declaration) {
            return end;
        }
        while let Some(next) = self.attribute(end + 1) {
            if next.kind() == Kind::Service || next.kind() == kind {
                break;
            }
            end += 1;
        }
        end
    }

    /// Any attribute's value as the client sees it that has a link and
    /// features. `made_up` holds values that are not stored as such.
    #[inline(never)]
    pub(super) fn value<'a>(
        &'a self,
        handle: u16,
        attribute: Attribute,
        (slot, features): (usize, u8),
        made_up: &'a mut [u8; MAX_MADE_UP],
    ) -> &'a [u8] {
        let mut w = Writer::new(made_up);
        match attribute.kind() {
            Kind::Value | Kind::Descriptor => return self.stored(attribute),
            Kind::Service => {
                w.bytes(self.uuid(handle, attribute));
            }
            Kind::Declaration => self.put_declaration(handle, &mut w),
            Kind::Cccd => {
                w.u8(self.cccd_bits(slot, handle)).u8(0);
            }
            Kind::None => {}
            Kind::Extended => {
                w.u16((attribute.flags() & flag::EXTENDED) >> 7);
            }
            Kind::Own => match attribute.uuid() {
                uuid::DEVICE_NAME => return &self.name,
                uuid::APPEARANCE => {
                    w.u16(0);
                }
                // We resolve private addresses of peripherals.
                uuid::CENTRAL_ADDRESS_RESOLUTION => {
                    w.u8(1);
                }
                uuid::CLIENT_SUPPORTED_FEATURES => {
                    w.u8(features);
                }
                // The server calls `hash` before it reads this.
                uuid::DATABASE_HASH => {
                    return self.hash.as_ref().map_or(&[], |hash| hash);
                }
                _ => {}
            },
        }
        let len = w.len();
        first(made_up, len)
    }

    /// Capacity of a script's value.
    pub(super) fn capacity(&self, attribute: Attribute) -> usize {
        self.u16_at(self.blob_start(attribute))
    }

    /// Length of a script's value.
    pub(super) fn value_len(&self, attribute: Attribute) -> usize {
        self.u16_at(self.blob_start(attribute) + 2)
    }

    /// Writes into a script's value at `offset` and sets its length. What
    /// lies past the capacity is refused, nothing changes.
    pub(super) fn patch(&mut self, attribute: Attribute, offset: usize, bytes: &[u8], len: usize) {
        let capacity = self.capacity(attribute);
        let start = self.value_start(attribute) + offset;
        if len > capacity || offset + bytes.len() > len {
            return;
        }
        if self.arena.put(start, bytes) {
            self.set_header(attribute, capacity, len);
        }
    }

    /// The value that the descriptor `handle` belongs to; zero if there is none.
    pub(super) fn value_before(&self, handle: u16) -> u16 {
        let mut handle = handle;
        while let Some(attribute) = self.attribute(handle) {
            if matches!(attribute.kind(), Kind::Value | Kind::Own) {
                break;
            }
            handle -= 1;
        }
        handle
    }

    pub(super) fn cccd_bits(&self, slot: usize, handle: u16) -> u8 {
        match self.arena.part(self.cccd_at(slot, handle), 1) {
            Some(&[byte]) => byte >> (slot % 4 * 2) & 3,
            _ => 0,
        }
    }

    /// Whether the value was another before.
    pub(super) fn set_cccd(&mut self, slot: usize, handle: u16, bits: u8) -> bool {
        let at = self.cccd_at(slot, handle);
        let Some([byte]) = self.arena.part_mut(at, 1) else {
            return false;
        };
        let shift = slot % 4 * 2;
        let change = (*byte >> shift ^ bits) & 3;
        *byte ^= change << shift;
        change != 0
    }

    /// Where the bits of a link lie; past all for what is no CCCD.
    #[inline(never)]
    fn cccd_at(&self, slot: usize, handle: u16) -> usize {
        match self.attribute(handle) {
            Some(attribute) if attribute.kind() == Kind::Cccd && slot < MAX_LINKS => {
                self.blob_start(attribute) + slot / 4
            }
            _ => usize::MAX,
        }
    }

    fn clear(&mut self) {
        self.count = 0;
        self.heap = 0;
        self.hash = None;
        self.changed = false;
        self.generation = self.generation.wrapping_add(1);
    }

    /// Whether this much more fits.
    fn room(&mut self, records: usize, heap: usize) -> Result<()> {
        let total = self.used() + records * RECORD + heap;
        if usize::from(self.count) + records >= usize::from(u16::MAX)
            || self.heap as usize + heap > Attribute::MAX_AT
        {
            return Err(Error::NoMemory);
        }
        if total > self.arena.len() {
            self.needed = total;
            return Err(Error::NeedMemory);
        }
        Ok(())
    }

    /// Adds an attribute with an empty value or a zeroed blob, for which `room` was checked.
    fn push(&mut self, kind: Kind, flags: u16, uuid: &[u8], blob: usize) -> u16 {
        self.heap += blob as u32;
        self.count += 1;
        self.changed = true;
        self.hash = None;
        let short = match *uuid {
            [a, b] => Some(u16::from_le_bytes([a, b])),
            _ => None,
        };
        let attribute = Attribute::new(kind, flags, short, self.heap);
        self.set(self.count, attribute);
        let start = self.blob_start(attribute);
        if let Some(room) = self.arena.part_mut(start, blob) {
            room.fill(0);
        }
        if attribute.is_script() {
            self.set_header(attribute, DEFAULT_VALUE_LEN, 0);
        }
        if short.is_none() {
            self.arena.put(start + uuid_offset(kind), uuid);
        }
        self.count
    }

    fn set(&mut self, handle: u16, attribute: Attribute) {
        let start = usize::from(handle).saturating_sub(1) * RECORD;
        self.arena.put(start, &attribute.to_bytes());
    }

    /// Changes the capacity of a script's value, which keeps what fits. Takes
    /// nothing away unless it may `shrink`.
    fn resize(&mut self, handle: u16, capacity: usize, shrink: bool) -> Result<()> {
        let attribute = match self.attribute(handle) {
            Some(attribute) if attribute.is_script() => attribute,
            _ => return Err(Error::NotFound),
        };
        let old = self.capacity(attribute);
        if capacity <= old && !shrink {
            return Ok(());
        }
        if capacity > usize::from(u16::MAX) {
            return Err(Error::Invalid);
        }
        let len = self.value_len(attribute).min(capacity);
        self.room(0, capacity.saturating_sub(old))?;
        // The blob's front and all blobs before it move; its tail and all
        // blobs behind it stay.
        let heap_start = self.arena.len().saturating_sub(self.heap as usize);
        let keep = self.value_start(attribute) + old.min(capacity);
        if keep > self.arena.len() || heap_start > keep {
            return Err(Error::NotFound);
        }
        let to = (heap_start + old).wrapping_sub(capacity);
        move_bytes(&mut self.arena, heap_start, keep - heap_start, to);
        let (first, by) = (attribute.at(), (capacity as u32).wrapping_sub(old as u32));
        self.heap = self.heap.wrapping_add(by);
        let records = self.arena.get_mut(..self.count as usize * RECORD);
        for record in records.unwrap_or_default().chunks_exact_mut(RECORD) {
            move_blob(record, first, by);
        }
        self.set_header(attribute.moved(by), capacity, len);
        Ok(())
    }

    fn set_header(&mut self, attribute: Attribute, capacity: usize, len: usize) {
        let start = self.blob_start(attribute);
        let header = (capacity as u16 as u32) | (len as u16 as u32) << 16;
        self.arena.put(start, &header.to_le_bytes());
    }

    #[inline(never)]
    fn blob_start(&self, attribute: Attribute) -> usize {
        self.arena.len().saturating_sub(attribute.at() as usize)
    }

    fn value_start(&self, attribute: Attribute) -> usize {
        self.blob_start(attribute) + HEADER + if attribute.long() { 16 } else { 0 }
    }

    fn stored(&self, attribute: Attribute) -> &[u8] {
        let start = self.value_start(attribute);
        self.arena
            .part(start, self.value_len(attribute))
            .unwrap_or(&[])
    }

    fn u16_at(&self, start: usize) -> usize {
        match self.arena.part(start, 2) {
            Some(&[low, high]) => usize::from(u16::from_le_bytes([low, high])),
            _ => 0,
        }
    }

    /// The UUID in its shortest form: of a service or characteristic the declared
    /// one.
    fn uuid(&self, handle: u16, attribute: Attribute) -> &[u8] {
        let (start, len) = if attribute.long() {
            let start = self.blob_start(attribute) + uuid_offset(attribute.kind());
            (start, 16)
        } else {
            (usize::from(handle).saturating_sub(1) * RECORD + UUID_AT, 2)
        };
        self.arena.part(start, len).unwrap_or(&[])
    }

    /// Vol 3, Part G, 3.3.1: properties, value handle, UUID.
    fn put_declaration(&self, handle: u16, w: &mut Writer) {
        if let Some(value) = self.attribute(handle + 1) {
            let mut properties = value.flags() as u8 & !(flag::RELIABLE_WRITE as u8);
            if value.flags() & flag::EXTENDED != 0 {
                properties |= 0x80;
            }
            w.u8(properties).u16(handle + 1);
            w.bytes(self.uuid(handle + 1, value));
        }
    }

    /// Feeds what the Database Hash covers of one attribute (Vol 3, Part G,
    /// 7.3.1): of declarations all, of the descriptors that GATT defines the
    /// handle and type, of values and other descriptors nothing.
    fn hash_attribute(&self, handle: u16, attribute: Attribute, mac: &mut AesCmac) {
        let bytes = self.attribute_type(handle, attribute);
        let &[low, high] = bytes else {
            return;
        };
        let attribute_type = u16::from_le_bytes([low, high]);
        let with_value = matches!(
            attribute_type,
            uuid::PRIMARY_SERVICE..=uuid::CHARACTERISTIC | uuid::EXTENDED_PROPERTIES
        );
        if !with_value && !(0x2901..=0x2905).contains(&attribute_type)
            || matches!(attribute.kind(), Kind::Value | Kind::Own)
        {
            return;
        }
        mac.update(&handle.to_le_bytes());
        mac.update(bytes);
        if with_value {
            mac.update(self.value(handle, attribute, (0, 0), &mut [0; MAX_MADE_UP]));
        }
    }

    /// The descriptor of a kind that a characteristic has; zero if it has none. Its
    /// CCCD is right after the value, unless the script added it among others.
    #[inline(never)]
    fn descriptor(&self, value_handle: u16, kind: Kind) -> u16 {
        let mut handle = value_handle;
        loop {
            handle = handle.wrapping_add(1);
            match self.attribute(handle).map_or(Kind::None, Attribute::kind) {
                found if found == kind => return handle,
                Kind::Cccd | Kind::Descriptor | Kind::Extended => {}
                _ => return 0,
            }
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}

pub(super) const PRIMARY_SERVICE: [u8; 2] = uuid::PRIMARY_SERVICE.to_le_bytes();
pub(super) const CHARACTERISTIC: [u8; 2] = uuid::CHARACTERISTIC.to_le_bytes();
const EXTENDED: [u8; 2] = uuid::EXTENDED_PROPERTIES.to_le_bytes();
const CCCD: [u8; 2] = uuid::CLIENT_CHARACTERISTIC_CONFIGURATION.to_le_bytes();

/// CCCD bits that a characteristic offers.
pub(super) fn allowed_bits(attribute: Attribute) -> u8 {
    (attribute.flags() >> 4) as u8 & 3
}

/// Bytes of a UUID that lie in the blob.
fn long_len(uuid: &[u8]) -> usize {
    if uuid.len() > 2 {
        16
    } else {
        0
    }
}

/// Where in its blob an attribute has its long UUID.
fn uuid_offset(kind: Kind) -> usize {
    if kind == Kind::Service {
        0
    } else {
        HEADER
    }
}

#[cfg(test)]
mod tests;
