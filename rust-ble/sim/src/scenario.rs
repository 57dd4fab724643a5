//! What two hosts do with each other, written once: played as it is by tests,
//! and under every fault by sweeps. Node 0 is the central, node 1 the
//! peripheral. Each step is bounded in time and may fail; a fault ends the
//! scenario at the step that it hits.

use crate::rng::Rng;
use crate::sweep::ledger::Procedure;
use crate::sweep::rig::{Over, Rig, Step, Told, SERVICE, VALUE};
use ble_core::config::MAX_INDICATIONS;
use ble_core::gap::AddressMode;
use ble_core::l2cap::memory_needed;
use ble_core::smp::{IoCapability, SecurityConfig};
use ble_core::{Address, Error, Event, PasskeyAction, Uuid};

/// Something that two hosts do.
pub struct Scenario {
    /// As it is printed.
    pub name: &'static str,
    /// The hosts are on when it begins.
    pub active: bool,
    /// Its steps.
    pub play: fn(&mut Rig) -> Step<()>,
}

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "activate",
        active: false,
        play: activate,
    },
    scenario("connect", connect),
    scenario("give-up", give_up),
    scenario("discover", discover),
    scenario("read", read),
    scenario("write", write),
    scenario("notify", notify),
    scenario("indicate", indicate),
    scenario("mtu", mtu),
    scenario("pair", pair),
    scenario("pair-legacy", pair_legacy),
    scenario("pair-passkey", pair_passkey),
    scenario("pair-compare", pair_compare),
    scenario("bond", bond),
    scenario("l2cap", l2cap),
    scenario("update", update),
    scenario("scan", scan),
    scenario("privacy", privacy),
    scenario("deactivate", deactivate),
    scenario("command", command),
    scenario("flood", flood),
    scenario("random", random),
];

const fn scenario(name: &'static str, play: fn(&mut Rig) -> Step<()>) -> Scenario {
    Scenario {
        name,
        active: true,
        play,
    }
}

const CENTRAL: usize = 0;
const PERIPHERAL: usize = 1;
/// Longer than anything takes that goes well, in milliseconds.
const SOON: u64 = 5_000;

/// What the tests of pairing begin with.
const BOND: SecurityConfig = SecurityConfig {
    io: IoCapability::NoInputNoOutput,
    mitm: false,
    mitm_required: false,
    bond: true,
    secure: true,
    secure_only: false,
    min_key_size: 16,
};

/// Connects both and gives their handles.
pub fn link(rig: &mut Rig) -> Step<(u16, u16)> {
    rig.call(PERIPHERAL, |host, now| {
        host.advertise(now, true, 20_000, Some(b"\x02\x01\x06"), None)
    })?;
    let peer = rig.nodes[PERIPHERAL].host.address();
    link_to(rig, peer)
}

fn link_to(rig: &mut Rig, peer: Address) -> Step<(u16, u16)> {
    rig.connect_to(CENTRAL, peer, 4_000)?;
    Ok((
        rig.wait(CENTRAL, SOON, connected)?,
        rig.wait(PERIPHERAL, SOON, connected)?,
    ))
}

fn connected(told: &Told) -> Option<u16> {
    match told.0 {
        Event::Connected { conn, .. } => Some(conn),
        _ => None,
    }
}

/// Ends a link from one side and waits for both to be told.
pub fn unlink(rig: &mut Rig, n: usize, conn: u16) -> Step<()> {
    rig.call(n, |host, now| host.disconnect(now, conn))?;
    for node in [CENTRAL, PERIPHERAL] {
        rig.wait(node, SOON, |told| {
            matches!(told.0, Event::Disconnected { .. }).then_some(())
        })?;
    }
    Ok(())
}

/// Reads a value, which is given if its status is zero.
pub fn read_value(rig: &mut Rig, n: usize, conn: u16, handle: u16) -> Step<(u16, Vec<u8>)> {
    rig.begin(n, conn, Procedure::Read(handle), |host, now| {
        host.gattc_read(now, conn, handle)
    })?;
    let status = rig.wait(n, 40_000, |told| match told.0 {
        Event::GattcReadDone { status, .. } => Some(status),
        _ => None,
    })?;
    if status != 0 {
        return Ok((status, Vec::new()));
    }
    let data = rig.wait(n, 0, |told| match told {
        (Event::GattcReadResult { .. }, data) => Some(data.clone()),
        _ => None,
    })?;
    Ok((status, data))
}

fn write_value(rig: &mut Rig, conn: u16, handle: u16, value: &[u8], mode: u32) -> Step<u16> {
    rig.begin(CENTRAL, conn, Procedure::Write(handle), |host, now| {
        host.gattc_write(now, conn, handle, value, mode)
    })?;
    rig.wait(CENTRAL, 40_000, |told| match told.0 {
        Event::GattcWriteDone { status, .. } => Some(status),
        _ => None,
    })
}

/// What must hold when nothing goes wrong; under a fault the peer may have
/// heard something else.
fn expect(holds: bool) -> Step<()> {
    if holds {
        Ok(())
    } else {
        Err(Over::Late)
    }
}

fn activate(rig: &mut Rig) -> Step<()> {
    for n in [CENTRAL, PERIPHERAL] {
        rig.start(n)?;
    }
    expect(
        rig.act(CENTRAL, |host, now| host.start(now, Default::default()))
            == Err(Over::Refused(Error::Already)),
    )?;
    rig.run(50)
}

fn connect(rig: &mut Rig) -> Step<()> {
    let (central, _) = link(rig)?;
    rig.run(300)?;
    unlink(rig, CENTRAL, central)?;
    let (_, peripheral) = link(rig)?;
    unlink(rig, PERIPHERAL, peripheral)
}

fn give_up(rig: &mut Rig) -> Step<()> {
    let absent = Address::random([9, 9, 9, 9, 9, 0xc9]);
    let failed = |told: &Told| matches!(told.0, Event::ConnectFailed { .. }).then_some(());
    rig.connect_to(CENTRAL, absent, 300)?;
    expect(
        rig.act(CENTRAL, |h, now| h.connect(now, absent, 300, 0, 0))
            == Err(Over::Refused(Error::Already)),
    )?;
    rig.wait(CENTRAL, 4_000, failed)?;
    rig.connect_to(CENTRAL, absent, 10_000)?;
    rig.run(50)?;
    rig.call(CENTRAL, |host, now| host.cancel_connect(now))?;
    rig.wait(CENTRAL, 4_000, failed)?;
    rig.call(PERIPHERAL, |host, now| {
        host.advertise(now, false, 100_000, Some(b""), Some(b""))
    })?;
    rig.call(PERIPHERAL, |host, now| host.stop_advertising(now))
}

fn discover(rig: &mut Rig) -> Step<()> {
    let (conn, _) = link(rig)?;
    for uuid in [None, Some(SERVICE)] {
        rig.begin(CENTRAL, conn, Procedure::Services, |h, now| {
            h.discover_services(now, conn, uuid)
        })?;
    }
    let mut range = None;
    for _ in 0..2 {
        rig.wait(CENTRAL, 40_000, |told| match told.0 {
            Event::GattcServiceDone { status, .. } => Some(status),
            _ => None,
        })?;
    }
    while let Ok(found) = rig.wait(CENTRAL, 0, |told| match told.0 {
        Event::GattcService {
            start, end, uuid, ..
        } => Some((uuid, start, end)),
        _ => None,
    }) {
        if found.0 == SERVICE {
            range = Some((found.1, found.2));
        }
    }
    let (start, end) = range.ok_or(Over::Late)?;
    for (start, end, uuid) in [(1, 0xffff, None), (start, end, Some(Uuid::short(0x2a6f)))] {
        rig.begin(CENTRAL, conn, Procedure::Characteristics, |h, now| {
            h.discover_characteristics(now, conn, start, end, uuid)
        })?;
    }
    rig.begin(CENTRAL, conn, Procedure::Descriptors, |h, now| {
        h.discover_descriptors(now, conn, start + 2, end)
    })?;
    rig.wait(CENTRAL, 40_000, |told| match told.0 {
        Event::GattcDescriptorDone { .. } => Some(()),
        _ => None,
    })?;
    rig.nodes[CENTRAL].events.clear();
    unlink(rig, CENTRAL, conn)
}

fn read(rig: &mut Rig) -> Step<()> {
    let (conn, theirs) = link(rig)?;
    let handles = rig.nodes[PERIPHERAL].handles;
    expect(read_value(rig, CENTRAL, conn, handles.value)? == (0, VALUE.to_vec()))?;
    expect(read_value(rig, CENTRAL, conn, handles.long)? == (0, vec![0x6c; 300]))?;
    expect(read_value(rig, CENTRAL, conn, handles.secret)?.0 == 5)?;
    expect(read_value(rig, CENTRAL, conn, 999)?.0 == 1)?;
    expect(read_value(rig, PERIPHERAL, theirs, handles.value)? == (0, VALUE.to_vec()))?;
    // Several at once, and the link ends before they do.
    for handle in [handles.value, handles.long, handles.long] {
        rig.begin(CENTRAL, conn, Procedure::Read(handle), |h, now| {
            h.gattc_read(now, conn, handle)
        })?;
    }
    unlink(rig, PERIPHERAL, theirs)
}

fn write(rig: &mut Rig) -> Step<()> {
    let (conn, _) = link(rig)?;
    let handles = rig.nodes[PERIPHERAL].handles;
    expect(write_value(rig, conn, handles.value, b"22.0", 1)? == 0)?;
    expect(write_value(rig, conn, handles.long, &[0x77; 200], 2)? == 0)?;
    expect(write_value(rig, conn, handles.value, &[0; 100], 2)? != 0)?;
    expect(write_value(rig, conn, handles.secret, b"x", 1)? == 5)?;
    for _ in 0..3 {
        rig.act(CENTRAL, |h, now| {
            h.gattc_write(now, conn, handles.sink, b"part", 0)
        })?;
    }
    for _ in 0..5 {
        rig.wait(PERIPHERAL, SOON, |told| {
            matches!(told.0, Event::GattsWrite { .. }).then_some(())
        })?;
    }
    let sink = rig.nodes[PERIPHERAL].host.database().read_out(handles.sink);
    expect(sink == Some(b"partpartpart"))?;
    unlink(rig, CENTRAL, conn)
}

fn notify(rig: &mut Rig) -> Step<()> {
    let (conn, theirs) = link(rig)?;
    let value = rig.nodes[PERIPHERAL].handles.value;
    expect(write_value(rig, conn, value + 1, &[1, 0], 1)? == 0)?;
    rig.act(PERIPHERAL, |h, now| {
        h.gatts_write(now, value, b"22.0", true)
    })?;
    for i in 0..6 {
        rig.act(PERIPHERAL, |h, now| {
            h.notify(now, theirs, value, Some(&[i; 18]))
        })?;
    }
    rig.act(PERIPHERAL, |h, now| h.notify(now, theirs, value, None))?;
    for _ in 0..8 {
        rig.wait(CENTRAL, SOON, |told| {
            matches!(told.0, Event::GattcNotify { .. }).then_some(())
        })?;
    }
    unlink(rig, CENTRAL, conn)
}

fn indicate(rig: &mut Rig) -> Step<()> {
    let (conn, theirs) = link(rig)?;
    let value = rig.nodes[PERIPHERAL].handles.value;
    expect(write_value(rig, conn, value + 1, &[2, 0], 1)? == 0)?;
    for i in 0..MAX_INDICATIONS as u8 {
        rig.act(PERIPHERAL, |h, now| {
            h.indicate(now, theirs, value, Some(&[i; 10]))
        })?;
        rig.nodes[PERIPHERAL].ledger.indicated(theirs, value);
    }
    for _ in 0..MAX_INDICATIONS {
        rig.wait(PERIPHERAL, 40_000, |told| {
            matches!(told.0, Event::GattsIndicateDone { .. }).then_some(())
        })?;
    }
    // One more, and the link ends before it is confirmed.
    rig.act(PERIPHERAL, |h, now| h.indicate(now, theirs, value, None))?;
    rig.nodes[PERIPHERAL].ledger.indicated(theirs, value);
    unlink(rig, CENTRAL, conn)
}

fn mtu(rig: &mut Rig) -> Step<()> {
    let (conn, theirs) = link(rig)?;
    rig.nodes[CENTRAL]
        .host
        .set_preferred_mtu(200)
        .map_err(Over::Refused)?;
    rig.act(CENTRAL, |h, now| h.exchange_mtu(now, conn))?;
    for n in [CENTRAL, PERIPHERAL] {
        let mtu = rig.wait(n, 40_000, |told| match told.0 {
            Event::MtuExchanged { mtu, .. } => Some(mtu),
            _ => None,
        })?;
        expect(mtu == 200)?;
    }
    let long = rig.nodes[PERIPHERAL].handles.long;
    expect(read_value(rig, CENTRAL, conn, long)?.1 == vec![0x6c; 300])?;
    unlink(rig, PERIPHERAL, theirs)
}

/// Encryption of both sides; gives whether each is encrypted.
fn encrypted(rig: &mut Rig) -> Step<[bool; 2]> {
    let mut both = [false; 2];
    for n in [CENTRAL, PERIPHERAL] {
        both[n] = rig.wait(n, 40_000, |told| match told.0 {
            Event::EncryptionUpdate { encrypted, .. } => Some(encrypted),
            _ => None,
        })?;
    }
    Ok(both)
}

fn start_pairing(rig: &mut Rig, n: usize, conn: u16) -> Step<()> {
    rig.act(n, |host, now| host.pair(now, conn))?;
    rig.nodes[n].ledger.pairing(conn);
    Ok(())
}

fn secure(rig: &mut Rig, config: [SecurityConfig; 2]) {
    for n in [CENTRAL, PERIPHERAL] {
        rig.nodes[n].host.set_security_config(config[n]);
    }
}

fn pair_with(rig: &mut Rig, config: SecurityConfig) -> Step<()> {
    secure(rig, [config; 2]);
    let (conn, _) = link(rig)?;
    start_pairing(rig, CENTRAL, conn)?;
    expect(encrypted(rig)? == [true; 2])?;
    let secret = rig.nodes[PERIPHERAL].handles.secret;
    expect(read_value(rig, CENTRAL, conn, secret)?.1 == b"secret")?;
    unlink(rig, CENTRAL, conn)
}

fn pair(rig: &mut Rig) -> Step<()> {
    pair_with(
        rig,
        SecurityConfig {
            bond: false,
            ..BOND
        },
    )
}

fn pair_legacy(rig: &mut Rig) -> Step<()> {
    pair_with(
        rig,
        SecurityConfig {
            secure: false,
            ..BOND
        },
    )
}

/// Pairs with I/O capabilities and plays both users.
fn pair_by_users(rig: &mut Rig, io: [IoCapability; 2], secure_connections: bool) -> Step<()> {
    let config = io.map(|io| SecurityConfig {
        io,
        mitm: true,
        secure: secure_connections,
        ..BOND
    });
    secure(rig, config);
    let (ours, theirs) = link(rig)?;
    start_pairing(rig, PERIPHERAL, theirs)?;
    for (n, conn) in [(CENTRAL, ours), (PERIPHERAL, theirs)] {
        let action = rig.wait(n, 40_000, |told| match told.0 {
            Event::PasskeyAction { action, .. } => Some(action),
            _ => None,
        })?;
        let (number, value) = match action {
            PasskeyAction::Input => (2, 123_456),
            PasskeyAction::Display => (3, 123_456),
            PasskeyAction::NumericComparison(_) => (4, 1),
        };
        rig.act(n, |host, now| host.passkey(now, conn, number, value))?;
    }
    expect(encrypted(rig)? == [true; 2])?;
    unlink(rig, CENTRAL, ours)
}

fn pair_passkey(rig: &mut Rig) -> Step<()> {
    let io = [IoCapability::KeyboardOnly, IoCapability::DisplayOnly];
    pair_by_users(rig, io, false)
}

fn pair_compare(rig: &mut Rig) -> Step<()> {
    pair_by_users(rig, [IoCapability::DisplayYesNo; 2], true)
}

fn bond(rig: &mut Rig) -> Step<()> {
    secure(
        rig,
        [SecurityConfig {
            secure: false,
            ..BOND
        }; 2],
    );
    let (conn, _) = link(rig)?;
    start_pairing(rig, CENTRAL, conn)?;
    expect(encrypted(rig)? == [true; 2])?;
    let value = rig.nodes[PERIPHERAL].handles.value;
    expect(write_value(rig, conn, value + 1, &[1, 0], 1)? == 0)?;
    unlink(rig, CENTRAL, conn)?;

    let (conn, theirs) = link(rig)?;
    start_pairing(rig, PERIPHERAL, theirs)?;
    expect(encrypted(rig)? == [true; 2])?;
    rig.act(PERIPHERAL, |h, now| {
        h.gatts_write(now, value, b"kept", true)
    })?;
    rig.wait(CENTRAL, SOON, |told| {
        matches!(told.0, Event::GattcNotify { .. }).then_some(())
    })?;
    unlink(rig, PERIPHERAL, theirs)?;

    let peer = rig.nodes[PERIPHERAL].host.address();
    rig.act(CENTRAL, |h, now| h.unpair(now, Some(peer)))?;
    rig.act(PERIPHERAL, |h, now| h.unpair(now, None))?;
    rig.run(200)?;
    let _ = conn;
    Ok(())
}

fn l2cap(rig: &mut Rig) -> Step<()> {
    const MTU: u16 = 40;
    let (conn, theirs) = link(rig)?;
    for psm in [0x80, 0x81] {
        rig.nodes[PERIPHERAL]
            .host
            .l2cap_listen(psm, MTU)
            .map_err(Over::Refused)?;
    }
    let open = |rig: &mut Rig, psm: u16| -> Step<Option<u16>> {
        let memory = vec![0; memory_needed(MTU)].leak();
        let cid = rig.act(CENTRAL, |h, now| {
            h.l2cap_connect(now, conn, psm, MTU, memory)
        })?;
        rig.nodes[CENTRAL].ledger.channel(conn, cid);
        rig.wait(CENTRAL, 40_000, |told| match told.0 {
            Event::L2capConnected { cid, .. } => Some(Some(cid)),
            Event::L2capDisconnected { .. } => Some(None),
            _ => None,
        })
    };
    expect(open(rig, 0x99)?.is_none())?;
    rig.nodes[PERIPHERAL].accepts = false;
    expect(open(rig, 0x80)?.is_none())?;
    rig.nodes[PERIPHERAL].accepts = true;
    let cid = open(rig, 0x80)?.ok_or(Over::Late)?;
    let other = open(rig, 0x81)?.ok_or(Over::Late)?;
    let peer = rig.wait(PERIPHERAL, SOON, |told| match told.0 {
        Event::L2capConnected { cid, psm: 0x80, .. } => Some(cid),
        _ => None,
    })?;

    for (n, conn, cid, to, to_conn, to_cid) in [
        (CENTRAL, conn, cid, PERIPHERAL, theirs, peer),
        (PERIPHERAL, theirs, peer, CENTRAL, conn, cid),
    ] {
        let mut received = Vec::new();
        for i in 0..8u8 {
            let stalled = rig.act(n, |h, now| h.l2cap_send(now, conn, cid, &[i; MTU as usize]))?;
            if stalled {
                // Both are needed for it to go on.
                while let Ok(()) = rig.wait(to, 300, |told| {
                    matches!(told.0, Event::L2capRecv { .. }).then_some(())
                }) {
                    drain(rig, to, to_conn, to_cid, &mut received)?;
                }
                rig.wait(n, SOON, |told| {
                    matches!(told.0, Event::L2capSendReady { .. }).then_some(())
                })?;
            }
        }
        rig.run(300)?;
        drain(rig, to, to_conn, to_cid, &mut received)?;
        expect(received.len() == 8 * MTU as usize)?;
        rig.nodes[to].events.clear();
    }
    rig.act(CENTRAL, |h, now| h.l2cap_disconnect(now, conn, cid))?;
    for n in [CENTRAL, PERIPHERAL] {
        rig.wait(n, 40_000, |told| {
            matches!(told.0, Event::L2capDisconnected { .. }).then_some(())
        })?;
    }
    let _ = other;
    unlink(rig, CENTRAL, conn)
}

fn drain(rig: &mut Rig, n: usize, conn: u16, cid: u16, into: &mut Vec<u8>) -> Step<()> {
    let mut buf = [0; 64];
    loop {
        let got = rig.act(n, |h, now| h.l2cap_recvinto(now, conn, cid, Some(&mut buf)))?;
        if got == 0 {
            return Ok(());
        }
        into.extend_from_slice(&buf[..got]);
    }
}

fn update(rig: &mut Rig) -> Step<()> {
    let (conn, theirs) = link(rig)?;
    for (n, conn, interval) in [(CENTRAL, conn, 40), (PERIPHERAL, theirs, 24)] {
        rig.act(n, |h, now| {
            h.update_connection(now, conn, interval, interval, 0, 400)
        })?;
        rig.nodes[n].ledger.updating(conn);
        for n in [n, 1 - n] {
            let told = rig.wait(n, 40_000, |told| match told.0 {
                Event::ConnectionUpdate { interval, .. } => Some(interval),
                _ => None,
            })?;
            expect(told == interval)?;
        }
    }
    unlink(rig, CENTRAL, conn)
}

fn scan(rig: &mut Rig) -> Step<()> {
    let result = |told: &Told| matches!(told.0, Event::ScanResult { .. }).then_some(());
    let done = |told: &Told| matches!(told.0, Event::ScanDone).then_some(());
    rig.call(PERIPHERAL, |host, now| {
        host.advertise(
            now,
            true,
            50_000,
            Some(b"\x02\x01\x06"),
            Some(b"\x04\x09abc"),
        )
    })?;
    rig.scan(CENTRAL, 200, true)?;
    rig.wait(CENTRAL, SOON, result)?;
    rig.wait(CENTRAL, SOON, done)?;
    rig.scan(CENTRAL, 0, false)?;
    rig.run(120)?;
    rig.scan(CENTRAL, 0, true)?;
    rig.run(60)?;
    rig.call(CENTRAL, |host, now| host.stop_scan(now))?;
    rig.wait(CENTRAL, SOON, done)?;
    // Connecting while scanning.
    rig.scan(CENTRAL, 400, false)?;
    rig.nodes[CENTRAL].events.clear();
    let (conn, _) = link(rig)?;
    rig.wait(CENTRAL, SOON, done)?;
    rig.nodes[CENTRAL].events.clear();
    unlink(rig, CENTRAL, conn)
}

fn privacy(rig: &mut Rig) -> Step<()> {
    secure(
        rig,
        [SecurityConfig {
            secure: false,
            ..BOND
        }; 2],
    );
    let identity = rig.nodes[PERIPHERAL].host.address();
    for mode in [
        AddressMode::NonResolvable,
        AddressMode::Static,
        AddressMode::Resolvable,
    ] {
        rig.call(PERIPHERAL, |host, now| host.set_address_mode(now, mode))?;
    }
    let (conn, _) = link(rig)?;
    start_pairing(rig, CENTRAL, conn)?;
    expect(encrypted(rig)? == [true; 2])?;
    unlink(rig, CENTRAL, conn)?;
    // Lets resolving lists be set.
    rig.run(300)?;
    rig.call(PERIPHERAL, |host, now| {
        host.advertise(now, true, 20_000, Some(b"\x02\x01\x06"), None)
    })?;
    rig.scan(CENTRAL, 200, false)?;
    rig.wait(CENTRAL, SOON, |told| {
        matches!(told.0, Event::ScanDone).then_some(())
    })?;
    rig.nodes[CENTRAL].events.clear();
    let (conn, _) = link_to(rig, identity)?;
    start_pairing(rig, CENTRAL, conn)?;
    expect(encrypted(rig)? == [true; 2])?;
    unlink(rig, CENTRAL, conn)
}

fn deactivate(rig: &mut Rig) -> Step<()> {
    let (conn, _) = link(rig)?;
    let handles = rig.nodes[PERIPHERAL].handles;
    let long = handles.long;
    for _ in 0..3 {
        rig.begin(CENTRAL, conn, Procedure::Read(long), |h, now| {
            h.gattc_read(now, conn, long)
        })?;
    }
    rig.run(40)?;
    rig.stop(CENTRAL);
    rig.stop(CENTRAL);
    rig.wait(PERIPHERAL, SOON, |told| {
        matches!(told.0, Event::Disconnected { .. }).then_some(())
    })?;
    rig.start(CENTRAL)?;
    rig.scan(CENTRAL, 0, false)?;
    rig.call(PERIPHERAL, |host, now| {
        host.advertise(now, true, 20_000, None, None)
    })?;
    rig.run(100)?;
    rig.stop(CENTRAL);
    rig.stop(PERIPHERAL);
    rig.start(PERIPHERAL)?;
    rig.start(CENTRAL)?;
    let (conn, _) = link(rig)?;
    expect(read_value(rig, CENTRAL, conn, handles.value)?.1 == VALUE)?;
    let theirs = rig.nodes[PERIPHERAL].ledger.links();
    rig.stop(PERIPHERAL);
    rig.wait(CENTRAL, SOON, |told| {
        matches!(told.0, Event::Disconnected { .. }).then_some(())
    })?;
    let _ = theirs;
    Ok(())
}

fn command(rig: &mut Rig) -> Step<()> {
    const READ_LOCAL_VERSION: u16 = 0x1001;
    const NO_SUCH: u16 = 0xfdff;
    for opcode in [READ_LOCAL_VERSION, NO_SUCH] {
        let reply = vec![0; 16].leak();
        rig.call(CENTRAL, |host, now| {
            host.hci_command(now, opcode, &[], reply)
        })?;
        let (status, reply) = rig.nodes[CENTRAL].host.take_reply();
        expect((status == 0) == (opcode == READ_LOCAL_VERSION) && reply.is_some())?;
    }
    Ok(())
}

/// Fills each queue and pool by commands until one is refused, and lets it
/// run empty.
fn flood(rig: &mut Rig) -> Step<()> {
    let (conn, theirs) = link(rig)?;
    let handles = rig.nodes[PERIPHERAL].handles;
    const MOST: usize = 200;
    let full = |result: Step<()>| match result {
        Err(Over::Refused(Error::NoMemory | Error::Busy | Error::Already)) => Ok(false),
        Ok(()) => Ok(true),
        Err(error) => Err(error),
    };
    let mut writes = 0;
    while writes < MOST
        && full(
            rig.begin(CENTRAL, conn, Procedure::Write(handles.long), |h, now| {
                h.gattc_write(now, conn, handles.long, &[writes as u8; 390], 2)
            }),
        )?
    {
        writes += 1;
    }
    expect(writes > 0 && writes < MOST)?;
    let mut reads = 0;
    while reads < MOST
        && full(rig.begin(
            PERIPHERAL,
            theirs,
            Procedure::Read(handles.long),
            |h, now| h.gattc_read(now, theirs, handles.long),
        ))?
    {
        reads += 1;
    }
    let mut notifications = 0;
    while notifications < MOST
        && full(rig.act(PERIPHERAL, |h, now| {
            h.notify(now, theirs, handles.value, Some(&[1; 20]))
        }))?
    {
        notifications += 1;
    }
    expect(notifications > 0 && notifications < MOST)?;
    let mut indications = 0;
    while indications < MOST
        && full(rig.act(PERIPHERAL, |h, now| {
            h.indicate(now, theirs, handles.value, None)
        }))?
    {
        rig.nodes[PERIPHERAL]
            .ledger
            .indicated(theirs, handles.value);
        indications += 1;
    }
    let mut commands = 0;
    while commands < MOST
        && full(rig.act(CENTRAL, |h, now| {
            h.gattc_write(now, conn, handles.sink, b"more", 0)
        }))?
    {
        commands += 1;
    }
    expect(commands > 0 && commands < MOST)?;
    let mut updates = 0;
    while updates < MOST
        && full(rig.act(CENTRAL, |h, now| {
            h.update_connection(now, conn, 24, 24, 0, 400)
        }))?
    {
        rig.nodes[CENTRAL].ledger.updating(conn);
        updates += 1;
    }
    let _ = rig.nodes[PERIPHERAL].host.l2cap_listen(0x80, 23);
    let mut channels = 0;
    while channels < MOST {
        let memory = vec![0; memory_needed(23)].leak();
        let cid = rig.act(CENTRAL, |h, now| {
            h.l2cap_connect(now, conn, 0x80, 23, memory)
        });
        if let Ok(cid) = cid {
            rig.nodes[CENTRAL].ledger.channel(conn, cid);
        }
        if !full(cid.map(|_| ()))? {
            break;
        }
        channels += 1;
    }
    let owed = |rig: &Rig| rig.nodes.iter().any(|node| !node.ledger.owed().is_empty());
    for _ in 0..100 {
        if !owed(rig) {
            break;
        }
        rig.run(500)?;
    }
    expect(!owed(rig))?;
    rig.nodes[CENTRAL].events.clear();
    rig.nodes[PERIPHERAL].events.clear();
    expect(read_value(rig, CENTRAL, conn, handles.value)?.0 == 0)?;
    unlink(rig, CENTRAL, conn)
}

/// Anything in any order, by seed; refusals are part of it.
fn random(rig: &mut Rig) -> Step<()> {
    let mut rng = Rng::new(rig.rng.next_u64());
    let legacy = rng.chance(0.9);
    secure(
        rig,
        [SecurityConfig {
            secure: !legacy,
            bond: rng.chance(0.5),
            ..BOND
        }; 2],
    );
    for _ in 0..5 + rng.below(40) {
        match random_step(rig, &mut rng) {
            Err(Over::Struck) => return Err(Over::Struck),
            _ => rig.run(rng.below(40) * rng.below(4))?,
        }
    }
    Ok(())
}

fn random_step(rig: &mut Rig, rng: &mut Rng) -> Step<()> {
    let n = rng.below(2) as usize;
    let links = rig.nodes[n].ledger.links();
    let conn = links.first().copied().unwrap_or(rng.below(4) as u16);
    let handles = rig.nodes[n].handles;
    let some = [
        handles.value,
        handles.value + 1,
        handles.long,
        handles.sink,
        handles.secret,
    ];
    let handle = some[rng.below(5) as usize];
    let data = [n as u8; 400];
    let longest = if rng.chance(0.2) { 400 } else { 24 };
    let data = &data[..rng.below(longest) as usize];
    match rng.below(30) {
        0 if links.is_empty() || rng.chance(0.1) => link(rig).map(|_| ()),
        0 | 1 => rig.run(rng.below(400)),
        2 if rng.chance(0.3) => rig.call(n, |h, now| h.disconnect(now, conn)),
        2 | 3 => rig.call(n, |h, now| h.advertise(now, true, 20_000, None, None)),
        4 => rig.call(n, |h, now| h.stop_advertising(now)),
        5 => rig.scan(n, rng.below(300) as u32, rng.chance(0.5)),
        6 => rig.call(n, |h, now| h.stop_scan(now)),
        7 => {
            let peer = rig.nodes[1 - n].host.address();
            rig.connect_to(n, peer, 300)
        }
        8 => rig.call(n, |h, now| h.cancel_connect(now)),
        9 => rig.begin(n, conn, Procedure::Services, |h, now| {
            h.discover_services(now, conn, None)
        }),
        10 => rig.begin(n, conn, Procedure::Characteristics, |h, now| {
            h.discover_characteristics(now, conn, 1, 0xffff, None)
        }),
        11 => rig.begin(n, conn, Procedure::Descriptors, |h, now| {
            h.discover_descriptors(now, conn, 1, 0xffff)
        }),
        12..=14 => rig.begin(n, conn, Procedure::Read(handle), |h, now| {
            h.gattc_read(now, conn, handle)
        }),
        15..=16 => {
            let mode = 1 + rng.below(2) as u32;
            rig.begin(n, conn, Procedure::Write(handle), |h, now| {
                h.gattc_write(now, conn, handle, data, mode)
            })
        }
        17 => rig.act(n, |h, now| h.gattc_write(now, conn, handle, data, 0)),
        18 => rig.begin(n, conn, Procedure::Write(handle), |h, now| {
            h.gattc_write(now, conn, handle, &[3, 0], 1)
        }),
        19 => rig.act(n, |h, now| h.notify(now, conn, handle, Some(data))),
        20 => {
            rig.act(n, |h, now| h.indicate(now, conn, handle, Some(data)))?;
            rig.nodes[n].ledger.indicated(conn, handle);
            Ok(())
        }
        21 => rig.act(n, |h, now| h.exchange_mtu(now, conn)),
        22 => start_pairing(rig, n, conn),
        23 => {
            let interval = 8 + rng.below(40) as u16;
            rig.act(n, |h, now| {
                h.update_connection(now, conn, interval, interval, 0, 400)
            })?;
            rig.nodes[n].ledger.updating(conn);
            Ok(())
        }
        24 => rig.nodes[n]
            .host
            .l2cap_listen(0x80, 40)
            .map_err(Over::Refused),
        25 => {
            let memory = vec![0; memory_needed(40)].leak();
            let cid = rig.act(n, |h, now| h.l2cap_connect(now, conn, 0x80, 40, memory))?;
            rig.nodes[n].ledger.channel(conn, cid);
            Ok(())
        }
        26 | 27 => {
            let cid = 0x40 + rng.below(4) as u16;
            let _ = rig.act(n, |h, now| {
                h.l2cap_send(now, conn, cid, &data[..data.len().min(40)])
            });
            let mut buf = [0; 30];
            rig.act(n, |h, now| h.l2cap_recvinto(now, conn, cid, Some(&mut buf)))
                .map(|_| ())
        }
        28 if rng.chance(0.5) => rig.act(n, |h, now| {
            h.l2cap_disconnect(now, conn, 0x40 + rng.below(4) as u16)
        }),
        28 => {
            let modes = [
                AddressMode::Public,
                AddressMode::Static,
                AddressMode::Resolvable,
            ];
            let mode = modes[rng.below(3) as usize];
            rig.call(n, |h, now| h.set_address_mode(now, mode))
        }
        _ if rng.chance(0.2) => {
            rig.stop(n);
            rig.start(n)
        }
        _ => rig.act(n, |h, now| h.unpair(now, None)),
    }
}
