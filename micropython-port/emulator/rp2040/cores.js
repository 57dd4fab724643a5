// The RP2040's second core, which rp2040js lacks, and what each core has of its own.
//
// rp2040js knows one core, `rp2040.core`, and its private bus, `rp2040.ppb`. So before the
// other one runs, these are exchanged; everything else reads through them. Numbers are from
// the RP2040 datasheet: 2.3.1 (SIO), 2.8.2 (how the bootrom starts core 1), 2.13 (PSM).

const SIO_PROC0_IRQ = 15;
const SIO_PROC1_IRQ = 16;
const SIO_IRQS = (1 << SIO_PROC0_IRQ) | (1 << SIO_PROC1_IRQ);

const CPUID = 0x00;
const FIFO_ST = 0x50;
const FIFO_WR = 0x54;
const FIFO_RD = 0x58;
const FIRST_PRIVATE = 0x60; // Divider and interpolators.
const LAST_PRIVATE = 0xfc;

const VLD = 1; // There is something to read,
const RDY = 2; // room to write,
const WOF = 4; // was a write to a full FIFO,
const ROE = 8; // was a read of an empty one.
const FIFO_SIZE = 8;

const PSM = 0x40010000 >>> 12;
const FRCE_OFF_PROC1 = 1 << 16;

// What core 0 sends: these, then vector table, stack pointer, entry.
const HANDSHAKE = [0, 0, 1];

const WFE = 0xbf20;

// What MicroPython itself takes below the stack of its main thread when it raises at the limit
// of recursion, as ble_irq_calls.py has it do; it lies in the heap.
const BELOW = 512;

const BATCH = 32; // Cycles that one core runs before the other, on average.
const ONE_OF = 4; // Of so many batches one ends with
const SINGLE = 16; // less than so many single instructions, to stop between any two.

export class Cores {
  // sleep: where in ROM core 1 goes when it is done.
  // stackEnd: the lowest address of core 0's stack.
  constructor(rp2040, seed, sleep, stackEnd) {
    const { core, ppb, sio } = rp2040;
    this.rp2040 = rp2040;
    this.random = generator(seed);
    this.sleep = sleep;
    this.stackEnd = [stackEnd - BELOW, 0];
    this.current = 0;
    this.core = [core, new core.constructor(rp2040)];
    this.ppb = [ppb, new ppb.constructor(rp2040, 'PPB1')];
    this.jit = [null, null]; // Set by the machine.
    this.status = [0, 0]; // WOF and ROE.
    this.fifo = [[], []]; // What each core can read.
    this.lead = [0, 0]; // Cycles that each has run before their time.
    this.started = false; // Core 1 runs,
    this.asleep = false; // or waits in the bootrom.

    this.core.forEach(maskInterrupts);
    this.divideSio(sio, new sio.constructor(rp2040));
    this.dividePower();
    rp2040.setInterrupt = (irq, value) => {
      for (const each of this.core) each.setInterrupt(irq, value);
    };
    rp2040.addClockListener((frequency) => {
      for (const { systickTimer } of this.ppb) systickTimer.frequency = frequency;
    });
    const { systickAlarm } = this.ppb[1];
    const { callback } = systickAlarm;
    systickAlarm.callback = () => this.as(1, callback);
    // It tells of this instruction only there.
    const log = rp2040.logger;
    rp2040.logger = { ...log, info: (_, message) => message === 'SEV' && this.signal() };
    this.reset();
  }

  // Runs f as one of the cores.
  as(index, f) {
    const before = this.current;
    this.choose(index);
    const result = f();
    this.choose(before);
    return result;
  }

  choose(index) {
    this.current = index;
    this.rp2040.core = this.core[index];
    this.rp2040.ppb = this.ppb[index];
  }

  get waiting() {
    return this.core[0].waiting && (!this.started || this.core[1].waiting);
  }

  // Whether an interrupt or an event ends the sleep of a core.
  pending() {
    const first = wakes(this.core[0]);
    return (this.started && wakes(this.core[1])) || first;
  }

  // Runs one core for a short while: who has run less. Returns the cycles of time that passed,
  // which are those that all who are awake have run.
  run() {
    const { lead } = this;
    const first = wakes(this.core[0]);
    const second = wakes(this.core[1]);
    if (!first && !second) return 0;
    const index = first && (!second || lead[0] <= lead[1]) ? 0 : 1;
    lead[index] += this.batch(index);
    const passed = first && second ? Math.min(lead[0], lead[1]) : lead[index];
    lead[0] = Math.max(0, lead[0] - passed);
    lead[1] = Math.max(0, lead[1] - passed);
    return passed;
  }

  // Ends between any two instructions, which the seed chooses.
  batch(index) {
    this.choose(index);
    const core = this.core[index];
    const jit = this.jit[index];
    const random = this.random();
    const least = 1 + (random % (2 * BATCH));
    let single = (random >>> 8) % ONE_OF === 0 ? (random >>> 16) % SINGLE : 0;
    let cycles = 0;
    while (cycles < least && !core.waiting) {
      cycles += jit.step();
    }
    for (; single > 0 && !core.waiting; single--) {
      cycles += core.executeInstruction();
    }
    this.choose(0);
    this.checkStack(index);
    return cycles;
  }

  // Nothing on the chip would tell.
  checkStack(index) {
    const { PC, SP } = this.core[index];
    if (SP < this.stackEnd[index]) {
      const below = this.stackEnd[index] - SP;
      throw new Error(`core ${index} is ${below} bytes below what its stack may be, at 0x${PC.toString(16)}`);
    }
  }

  // SEV.
  signal() {
    if (this.started) {
      for (const core of this.core) core.eventRegistered = true;
    }
  }

  // SIO: some registers are each core's own.
  divideSio(sio, other) {
    const read = sio.readUint32.bind(sio);
    const write = sio.writeUint32.bind(sio);
    const isPrivate = (offset) => this.current === 1 && offset >= FIRST_PRIVATE && offset <= LAST_PRIVATE;
    sio.readUint32 = (offset) => {
      if (offset === CPUID) return this.current;
      if (offset === FIFO_ST) return this.fifoStatus(this.current);
      if (offset === FIFO_RD) return this.fifoRead(this.current);
      return isPrivate(offset) ? other.readUint32(offset) : read(offset);
    };
    sio.writeUint32 = (offset, value) => {
      if (offset === FIFO_ST) {
        this.status[this.current] &= ~value;
        this.updateInterrupt(this.current);
      } else if (offset === FIFO_WR) {
        this.fifoWrite(this.current, value);
      } else if (isPrivate(offset)) {
        other.writeUint32(offset, value);
      } else {
        write(offset, value);
      }
    };
  }

  fifoStatus(index) {
    const readable = this.fifo[index].length > 0 ? VLD : 0;
    const writable = this.fifo[1 - index].length < FIFO_SIZE ? RDY : 0;
    return readable | writable | this.status[index];
  }

  fifoRead(index) {
    const fifo = this.fifo[index];
    if (fifo.length === 0) this.status[index] |= ROE;
    const value = fifo.shift() ?? 0;
    this.updateInterrupt(index);
    return value;
  }

  fifoWrite(index, value) {
    const fifo = this.fifo[1 - index];
    if (index === 0 && this.asleep) {
      this.shake(value >>> 0);
    } else if (fifo.length < FIFO_SIZE) {
      fifo.push(value >>> 0);
      this.updateInterrupt(1 - index);
    } else {
      this.status[index] |= WOF;
      this.updateInterrupt(index);
    }
  }

  updateInterrupt(index) {
    const wanted = this.fifo[index].length > 0 || this.status[index] !== 0;
    this.core[index].setInterrupt(SIO_PROC0_IRQ + index, wanted);
  }

  // The power-on state machine can switch core 1 off.
  dividePower() {
    const psm = this.rp2040.peripherals[PSM];
    const write = psm.writeUint32.bind(psm);
    psm.writeUint32 = (offset, value) => {
      const wasOff = psm.frceOff & FRCE_OFF_PROC1;
      write(offset, value);
      const isOff = psm.frceOff & FRCE_OFF_PROC1;
      if (isOff) {
        this.started = false;
        this.asleep = false;
      } else if (wasOff) {
        this.reset();
      }
    };
  }

  // Core 1 as the bootrom leaves it: it has emptied its FIFO, said so, and waits in the
  // handshake.
  reset() {
    const core = this.core[1];
    const blank = new core.constructor(this.rp2040);
    const { registers, pendingInterrupts } = core;
    for (const name of Object.keys(blank)) {
      if (typeof blank[name] !== 'object' && typeof blank[name] !== 'function') core[name] = blank[name];
    }
    registers.fill(0);
    core.interruptPriorities = blank.interruptPriorities;
    core.pendingInterrupts = this.core[0].pendingInterrupts & ~SIO_IRQS; // Lines, not state.
    this.ppb[1].reset();
    this.started = false;
    this.asleep = true;
    this.heard = [];
    this.fifo[1] = [];
    this.status[1] = 0;
    this.reply(0);
  }

  // As the bootrom answers each word.
  shake(word) {
    const at = this.heard.length;
    if (at < HANDSHAKE.length && word !== HANDSHAKE[at]) {
      this.heard = word === 0 ? [0] : [];
    } else {
      this.heard.push(word);
    }
    this.reply(word);
    if (this.heard.length === HANDSHAKE.length + 3) this.start(...this.heard.slice(HANDSHAKE.length));
  }

  reply(word) {
    if (this.fifo[0].length < FIFO_SIZE) this.fifo[0].push(word);
    this.updateInterrupt(0);
    this.core[0].eventRegistered = true;
  }

  start(vectors, stack, entry) {
    const core = this.core[1];
    core.VTOR = vectors;
    core.SP = stack;
    core.PC = entry & ~1;
    core.LR = this.sleep;
    core.interruptsUpdated = true;
    this.stackEnd[1] = this.rp2040.readUint32(stack + 4); // The SDK has put it there.
    this.lead = [0, 0];
    this.asleep = false;
    this.started = true;
  }
}

// An event ends WFE, and not WFI.
function wakes(core) {
  if (!core.waiting) return true;
  if (core.eventRegistered && core.readUint16(core.PC - 2) === WFE) {
    core.eventRegistered = false;
    core.waiting = false;
  } else if (core.checkForInterrupts()) {
    core.waiting = false;
  }
  return !core.waiting;
}

// rp2040js takes interrupts that end a sleep although PRIMASK or a handler that sleeps forbids
// it. An interrupt that only PRIMASK holds back ends the sleep without being taken.
function maskInterrupts(core) {
  const check = core.checkForInterrupts.bind(core);
  core.checkForInterrupts = () => {
    const sleeps = core.waiting;
    core.waiting = false;
    const taken = check();
    core.waiting = sleeps;
    if (taken || !sleeps || !core.PM) return taken;
    return Boolean(
      core.pendingNMI || core.pendingPendSV || core.pendingSystick || core.pendingSVCall ||
        core.pendingInterrupts & core.enabledInterrupts,
    );
  };
}

// Numbers of 32 bits: xorshift.
function generator(seed) {
  let state = (seed + 1) * 0x9e3779b9 | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
