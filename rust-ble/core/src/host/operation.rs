//! Commands of the script that end when the controller has answered, one at a
//! time, each a sequence of HCI commands.

use super::{Host, LinkState, State};
use crate::error::{Error, Result};
use crate::hci::command::TIMEOUT_MS;
use crate::pool::Block;
use crate::time::Instant;
use crate::wire::copy;
use crate::wire::hci::{opcode, status, CommandResult};

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Nothing.
    Idle,
    /// Set up the controller.
    Start,
    /// End all links and reset the controller.
    Stop,
    /// Start or restart advertising.
    Advertise,
    /// Stop advertising.
    StopAdvertising,
    /// Start or restart scanning.
    Scan,
    /// Stop scanning.
    StopScan,
    /// Start to connect.
    Connect,
    /// Give up connecting.
    Cancel,
    /// Set our address and the resolving list anew.
    Refresh,
    /// One command of the script or for a link.
    Command(u16),
}

/// Runs one operation.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) running: Operation,
    /// Started after the running one, which the script does not know of.
    next: Operation,
    /// The script waits for the result.
    foreground: bool,
    pub(super) step: u8,
    /// How far the resolving list is.
    pub(super) list_step: u8,
    /// The command whose answer ends the step, and how many others with this
    /// opcode, of links, are answered before.
    expected: u16,
    ahead: u8,
    deadline: Instant,
    result: Option<Result<()>>,
    /// Where the return parameters of the script's command go.
    pub(super) reply: Option<&'static mut [u8]>,
    pub(super) status: u8,
    /// Parameters of the script's command until it is its turn.
    params: Option<Block>,
}

/// Time of each of the two parts of switching off: links end, then the
/// controller is reset.
const STOP_MS: u32 = 900;

/// What a step does.
pub(super) enum Step {
    /// A command was queued; its answer ends the step.
    Sent(u16),
    /// Nothing to do in this step.
    Skip,
    /// Something else ends the step: call `advance`.
    Wait,
    /// The operation is done.
    Done,
}

impl Engine {
    /// Makes a blank engine one that has done nothing.
    pub(super) fn prepare(&mut self) {
        self.result = None;
    }

    /// All of it zeros, for a static: `prepare` comes before all else.
    pub(super) const fn blank() -> Self {
        Engine {
            running: Operation::Idle,
            next: Operation::Idle,
            foreground: false,
            step: 0,
            list_step: 0,
            expected: 0,
            ahead: 0,
            deadline: Instant(0),
            result: Some(Ok(())),
            reply: None,
            status: 0,
            params: None,
        }
    }

    /// Whether the command of the present step is answered by this.
    pub(super) fn is_answered(&mut self, opcode: u16) -> bool {
        if !self.is_running() || self.expected != opcode {
            return false;
        }
        let answered = self.ahead == 0;
        self.ahead = self.ahead.saturating_sub(1);
        answered
    }

    /// Keeps the return parameters of the script's own command.
    pub(super) fn returned(&mut self, opcode: u16, returned: &[u8]) {
        if self.running == Operation::Command(opcode) {
            if let Some(reply) = &mut self.reply {
                copy(reply, returned);
            }
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.running != Operation::Idle
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.is_running().then_some(self.deadline)
    }
}

impl Host {
    /// The result of the operation that a command of the script started;
    /// `None` while it runs. Each result is given once; a command that
    /// started none has succeeded.
    pub fn poll_operation(&mut self) -> Option<Result<()>> {
        let engine = &mut self.operation;
        if !engine.is_running() && engine.result.is_none() {
            return Some(Ok(()));
        }
        engine.result.take()
    }

    /// Status of the last `hci_command`, and its buffer with the return
    /// parameters.
    pub fn take_reply(&mut self) -> (u8, Option<&'static mut [u8]>) {
        (self.operation.status, self.operation.reply.take())
    }

    /// Sends a command of the script's own (`BLE.hci_cmd`). The operation's
    /// result tells whether it was answered; `take_reply` gives the answer.
    pub fn hci_command(
        &mut self,
        now: Instant,
        opcode: u16,
        params: &[u8],
        reply: &'static mut [u8],
    ) -> Result<()> {
        self.now = now;
        self.is_running()?;
        if params.len() > 255 {
            return Err(Error::Invalid);
        }
        self.may_begin()?;
        let Some(block) = self.pool.alloc(params.len(), 0) else {
            return Err(Error::NoMemory);
        };
        copy(self.pool.get_mut(&block), params);
        self.operation.params = Some(block);
        self.operation.reply = Some(reply);
        self.begin(Operation::Command(opcode))
    }

    /// Starts an operation that the script waits for.
    pub(super) fn begin(&mut self, operation: Operation) -> Result<()> {
        self.may_begin()?;
        if self.operation.is_running() {
            self.operation.next = operation;
            self.operation.result = None;
            return Ok(());
        }
        self.launch(operation, true);
        Ok(())
    }

    /// Whether `begin` takes an operation: one of ours may be running, which
    /// is waited for.
    pub(super) fn may_begin(&self) -> Result<()> {
        let engine = &self.operation;
        if engine.is_running() && (engine.foreground || engine.next != Operation::Idle) {
            return Err(Error::Busy);
        }
        Ok(())
    }

    /// Starts an operation of our own, unless one is running.
    pub(super) fn begin_in_background(&mut self, operation: Operation) -> bool {
        if self.operation.is_running() {
            return false;
        }
        self.launch(operation, false);
        true
    }

    /// The result of an operation that failed after it had ended.
    pub(super) fn operation_failed(&mut self, error: Error) {
        self.operation.result = Some(Err(error));
    }

    fn launch(&mut self, operation: Operation, foreground: bool) {
        self.set_up(operation, foreground);
        self.run_step();
    }

    fn set_up(&mut self, operation: Operation, foreground: bool) {
        let engine = &mut self.operation;
        (engine.running, engine.foreground, engine.step) = (operation, foreground, 0);
        engine.deadline = self.now.after(TIMEOUT_MS + 100);
        if foreground {
            engine.result = None;
        }
    }

    /// Goes on with the next step.
    pub(super) fn advance(&mut self) {
        self.operation.step += 1;
        self.run_step();
    }

    fn run_step(&mut self) {
        loop {
            self.operation.expected = 0;
            let step = match self.operation.running {
                Operation::Idle => return,
                Operation::Start => self.start_step(),
                Operation::Stop => self.stop_step(),
                Operation::Command(opcode) if self.operation.step == 0 => self.command_step(opcode),
                Operation::Command(_) => Step::Done,
                _ => self.gap_step(),
            };
            match step {
                Step::Sent(opcode) => {
                    self.operation.expected = opcode;
                    self.operation.ahead = self.commands.count(opcode).saturating_sub(1);
                    return;
                }
                Step::Skip => self.operation.step += 1,
                Step::Wait => return,
                Step::Done if self.end_operation(Ok(())) => {}
                Step::Done => return,
            }
        }
    }

    fn command_step(&mut self, opcode: u16) -> Step {
        let Some(block) = self.operation.params.take() else {
            return Step::Done;
        };
        let queued = self.commands.push(opcode, self.pool.get(&block));
        self.pool.free(block);
        if queued {
            Step::Sent(opcode)
        } else {
            Step::Wait
        }
    }

    /// Queues a command as the present step.
    pub(super) fn send(&mut self, opcode: u16, params: &[u8]) -> Step {
        if self.commands.push(opcode, params) {
            Step::Sent(opcode)
        } else {
            // The deadline ends it.
            Step::Wait
        }
    }

    pub(super) fn finish_operation(&mut self, result: Result<()>) {
        if self.end_operation(result) {
            self.run_step();
        }
    }

    /// Whether the next operation is to be run now.
    fn end_operation(&mut self, result: Result<()>) -> bool {
        let operation = self.operation.running;
        #[cfg(feature = "broken")]
        if operation == Operation::Stop && self.is_broken(super::Defect::NeverStops) {
            self.operation.deadline = self.now.after(super::operation::STOP_MS);
            return false;
        }
        // Switching off succeeds, whatever the controller says.
        let result = if operation == Operation::Stop {
            Ok(())
        } else {
            result
        };
        self.operation.running = Operation::Idle;
        if self.operation.foreground {
            self.operation.result = Some(result);
        }
        match operation {
            Operation::Start => self.start_finished(result),
            Operation::Stop => self.switch_off(),
            _ => self.gap_finished(operation, result),
        }
        let next = core::mem::replace(&mut self.operation.next, Operation::Idle);
        if next != Operation::Idle {
            if self.is_active() {
                self.set_up(next, true);
                return true;
            } else {
                let refused = Err(Error::Inactive);
                self.operation.result = Some(refused);
                self.gap_finished(next, refused);
            }
        }
        if !self.operation.is_running() {
            self.abandon_operation();
        }
        false
    }

    /// Forgets what is being done, and what was to be done next.
    pub(super) fn abandon_operation(&mut self) {
        (self.operation.running, self.operation.next) = (Operation::Idle, Operation::Idle);
        if let Some(block) = self.operation.params.take() {
            self.pool.free(block);
        }
    }

    /// The command of the present step was answered.
    pub(super) fn step_answered(&mut self, result: CommandResult<'_>) {
        match self.operation.running {
            Operation::Start => match self.startup_answered(result) {
                Ok(()) => self.advance(),
                Err(error) => self.finish_operation(Err(error)),
            },
            Operation::Stop => self.advance(),
            Operation::Command(_) => {
                self.operation.status = result.status;
                let outcome = self.command_outcome(result.status);
                self.finish_operation(outcome);
            }
            _ => self.gap_answered(result.status),
        }
    }

    /// The script's own command succeeds whatever its status.
    fn command_outcome(&self, status: u8) -> Result<()> {
        if self.operation.reply.is_some() || status == status::SUCCESS {
            Ok(())
        } else {
            Err(Error::Controller(status))
        }
    }

    /// The controller does not answer a command, or takes none: go on without.
    pub(super) fn command_timed_out(&mut self) {
        let sent = self.commands.sent_opcode();
        let target = self.commands.target();
        self.commands.answered(sent.unwrap_or(0));
        self.commands.set_credits(self.now, 1);
        let Some(opcode) = sent else { return };
        if self.operation.is_answered(opcode) {
            return self.finish_operation(Err(Error::TimedOut));
        }
        let result = CommandResult {
            credits: 1,
            opcode,
            pending: true,
            status: status::HARDWARE_FAILURE,
            returned: &[],
        };
        self.link_command_answered(result, target);
    }

    /// The operation has taken all its time.
    pub(super) fn operation_timed_out(&mut self) {
        if self.operation.running == Operation::Stop && self.operation.step == 0 {
            return self.advance();
        }
        self.finish_operation(Err(Error::TimedOut));
    }

    /// Ends all links, then resets the controller: an operation, after which
    /// the host is off, within two seconds whatever the controller does.
    /// Events are dropped.
    pub fn stop(&mut self, now: Instant) -> Result<()> {
        self.now = now;
        match self.state {
            State::Off => return Ok(()),
            State::Starting | State::Active | State::Stopping => {}
            State::Failed => {
                self.switch_off();
                return Ok(());
            }
        }
        self.state = State::Stopping;
        if self.operation.is_running() {
            self.abandon_operation();
        }
        self.launch(Operation::Stop, true);
        Ok(())
    }

    /// A link ended while the host is being switched off.
    pub(super) fn link_stopped(&mut self, slot: usize) {
        self.drop_link(slot);
        let stopping = self.operation.running == Operation::Stop && self.operation.step == 0;
        if stopping && self.links.up() == 0 {
            self.advance();
        }
    }

    fn stop_step(&mut self) -> Step {
        self.operation.deadline = self.now.after(STOP_MS);
        match self.operation.step {
            0 if self.links.up() == 0 => Step::Skip,
            0 => {
                self.commands.clear_waiting();
                for slot in 0..self.links.all.len() {
                    let link = self.link(slot);
                    if link.state == LinkState::Up {
                        self.send_disconnect(link.handle, status::REMOTE_USER_TERMINATED);
                    }
                }
                // Until all Disconnection Complete events came: `link_stopped`.
                Step::Wait
            }
            1 => {
                self.commands.clear();
                self.send(opcode::RESET, &[])
            }
            _ => Step::Done,
        }
    }
}
