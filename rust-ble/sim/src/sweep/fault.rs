//! What can go wrong in a run, and where.

use crate::fault::{CommandFault, Direction, Fault as Planned, Lie, Which};
use crate::Air;

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// To which host: 0 is the central, 1 the peripheral.
    pub node: usize,
    /// When, or how much; what is counted depends on the kind.
    pub nth: u64,
}

/// What `nth` of a fault counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// Nothing: one run.
    Nothing,
    /// HCI packets of the node, both ways.
    Packets,
    /// HCI packets to the host.
    ToHost,
    /// HCI packets to the host that may come later than others.
    Movable,
    /// Answers to commands.
    Answers,
    /// Commands.
    Commands,
    /// Different commands, the n-th known by its opcode.
    Opcodes,
    /// Questions about secrets.
    Secrets,
    /// A number from one up to this.
    UpTo(u64),
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $kind:ident $name:literal $counts:expr,)*) => {
        /// Kinds of faults.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $($(#[doc = $doc])* $kind,)* }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind),*];

            /// As it is printed.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$kind => $name,)* }
            }

            /// What `nth` counts.
            pub fn counts(self) -> Counts {
                use Counts::*;
                match self { $(Kind::$kind => $counts,)* }
            }
        }
    };
}

kinds! {
    /// Nothing goes wrong.
    None "none" Nothing,
    /// All links are lost after packet N.
    Disconnect "disconnect" Packets,
    /// Nothing passes between host and controller after packet N.
    Silent "silent" Packets,
    /// The controller reports a hardware error after packet N.
    HardwareError "hardware-error" Packets,
    /// The port tells the host after packet N that the transport is gone.
    TransportLost "transport-lost" Packets,
    /// `active(False)` after packet N.
    Off "off" Packets,
    /// Soft reset after packet N: off, and on again.
    Restart "restart" Packets,
    /// Packet N to the host arrives twice.
    Duplicate "duplicate" ToHost,
    /// Packet N to the host and all behind it arrive 700 ms late.
    Delay "delay" ToHost,
    /// Packet N to the host arrives after all that wait behind it.
    Reorder "reorder" Movable,
    /// Packet N to the host lacks its last byte, and says so.
    Truncate "truncate" ToHost,
    /// Packet N to the host ends after its header, and says so.
    Empty "empty" ToHost,
    /// The last byte of packet N to the host is lost by the transport.
    Lost "lost-byte" ToHost,
    /// One bit of packet N to the host is flipped.
    Flip "flip" ToHost,
    /// The answer N takes all command credits, which return 100 ms later.
    NoCredits "no-credits" Answers,
    /// Command N fails with Command Disallowed.
    Disallowed "disallowed" Commands,
    /// Command N fails with Memory Capacity Exceeded.
    Failed "failed" Commands,
    /// Command N is unknown to the controller.
    Unknown "unknown" Commands,
    /// Command N is never answered.
    Unanswered "unanswered" Commands,
    /// The controller does not know the N-th of the commands in use.
    Unsupported "unsupported" Opcodes,
    /// The script refuses question N about secrets, or its handler raises.
    SecretRefused "secret-refused" Secrets,
    /// The script refuses question N about secrets and all that follow.
    SecretsRefused "secrets-refused" Secrets,
    /// The script answers question N about secrets with garbage.
    SecretGarbage "secret-garbage" Secrets,
    /// ACL packets to the host have at most N bytes of data.
    Pieces "pieces" UpTo(40),
    /// ACL packets to the host are cut in two after N bytes.
    Cut "cut" UpTo(60),
    /// The controller has N buffers for ACL data of 27 bytes.
    Buffers "buffers" UpTo(2),
    /// Number Of Completed Packets lies in the N-th way.
    Lie "lie" UpTo(5),
    /// N of a hundred radio packets are lost.
    Loss "loss" UpTo(20),
    /// Any of these, several times, by seed.
    Any "any" Nothing,
}

impl Kind {
    /// Whether a host that obeys may be accused by the controller under this
    /// fault, which spoils what the host is told.
    pub fn misleads(self) -> bool {
        !matches!(
            self,
            Kind::None | Kind::Loss | Kind::Pieces | Kind::Cut | Kind::Buffers
        )
    }
}

impl Fault {
    /// Plans what the controller does itself; counting starts now.
    pub fn plan(&self, air: &mut Air, opcodes: &[u16]) {
        let faults = air.faults(self.node);
        let command = Which::Nth(faults.commands_seen() + self.nth);
        match self.kind {
            Kind::Disallowed => faults.command(command, CommandFault::Fail(0x0c)),
            Kind::Failed => faults.command(command, CommandFault::Fail(0x07)),
            Kind::Unknown => faults.command(command, CommandFault::Unknown),
            Kind::Unanswered => faults.command(command, CommandFault::Silent),
            Kind::Unsupported => {
                if let Some(&opcode) = opcodes.get(self.nth as usize) {
                    faults.command(Which::Opcode(opcode), CommandFault::Unknown);
                }
            }
            Kind::Delay => {
                let nth = faults.count(Direction::ToHost) + self.nth;
                faults.packet(Direction::ToHost, nth, Planned::Stall(700_000));
            }
            Kind::Lie => {
                faults.completed = Some(match self.nth {
                    1 => Lie::Add(1),
                    2 => Lie::Add(1000),
                    3 => Lie::Add(-1),
                    4 => Lie::Never,
                    _ => Lie::Handle(0x0eee),
                });
            }
            Kind::Loss => air.set_loss(self.nth as f64 / 100.0),
            _ => {}
        }
    }
}

/// Whether a packet to the host may arrive later than those behind it: what
/// is no part of an order of events that the host relies on.
pub fn is_movable(packet: &[u8]) -> bool {
    match packet {
        // Command Complete, Number Of Completed Packets.
        [4, 0x0e | 0x13, ..] => true,
        // Advertising report, remote features, data length, PHY.
        [4, 0x3e, _, 0x02 | 0x04 | 0x07 | 0x0c, ..] => true,
        _ => false,
    }
}

/// Whether a packet is a Command Complete or Command Status.
pub fn is_answer(packet: &[u8]) -> bool {
    matches!(packet, [4, 0x0e | 0x0f, ..])
}

/// What arrives of a packet that one of the faults of `ToHost` hits.
pub fn spoil(kind: Kind, packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let header = if packet.first() == Some(&2) { 5 } else { 3 };
    match kind {
        Kind::Duplicate => packet.extend_from_within(..),
        Kind::Truncate | Kind::Empty if packet.len() > header => {
            let keep = if kind == Kind::Empty {
                header
            } else {
                packet.len() - 1
            };
            packet.truncate(keep);
            packet[header - 1] = 0;
            if header == 5 {
                packet[3] = (keep - header) as u8;
            } else {
                packet[2] = (keep - header) as u8;
            }
        }
        Kind::Lost => {
            packet.pop();
        }
        Kind::Flip => {
            // Header bytes would only desynchronise, as a lost byte does.
            let at = header + (packet.len() - header) / 2;
            if let Some(byte) = packet.get_mut(at) {
                *byte ^= 1 << (packet_hash(at) % 8);
            }
        }
        _ => {}
    }
    packet
}

fn packet_hash(at: usize) -> usize {
    at.wrapping_mul(7) >> 1
}

/// A packet as ACL packets of at most `most` bytes of data each, or cut once.
pub fn fragment(packet: &[u8], most: usize, once: bool) -> Vec<u8> {
    let [2, low, high, _, _, data @ ..] = packet else {
        return packet.to_vec();
    };
    let mut out = Vec::new();
    let mut put = |piece: &[u8], first: bool| {
        let flags = if first { *high } else { *high & 0x0f | 0x10 };
        let len = (piece.len() as u16).to_le_bytes();
        out.extend_from_slice(&[2, *low, flags, len[0], len[1]]);
        out.extend_from_slice(piece);
    };
    if once && data.len() > most {
        put(&data[..most], true);
        put(&data[most..], false);
    } else if once {
        put(data, true);
    } else {
        for (i, piece) in data.chunks(most).enumerate() {
            put(piece, i == 0);
        }
    }
    out
}
