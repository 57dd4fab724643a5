//! Faults on demand: what a transport, a controller or a peer may do wrong.

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Host to controller.
    FromHost,
    /// Controller to host.
    ToHost,
}

/// What happens to one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is lost.
    Drop,
    /// Only so many bytes arrive, the H4 indicator included.
    Truncate(usize),
    /// The byte at the offset is XORed with a mask.
    Alter(usize, u8),
    /// Other bytes arrive in its place.
    Replace(Vec<u8>),
    /// It arrives twice.
    Duplicate,
    /// It arrives so many microseconds later; packets behind it overtake it.
    Delay(u64),
    /// It arrives so many microseconds later, and all behind it wait.
    Stall(u64),
    /// It arrives, then all links of the node are lost with this reason on both ends.
    Disconnect(u8),
    /// It is lost and so is every packet after it, both ways, until power off.
    Silence,
}

/// What happens to one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandFault {
    /// It fails with this error code in the event that the command calls for.
    Fail(u8),
    /// The controller does not know it.
    Unknown,
    /// No answer comes, and nothing is done.
    Silent,
}

/// Which command a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The n-th command since power on, counted from zero.
    Nth(u64),
    /// Each command of this opcode.
    Opcode(u16),
    /// Each command.
    All,
}

/// How Number Of Completed Packets lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Counts are this much too high or too low (not below zero).
    Add(i16),
    /// The event never comes.
    Never,
    /// The event names this connection handle.
    Handle(u16),
}

/// The faults of one node. Counting begins when the node is added or powered on.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    packets: Vec<(Direction, u64, Fault)>,
    commands: Vec<(Which, CommandFault)>,
    /// How Number Of Completed Packets lies.
    pub completed: Option<Lie>,
    /// Nothing passes in either direction.
    pub silent: bool,
    from_host: u64,
    to_host: u64,
    command: u64,
}

impl Faults {
    /// Plans a fault for the n-th packet of a direction, counted from zero.
    pub fn packet(&mut self, direction: Direction, nth: u64, fault: Fault) {
        self.packets.push((direction, nth, fault));
    }

    /// Plans a fault for commands.
    pub fn command(&mut self, which: Which, fault: CommandFault) {
        self.commands.push((which, fault));
    }

    /// Forgets all plans and counts.
    pub fn clear(&mut self) {
        *self = Faults::default();
    }

    /// How many packets have passed in a direction.
    pub fn count(&self, direction: Direction) -> u64 {
        match direction {
            Direction::FromHost => self.from_host,
            Direction::ToHost => self.to_host,
        }
    }

    /// Commands seen.
    pub fn commands_seen(&self) -> u64 {
        self.command
    }

    /// Starts counting anew and ends silence; plans stay.
    pub(crate) fn restart(&mut self) {
        self.silent = false;
        (self.from_host, self.to_host, self.command) = (0, 0, 0);
    }

    /// The fault for the packet that passes now.
    pub(crate) fn next_packet(&mut self, direction: Direction) -> Option<Fault> {
        let count = match direction {
            Direction::FromHost => &mut self.from_host,
            Direction::ToHost => &mut self.to_host,
        };
        let nth = *count;
        *count += 1;
        let planned = self
            .packets
            .iter()
            .find(|(d, n, _)| *d == direction && *n == nth);
        planned.map(|(_, _, fault)| fault.clone())
    }

    /// The fault for the command that is handled now.
    pub(crate) fn next_command(&mut self, opcode: u16) -> Option<CommandFault> {
        let nth = self.command;
        self.command += 1;
        let planned = self.commands.iter().find(|(which, _)| match which {
            Which::Nth(n) => *n == nth,
            Which::Opcode(o) => *o == opcode,
            Which::All => true,
        });
        planned.map(|(_, fault)| *fault)
    }
}
