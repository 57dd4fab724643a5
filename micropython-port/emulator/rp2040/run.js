// node run.js FIRMWARE.elf --hci tcp:HOST:PORT|unix:PATH [--uart N | --cyw43]
//
// HCI is on a UART of the image, or on a Pico W's bus to its CYW43.
// What the two cores do at the same time depends on the environment's SEED.
// Runs the image with its USB REPL on file descriptor 3 (a socket, from run.py) or, without
// one, on standard input and output.

import net from 'node:net';
import { parseArgs } from 'node:util';
import { Cyw43 } from './cyw43.js';
import { Elf } from './elf.js';
import { Machine, Uart } from './machine.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    hci: { type: 'string' },
    uart: { type: 'string', default: '1' },
    cyw43: { type: 'boolean', default: false },
    repl: { type: 'string' },
  },
});

function connect(where) {
  const [kind, ...rest] = where.split(':');
  if (kind === 'unix') return net.connect(rest.join(':'));
  if (kind === 'tcp') {
    const socket = net.connect(Number(rest.pop()), rest.join(':'));
    socket.setNoDelay(true);
    return socket;
  }
  throw new Error(`${where}: neither tcp:HOST:PORT nor unix:PATH`);
}

function fail(error) {
  console.error(`emulator: ${error.message}`);
  process.exit(1);
}

function main() {
  const elf = new Elf(positionals[0]);
  const machine = new Machine(elf, Number(process.env.SEED ?? 0));
  machine.onStop = fail;

  const repl = values.repl
    ? new net.Socket({ fd: Number(values.repl) })
    : { write: (data) => process.stdout.write(data), on: (...args) => process.stdin.on(...args) };
  repl.on('data', (data) => machine.serial.write(data));
  repl.on('end', () => process.exit(0));
  machine.serial.onData = (data) => repl.write(data);

  if (values.hci) {
    const socket = connect(values.hci);
    const hci = values.cyw43 ? new Cyw43(machine, elf.symbols()) : new Uart(machine, Number(values.uart));
    socket.on('data', (data) => hci.write(data));
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the HCI connection was closed')));
    hci.onData = (data) => socket.write(data);
  }
  machine.start();
}

try {
  main();
} catch (error) {
  fail(error);
}
