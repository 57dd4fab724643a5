use super::*;
use crate::wire::att::uuid;
use aes::Aes128;
use cmac::{Cmac, Mac};
use std::boxed::Box;
use std::vec;
use std::vec::Vec;

fn memory(len: usize) -> &'static mut [u8] {
    Box::leak(vec![0xa5; len].into_boxed_slice())
}

/// Does what the glue does: lends what is asked for and tries again.
fn retry<T>(db: &mut Database, mut f: impl FnMut(&mut Database) -> Result<T>) -> T {
    loop {
        match f(db) {
            Err(Error::NeedMemory) => {
                let total = db.needed();
                assert!(total > db.arena.len());
                db.lend(memory(total));
            }
            other => return other.unwrap(),
        }
    }
}

fn new() -> Database {
    let mut db = Database::new();
    retry(&mut db, |db| db.reset());
    db
}

const SHORT: Uuid = Uuid::short(0x180f);
const LONG: Uuid = Uuid::long([0x77; 16]);
const CCCD: Uuid = Uuid::short(uuid::CLIENT_CHARACTERISTIC_CONFIGURATION);

fn characteristic(db: &mut Database, uuid: Uuid, flags: u16) -> u16 {
    retry(db, |db| db.add_characteristic(&uuid, flags))
}

fn descriptor(db: &mut Database, uuid: Uuid, flags: u16) -> u16 {
    retry(db, |db| db.add_descriptor(&uuid, flags))
}

fn uuid_of(db: &Database, handle: u16) -> Uuid {
    let attribute = db.attribute(handle).unwrap();
    Uuid::from_bytes(db.attribute_type(handle, attribute)).unwrap()
}

fn made_up(db: &Database, handle: u16) -> Vec<u8> {
    let attribute = db.attribute(handle).unwrap();
    db.value(handle, attribute, (0, 0), &mut [0xa5; MAX_MADE_UP])
        .to_vec()
}

#[test]
fn our_own_services_have_the_handles_that_the_constants_say() {
    let db = new();
    assert_eq!(db.last_handle(), FIRST_SCRIPT_HANDLE - 1);
    assert_eq!(
        uuid_of(&db, SERVICE_CHANGED_HANDLE),
        Uuid::short(uuid::SERVICE_CHANGED)
    );
    assert_eq!(uuid_of(&db, SERVICE_CHANGED_HANDLE + 1), CCCD);
    assert_eq!(made_up(&db, 1), [0x00, 0x18]);
    assert_eq!(made_up(&db, 2), [0x02, 3, 0, 0x00, 0x2a]);
    assert_eq!(made_up(&db, 8), [0x01, 0x18]);
    assert_eq!(made_up(&db, 9), [0x20, 10, 0, 0x05, 0x2a]);
}

#[test]
fn without_memory_every_command_asks_for_some_and_changes_nothing() {
    let mut db = Database::new();
    assert_eq!(db.reset(), Err(Error::NeedMemory));
    let total = db.needed();
    assert_eq!(db.last_handle(), 0);
    assert!(db.lend(memory(total)).is_none());
    db.reset().unwrap();
    let before = (db.used(), db.last_handle(), db.generation, *db.hash());
    for _ in 0..2 {
        assert!(matches!(db.add_service(&LONG), Err(Error::NeedMemory)));
        assert!(matches!(
            db.add_characteristic(&LONG, 0x1ff),
            Err(Error::NeedMemory)
        ));
        assert!(matches!(
            db.add_descriptor(&LONG, 0),
            Err(Error::NeedMemory)
        ));
    }
    db.end();
    db.changed = false;
    assert_eq!(
        (db.used(), db.last_handle(), *db.hash()),
        (before.0, before.1, before.3)
    );
}

#[test]
fn one_more_lending_is_always_enough() {
    let mut db = new();
    for uuid in [SHORT, LONG] {
        for f in [
            (|db, uuid| Database::add_service(db, uuid)) as fn(&mut Database, &Uuid) -> _,
            |db, uuid| Database::add_characteristic(db, uuid, flag::NOTIFY | flag::AUX_WRITE),
            |db, uuid| Database::add_descriptor(db, uuid, flag::READ),
        ] {
            assert_eq!(f(&mut db, &uuid), Err(Error::NeedMemory));
            let total = db.needed();
            db.lend(memory(total));
            f(&mut db, &uuid).unwrap();
            assert_eq!(db.used(), total);
        }
    }
}

#[test]
fn lending_less_than_is_stored_gives_the_new_slice_back() {
    let mut db = new();
    let small = memory(db.used() - 1);
    let at = small.as_ptr();
    assert_eq!(db.lend(small).unwrap().as_ptr(), at);
    assert_eq!(db.last_handle(), FIRST_SCRIPT_HANDLE - 1);
}

#[test]
fn taking_the_memory_leaves_an_empty_table_and_the_name() {
    let mut db = new();
    db.set_name(b"thermo").unwrap();
    assert!(db.take().is_some());
    assert!(db.take().is_none());
    assert_eq!((db.last_handle(), db.read(3)), (0, None));
    assert_eq!(db.name(), b"thermo");
    retry(&mut db, |db| db.reset());
    assert_eq!(db.read(3), Some(&b"thermo"[..]));
}

#[test]
fn a_name_has_a_limit() {
    let mut db = new();
    assert_eq!(db.set_name(&[b'x'; MAX_NAME_LEN]), Ok(()));
    assert_eq!(db.set_name(&[b'x'; MAX_NAME_LEN + 1]), Err(Error::Invalid));
    assert_eq!(db.name().len(), MAX_NAME_LEN);
}

#[test]
fn values_survive_growing_shrinking_and_moving_memory() {
    let mut db = new();
    db.begin(false);
    retry(&mut db, |db| db.add_service(&LONG));
    let handles: Vec<u16> = (0..12)
        .map(|i| characteristic(&mut db, if i % 2 == 0 { SHORT } else { LONG }, flag::NOTIFY))
        .collect();
    db.end();
    let mut expected = vec![Vec::new(); 12];
    let mut seed = 1u32;
    for round in 0..400u32 {
        seed = seed.wrapping_mul(1664525).wrapping_add(1013904223);
        let i = (seed >> 8) as usize % 12;
        let len = (seed >> 16) as usize % 600;
        if round % 3 == 0 {
            retry(&mut db, |db| db.set_buffer(handles[i], len, false));
            expected[i] = Vec::new();
            assert_eq!(db.capacity(db.attribute(handles[i]).unwrap()), len);
        } else {
            let value = vec![round as u8; len];
            retry(&mut db, |db| db.write(handles[i], &value));
            expected[i] = value;
        }
        db.set_cccd(i % MAX_LINKS, handles[i] + 1, (seed >> 4) as u8 & 3);
        assert_eq!(db.cccd(i % MAX_LINKS, handles[i]), (seed >> 4) as u8 & 3);
        for (handle, expected) in handles.iter().zip(&expected) {
            assert_eq!(db.read(*handle), Some(&expected[..]));
        }
        assert_eq!(made_up(&db, FIRST_SCRIPT_HANDLE), [0x77; 16]);
        assert_eq!(uuid_of(&db, handles[1]), LONG);
        assert_eq!(uuid_of(&db, handles[2]), SHORT);
    }
    for handle in handles {
        retry(&mut db, |db| db.set_buffer(handle, 0, false));
    }
    let per = 3 * RECORD + HEADER + CCCD_BYTES;
    assert_eq!(
        db.heap as usize % 4,
        (16 + 6 * 16 + CCCD_BYTES + 12 * (per - 3 * RECORD)) % 4
    );
}

#[test]
fn five_hundred_attributes_of_five_hundred_bytes_need_little_more_than_the_values() {
    let mut db = new();
    retry(&mut db, |db| db.add_service(&SHORT));
    let first = db.last_handle() + 2;
    for _ in 0..250 {
        characteristic(&mut db, SHORT, flag::READ);
    }
    let empty = db.used();
    for i in 0..250u16 {
        retry(&mut db, |db| db.write(first + 2 * i, &[i as u8; 512]));
    }
    assert!(db.used() > 65536);
    assert_eq!(db.used() - empty, 250 * (512 - DEFAULT_VALUE_LEN));
    assert!(empty - 250 * DEFAULT_VALUE_LEN < 500 * 12);
    for i in 0..250u16 {
        assert_eq!(db.read(first + 2 * i), Some(&[i as u8; 512][..]));
    }
}

#[test]
fn handles_run_out_without_wrapping() {
    let mut db = new();
    db.lend(memory(2_000_000));
    while db.add_service(&SHORT).is_ok() {}
    assert_eq!(db.add_service(&SHORT), Err(Error::NoMemory));
    assert_eq!(db.add_characteristic(&SHORT, 0), Err(Error::NoMemory));
    assert!(db.last_handle() < 0xffff);
}

#[test]
fn an_unknown_handle_is_no_value() {
    let mut db = new();
    for handle in [0, FIRST_SCRIPT_HANDLE, 0xffff] {
        assert_eq!(db.read(handle), None);
        assert_eq!(db.read_out(handle), None);
        assert_eq!(db.write(handle, b"x"), Err(Error::NotFound));
        assert_eq!(db.set_buffer(handle, 9, true), Err(Error::NotFound));
        assert_eq!(db.cccd(0, handle), 0);
        assert!(!db.set_cccd(0, handle, 3));
    }
    assert_eq!(db.write(3, b"not the script's"), Err(Error::NotFound));
    assert!(!db.set_cccd(MAX_LINKS, SERVICE_CHANGED_HANDLE + 1, 2));
}

#[test]
fn reading_out_empties_a_value_in_append_mode_only() {
    let mut db = new();
    retry(&mut db, |db| db.add_service(&SHORT));
    let handle = characteristic(&mut db, LONG, flag::WRITE);
    retry(&mut db, |db| db.write(handle, b"kept"));
    assert_eq!(db.read_out(handle), Some(&b"kept"[..]));
    assert_eq!(db.read_out(handle), Some(&b"kept"[..]));
    retry(&mut db, |db| db.set_buffer(handle, 100, true));
    assert_eq!(db.read_out(handle), Some(&b""[..]));
    let attribute = db.attribute(handle).unwrap();
    db.patch(attribute, 0, b"abc", 3);
    db.patch(attribute, 3, b"def", 6);
    db.patch(attribute, 99, b"gh", 101);
    db.patch(attribute, 6, b"gh", 7);
    assert_eq!(db.read(handle), Some(&b"abcdef"[..]));
    assert_eq!(db.read_out(handle), Some(&b"abcdef"[..]));
    assert_eq!(db.read_out(handle), Some(&b""[..]));
}

#[test]
fn setting_the_buffer_empties_the_value_and_shrinks_too() {
    let mut db = new();
    retry(&mut db, |db| db.add_service(&SHORT));
    let handle = characteristic(&mut db, SHORT, flag::WRITE);
    let used = db.used();
    retry(&mut db, |db| db.write(handle, &[1; 100]));
    retry(&mut db, |db| db.set_buffer(handle, 5, false));
    assert_eq!(
        (db.read(handle), db.used()),
        (Some(&b""[..]), used - DEFAULT_VALUE_LEN + 5)
    );
    assert_eq!(db.set_buffer(handle, 65536, false), Err(Error::Invalid));
}

#[test]
fn a_cccd_and_extended_properties_come_by_themselves_and_once() {
    let mut db = new();
    retry(&mut db, |db| db.add_service(&SHORT));
    let all = flag::NOTIFY | flag::RELIABLE_WRITE | flag::AUX_WRITE;
    let value = characteristic(&mut db, LONG, all | flag::READ_ENCRYPTED);
    assert_eq!(made_up(&db, value - 1)[..3], [0x90, value as u8, 0]);
    assert_eq!(uuid_of(&db, value + 1), CCCD);
    assert_eq!(made_up(&db, value + 2), [3, 0]);
    assert_eq!(
        descriptor(&mut db, CCCD, flag::WRITE | flag::WRITE_AUTHENTICATED),
        value + 1
    );
    assert_eq!(
        descriptor(&mut db, Uuid::short(uuid::EXTENDED_PROPERTIES), 2),
        value + 2
    );
    assert_eq!(db.last_handle(), value + 2);
    let flags = db.attribute(value + 1).unwrap().flags();
    assert_eq!(
        flags & flag::WRITE_SECURITY,
        flag::WRITE_ENCRYPTED | flag::WRITE_AUTHENTICATED
    );

    let value = characteristic(&mut db, LONG, flag::READ | flag::RELIABLE_WRITE);
    assert_eq!(made_up(&db, value - 1)[0], 0x82);
    assert_eq!(made_up(&db, value + 1), [1, 0]);
    assert_eq!(db.last_handle(), value + 1);
}

#[test]
fn a_cccd_that_only_the_script_wants_is_per_link_too() {
    let mut db = new();
    retry(&mut db, |db| db.add_service(&SHORT));
    let value = characteristic(&mut db, LONG, flag::READ);
    let other = descriptor(&mut db, LONG, flag::READ);
    let cccd = descriptor(&mut db, CCCD, flag::READ | flag::WRITE);
    assert_eq!(cccd, other + 1);
    assert_eq!(descriptor(&mut db, CCCD, 0), cccd);
    db.set_cccd(1, cccd, 3);
    assert_eq!((db.cccd(0, value), db.cccd(1, value)), (0, 3));
    let next = characteristic(&mut db, LONG, flag::READ);
    assert_eq!(db.cccd(1, next), 0);
}

#[test]
fn cccds_are_per_link_listed_restored_and_cleared() {
    let mut db = new();
    retry(&mut db, |db| db.add_service(&SHORT));
    let a = characteristic(&mut db, SHORT, flag::NOTIFY);
    let b = characteristic(&mut db, SHORT, flag::NOTIFY | flag::INDICATE);
    for slot in 0..MAX_LINKS {
        db.restore_cccd(slot, a + 1, cccd::NOTIFY);
        db.restore_cccd(slot, b + 1, slot as u8 & 3);
    }
    db.restore_cccd(0, SERVICE_CHANGED_HANDLE + 1, cccd::INDICATE);
    for slot in 0..MAX_LINKS {
        assert_eq!((db.cccd(slot, a), db.cccd(slot, b)), (1, slot as u8 & 3));
    }
    let list = |db: &Database, slot| {
        let mut all = Vec::new();
        while let Some(next) = db.next_cccd(slot, all.last().map_or(0, |&(handle, _)| handle)) {
            all.push(next);
        }
        all
    };
    assert_eq!(list(&db, 0), [(SERVICE_CHANGED_HANDLE + 1, 2), (a + 1, 1)]);
    assert_eq!(list(&db, 3), [(a + 1, 1), (b + 1, 3)]);
    db.clear_cccds(3);
    assert_eq!(list(&db, 3), []);
    assert_eq!(list(&db, 2), [(a + 1, 1), (b + 1, 2)]);
    // What the characteristic does not offer, and what is no CCCD.
    db.restore_cccd(3, a + 1, 0xff);
    db.restore_cccd(3, a, 0xff);
    db.restore_cccd(3, 0xffff, 0xff);
    assert_eq!(list(&db, 3), [(a + 1, 1)]);
    assert_eq!(db.next_cccd(0, 0xffff), None);
}

#[test]
fn registering_replaces_or_appends() {
    let mut db = new();
    db.begin(false);
    retry(&mut db, |db| db.add_service(&SHORT));
    let a = characteristic(&mut db, SHORT, flag::NOTIFY);
    db.end();
    db.restore_cccd(0, a + 1, 1);
    db.restore_cccd(0, SERVICE_CHANGED_HANDLE + 1, 2);
    let (hash, generation) = (*db.hash(), db.generation());

    db.begin(true);
    retry(&mut db, |db| db.add_service(&LONG));
    let b = characteristic(&mut db, SHORT, flag::NOTIFY);
    db.end();
    assert!(b > a);
    assert_eq!((db.cccd(0, a), db.cccd(0, b)), (1, 0));
    assert_ne!((*db.hash(), db.generation()), (hash, generation));

    let generation = db.generation();
    db.begin(false);
    retry(&mut db, |db| db.add_service(&SHORT));
    assert_eq!(characteristic(&mut db, SHORT, flag::NOTIFY), a);
    db.end();
    assert_eq!(db.cccd(0, a), 0);
    assert_eq!(db.cccd(0, SERVICE_CHANGED_HANDLE), 2);
    assert_eq!(*db.hash(), hash);
    assert_ne!(db.generation(), generation);

    let generation = db.generation();
    db.begin(true);
    db.end();
    assert_eq!(db.generation(), generation);
}

#[test]
fn groups_end_where_the_next_one_starts() {
    let mut db = new();
    let service = retry(&mut db, |db| db.add_service(&SHORT));
    let a = characteristic(&mut db, SHORT, flag::NOTIFY);
    let b = characteristic(&mut db, SHORT, flag::READ);
    let next = retry(&mut db, |db| db.add_service(&LONG));
    assert_eq!(db.group_end(1, Kind::Service), 7);
    assert_eq!(db.group_end(service, Kind::Service), b);
    assert_eq!(db.group_end(next, Kind::Service), next);
    assert_eq!(db.group_end(a - 1, Kind::Declaration), a + 1);
    assert_eq!(db.group_end(b - 1, Kind::Declaration), b);
    assert_eq!(db.group_end(a, Kind::Value), a);
}

fn cmac(message: &[u8]) -> [u8; 16] {
    let mut mac = <Cmac<Aes128> as Mac>::new(&Default::default());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Vol 3, Part G, appendix B: the sample database and its hash.
const SAMPLE: &str = "010000280018020003280a0300002a04000328020500012a\
    06000028011807000328200800052a090002290a0003280a0b00292b0c000328020d002a2b\
    0e00002808180f000228140016000f1810000328a21100182a12000229130000290000\
    140001280f1815000328021600192a";
const SAMPLE_HASH: [u8; 16] = [
    0xf1, 0xca, 0x2d, 0x48, 0xec, 0xf5, 0x8b, 0xac, 0x8a, 0x88, 0x30, 0xbb, 0xb9, 0xfb, 0xa9, 0x90,
];

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |d: u8| (d as char).to_digit(16).unwrap() as u8;
    digits
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

#[test]
fn the_hash_function_gives_the_sample_of_the_specification() {
    assert_eq!(cmac(&unhex(SAMPLE)), SAMPLE_HASH);
}

#[test]
fn the_hash_covers_declarations_and_the_descriptors_of_gatt() {
    let mut db = new();
    retry(&mut db, |db| db.add_service(&Uuid::short(0x1808)));
    let value = characteristic(&mut db, Uuid::short(0x2a18), 0x22 | flag::RELIABLE_WRITE);
    for uuid in [
        Uuid::short(0x2901),
        Uuid::short(0x2904),
        Uuid::short(0x2906),
        LONG,
    ] {
        descriptor(&mut db, uuid, flag::READ);
    }
    retry(&mut db, |db| db.add_service(&LONG));
    characteristic(&mut db, LONG, flag::READ);
    let mut message = unhex(
        "01000028001802000328020300002a04000328020500012a0600032802 0700a62a\
         080000280118 0900032820 0a00052a 0b000229 0c00 0328 0a 0d00292b 0e00 0328 02 0f002a2b\
         1000 0028 0818 1100 0328 a2 1200 182a 1300 0229 1400 0029 0100 1500 0129 1600 0429\
         1900 0028",
    );
    message.extend([0x77; 16]);
    message.extend(unhex("1a00 0328 02 1b00"));
    message.extend([0x77; 16]);
    assert_eq!(value, 0x12);
    let mut expected = cmac(&message);
    expected.reverse();
    assert_eq!(*db.hash(), expected);
    retry(&mut db, |db| db.write(value, b"a value does not count"));
    assert_eq!(*db.hash(), expected);
}
