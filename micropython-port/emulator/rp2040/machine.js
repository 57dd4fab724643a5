// An RP2040 whose clock counts the cycles it executes, and real time while it sleeps, when
// nothing is executed here either. So a slow or busy machine makes no slow board: what takes
// a board 0.3 s takes 0.3 s of its time, however long it is computed here.

import { randomInt } from 'node:crypto';
import { RP2040, USBCDC } from 'rp2040js';
import { Bootrom } from './bootrom.js';
import { Cores } from './cores.js';
import { Jit } from './jit.js';

const FLASH_BASE = 0x10000000;
const FLASH_SIZE = 16 * 1024 * 1024;

const ROSC_BASE = 0x40060000;
const ROSC_RANDOMBIT = 0x1c;

const UART_TX_INTERRUPT = 1 << 5;

const CLOCKS = 0x40008000 >>> 12;
const SLEEP_EN1 = 0xac;
const SLEEP_EN1_UART = [0xc0, 0x300]; // The clocks of each UART.

const NANOS_PER_CYCLE = 8; // 125 MHz.
const SLICE = 5000; // Cycles between two looks at the real clock.
const BATCH = 32; // Cycles between two ticks of the emulated clock.
const SLICES_PER_TURN = 20; // Slices between two looks at node's events.
const FORGET_NANOS = 1e9; // A longer pause of this process passes unnoticed.
const LONGEST_SLEEP_MS = 100; // Well below that.

// The firmware's source of random numbers.
const ringOscillator = {
  readUint32: (offset) => (offset === ROSC_RANDOMBIT ? randomInt(2) : 0xffffffff),
  writeUint32Atomic: () => {},
};

const now = () => performance.now() * 1e6;

export class Machine {
  // seed: of what the two cores do at the same time.
  constructor(elf, seed) {
    this.rp2040 = new RP2040();
    this.rp2040.logger = { debug() {}, info() {}, warn() {}, error() {} };
    this.bootrom = new Bootrom(this.rp2040);
    const code = [];
    for (const { address, at, data } of elf.segments()) {
      if (address >= FLASH_BASE && address < FLASH_BASE + FLASH_SIZE) {
        this.rp2040.flash.set(data, address - FLASH_BASE);
      }
      // Where it runs; of RAM only what the image puts there.
      code.push({ start: at, end: at + data.length });
    }
    this.cores = new Cores(this.rp2040, seed, this.bootrom.sleep, elf.symbols().get('__StackBottom') ?? 0);
    this.cores.jit = this.cores.core.map((core) => new Jit(this.rp2040, core, code));
    this.rp2040.peripherals[ROSC_BASE >>> 12] = ringOscillator;
    this.rememberSleepClocks(this.rp2040.peripherals[CLOCKS]);
    this.inputs = [];
    this.timer = null;
    this.running = false;
    this.onStop = () => {};
    this.serial = new Serial(this);
  }

  // Calls feed() whenever there may be room for input; it returns whether it used some.
  addInput(feed) {
    this.inputs.push(feed);
  }

  // Runs JavaScript in place of a function of the firmware, which returns what it returns.
  replace(address, handler) {
    const thunk = this.bootrom.thunk((r, core) => {
      const result = handler(r, core);
      if (result !== undefined) r[0] = result;
    });
    const at = (address & ~1) - FLASH_BASE;
    // Thunks live in ROM, out of reach of a branch: ldr r3, [pc]; bx r3; address.
    const view = new DataView(this.rp2040.flash.buffer);
    const aligned = at % 4 === 0;
    const words = aligned ? [0x4b00, 0x4718] : [0x4b01, 0x4718, 0x46c0];
    words.forEach((word, i) => view.setUint16(at + 2 * i, word, true));
    view.setUint32(at + 2 * words.length, thunk, true);
    this.rp2040.bootrom.set(new Uint32Array(this.bootrom.image.buffer));
  }

  start() {
    const { core } = this.rp2040;
    core.PC = FLASH_BASE; // The second stage, as the real ROM starts it.
    core.LR = 0;
    this.base = now();
    this.wake();
  }

  // Which clocks go on while all cores sleep, which rp2040js does not know.
  rememberSleepClocks(clocks) {
    const read = clocks.readUint32.bind(clocks);
    const write = clocks.writeUint32.bind(clocks);
    this.sleepClocks = 0x7fff;
    clocks.readUint32 = (offset) => (offset === SLEEP_EN1 ? this.sleepClocks : read(offset));
    clocks.writeUint32 = (offset, value) => {
      if (offset === SLEEP_EN1) this.sleepClocks = value;
      else write(offset, value);
    };
  }

  // Something happened outside.
  wake() {
    if (!this.running) {
      this.running = true;
      clearTimeout(this.timer);
      setImmediate(() => this.turn());
    }
  }

  turn() {
    try {
      for (let i = 0; i < SLICES_PER_TURN; i++) {
        this.feed();
        if (this.cores.waiting && !this.pass()) {
          return;
        }
        this.slice();
      }
    } catch (error) {
      this.onStop(error);
      return;
    }
    setImmediate(() => this.turn());
  }

  feed() {
    for (const feed of this.inputs) feed();
  }

  lag() {
    const lag = now() - this.base - this.rp2040.clock.nanos;
    if (lag > FORGET_NANOS) {
      this.base += lag;
      return 0;
    }
    return lag;
  }

  // Lets time pass while all cores sleep. Returns false when they go on sleeping.
  pass() {
    const { cores } = this;
    const { clock } = this.rp2040;
    for (;;) {
      const lag = this.lag();
      const next = clock.nextAlarm ? clock.nanosToNextAlarm : Infinity;
      if (next <= lag) {
        clock.tick(next);
      } else {
        if (lag > 0) clock.tick(lag);
        const delay = (next - Math.max(lag, 0)) / 1e6;
        if (!cores.pending()) {
          this.running = false;
          if (delay < 0.5) {
            this.running = true;
            setImmediate(() => this.turn());
          } else {
            this.timer = setTimeout(() => this.wake(), Math.min(delay, LONGEST_SLEEP_MS));
          }
          return false;
        }
      }
      if (cores.pending()) return true;
    }
  }

  slice() {
    const { clock } = this.rp2040;
    if (this.cores.started) {
      this.sliceOfBoth();
    } else {
      this.sliceOfOne();
    }
    this.base = now() - clock.nanos;
  }

  sliceOfOne() {
    const { core, clock } = this.rp2040;
    const [jit] = this.cores.jit;
    let total = 0;
    while (total < SLICE && !core.waiting) {
      let cycles = 0;
      while (cycles < BATCH && !core.waiting) {
        cycles += jit.step();
      }
      this.cores.checkStack(0);
      clock.tick(cycles * NANOS_PER_CYCLE);
      total += cycles;
    }
  }

  sliceOfBoth() {
    const { cores } = this;
    const { clock } = this.rp2040;
    for (let total = 0; total < SLICE && cores.started && !cores.waiting; ) {
      const cycles = cores.run();
      clock.tick(cycles * NANOS_PER_CYCLE);
      total += cycles;
    }
  }
}

// The USB serial port. Unlike rp2040js's own, an endpoint without data answers nothing,
// as on a real bus, so that an idle firmware can sleep.
class Serial {
  constructor(machine) {
    const { usbCtrl } = machine.rp2040;
    this.usb = usbCtrl;
    this.input = [];
    this.wanted = 0;
    this.onData = () => {};
    this.onConnected = () => {};
    this.cdc = new USBCDC(usbCtrl);
    this.cdc.onSerialData = (data) => this.onData(data);
    this.cdc.onDeviceConnected = () => this.onConnected();
    usbCtrl.onEndpointRead = (endpoint, size) => {
      if (endpoint === this.cdc.outEndpoint) this.wanted = size;
    };
    machine.addInput(() => this.feed());
    this.machine = machine;
  }

  write(bytes) {
    this.input.push(...bytes);
    this.machine.wake();
  }

  feed() {
    if (this.wanted > 0 && this.input.length > 0) {
      const data = Uint8Array.from(this.input.splice(0, this.wanted));
      this.wanted = 0;
      this.usb.endpointReadDone(this.cdc.outEndpoint, data);
    }
  }
}

// One of the UARTs as a byte stream.
export class Uart {
  constructor(machine, index) {
    this.machine = machine;
    this.uart = machine.rp2040.uart[index];
    this.clocks = SLEEP_EN1_UART[index];
    this.input = [];
    this.at = 0;
    this.output = [];
    this.onData = () => {};
    // A PL011 raises the transmit interrupt when its FIFO has drained, not all the time.
    this.uart.checkInterrupts = () => {
      const { interruptStatus, interruptMask, irq } = this.uart;
      machine.rp2040.setInterrupt(irq, (interruptStatus & interruptMask) !== 0);
    };
    this.uart.onByte = (byte) => {
      this.uart.interruptStatus |= UART_TX_INTERRUPT;
      this.uart.checkInterrupts();
      if (this.output.length === 0) setImmediate(() => this.flush());
      this.output.push(byte);
    };
    machine.addInput(() => this.feed());
  }

  flush() {
    const data = Uint8Array.from(this.output);
    this.output = [];
    this.onData(data);
  }

  // Without its clock it hears nothing; the sender is not told.
  write(bytes) {
    const { cores, sleepClocks } = this.machine;
    if (cores.waiting && (sleepClocks & this.clocks) !== this.clocks) return;
    for (const byte of bytes) this.input.push(byte);
    this.machine.wake();
  }

  // Bytes that find no room wait, as the flow control line makes a real sender wait.
  feed() {
    while (this.at < this.input.length && !this.uart.rxFIFO.full && this.uart.rxEnabled) {
      this.uart.feedByte(this.input[this.at++]);
    }
    if (this.at === this.input.length && this.at > 0) {
      this.input = [];
      this.at = 0;
    }
  }
}
