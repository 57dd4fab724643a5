//! Commands of the script that end when the controller has answered, one at a
//! time, each a sequence of HCI commands.

use super::{Host, LinkState, State};
use crate::error::{Error, Result};
use crate::hci::command::TIMEOUT_MS;
use crate::time::Instant;
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
    /// The command whose answer ends the step.
    expected: u16,
    deadline: Instant,
    result: Option<Result<()>>,
    /// Where the return parameters of the script's command go.
    pub(super) reply: Option<&'static mut [u8]>,
    pub(super) status: u8,
}

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
    pub(super) const fn new() -> Self {
        Engine {
            running: Operation::Idle,
            next: Operation::Idle,
            foreground: false,
            step: 0,
            expected: 0,
            deadline: Instant(0),
            result: None,
            reply: None,
            status: 0,
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
    /// `None` while it runs. Each result is given once.
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
        if self.operation.is_running() {
            return Err(Error::Busy);
        }
        if !self.commands.push(opcode, params) {
            return Err(Error::NoMemory);
        }
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
        let engine = &mut self.operation;
        (engine.running, engine.foreground, engine.step) = (operation, foreground, 0);
        engine.deadline = self.now.after(TIMEOUT_MS + 100);
        if foreground {
            engine.result = None;
        }
        self.run_step();
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
                Operation::Command(opcode) if self.operation.step == 0 => Step::Sent(opcode),
                Operation::Command(_) => Step::Done,
                _ => self.gap_step(),
            };
            match step {
                Step::Sent(opcode) => {
                    self.operation.expected = opcode;
                    return;
                }
                Step::Skip => self.operation.step += 1,
                Step::Wait => return,
                Step::Done => return self.finish_operation(Ok(())),
            }
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
        let operation = self.operation.running;
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
            if self.is_active() || next == Operation::Stop {
                self.launch(next, true);
            } else {
                self.operation.result = Some(Err(Error::Inactive));
            }
        }
    }

    /// A Command Complete or Command Status arrived.
    pub(super) fn command_answered(&mut self, result: CommandResult<'_>, target: Option<u16>) {
        self.commands.set_credits(result.credits);
        let expected = self.operation.is_running() && self.operation.expected == result.opcode;
        if !expected {
            return self.link_command_answered(result, target);
        }
        let returned = result.returned;
        match self.operation.running {
            Operation::Start => match self.startup_answered(result) {
                Ok(()) => self.advance(),
                Err(error) => self.finish_operation(Err(error)),
            },
            Operation::Stop => self.advance(),
            Operation::Command(_) => {
                self.operation.status = result.status;
                if let Some(reply) = &mut self.operation.reply {
                    let n = returned.len().min(reply.len());
                    reply[..n].copy_from_slice(&returned[..n]);
                }
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

    /// The controller does not answer a command: go on without.
    pub(super) fn command_timed_out(&mut self) {
        let Some(opcode) = self.commands.sent_opcode() else { return };
        let target = self.commands.target();
        self.commands.answered(opcode);
        if self.operation.is_running() && self.operation.expected == opcode {
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

    /// Ends all links, then resets the controller; a bounded time later the
    /// host is off, whatever the controller does. Events are dropped.
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
        if self.operation.is_running() {
            self.operation.foreground = false;
            self.finish_operation(Err(Error::Inactive));
        }
        self.state = State::Stopping;
        self.launch(Operation::Stop, true);
        Ok(())
    }

    fn stop_step(&mut self) -> Step {
        match self.operation.step {
            0 if self.links.up() == 0 => Step::Skip,
            0 => {
                self.commands.clear();
                for slot in 0..self.links.0.len() {
                    let link = &self.links.0[slot];
                    if link.state == LinkState::Up {
                        let [low, high] = link.handle.to_le_bytes();
                        let params = [low, high, status::REMOTE_USER_TERMINATED];
                        self.commands.push(opcode::DISCONNECT, &params);
                    }
                }
                // The links' Disconnection Complete events, or half of the time.
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
