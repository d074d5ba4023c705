// The real parts: a broker, a pump that publishes, a hub, a site, and the terminal's `lander`.
import { execFile, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const bin = process.env.LANDER_BIN ?? '';
const execute = promisify(execFile); // not the synchronous one: the pump must go on meanwhile
const kPatience = 30_000;
const kPublish = 200; // ms between two messages of the pump

// Why the test cannot run here; '' when it can.
export function missing(chromium) {
  const found = (program) => (process.env.PATH ?? '').split(':').concat('/usr/sbin').map((folder) => join(folder, program)).find(existsSync);
  if (!bin) return 'LANDER_BIN names no folder with the programs';
  for (const program of ['lander', 'lander-hub', 'lander-site']) {
    if (!existsSync(join(bin, program))) return `${program} is not built`;
  }
  if (!existsSync(chromium)) return `there is no Chromium at ${chromium} (Debian: chromium)`;
  for (const program of ['mosquitto', 'mosquitto_pub']) {
    if (!found(program)) return `there is no ${program} (Debian: mosquitto, mosquitto-clients)`;
  }
  return '';
}

export async function until(what, probe, patience = kPatience) {
  const end = Date.now() + patience;
  let last;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited in vain for ${what}${last ? `: ${last.message}` : ''}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const free_port = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const app_yaml = `
app: vibration-watch
version: 1.0.0
vendor: acme
title: Vibration watch
description: Tells of high vibration.
licence: Apache-2.0
support: help@acme.example
purpose: continuity
ports:
  vibration: {property: vibration, unit: mm/s}
health: {within: 3s, min_evaluations: 2, max_invalid: 100, max_alerts: 2}
pipeline:
  - rule: {name: high, when: vibration > 6, for: 400ms, clear: vibration < 4, clear_for: 60s}
  - alert: {rule: high, title: High vibration, detail: "Vibration {vibration:.1f} mm/s", severity: high, causes: [vibration]}
`;

// The satellite's modem is not there.
const desired_yaml = (broker) => `
asset: acme/hall-2
carriers:
  - {id: satellite, type: short-message, bytes_a_day: 30000, price: 0.0001, settings: {device: /dev/no-such-modem, address: "300234010753370"}}
sources:
  - {id: broker, driver: mqtt, address: "127.0.0.1:${broker}", topics: [pump/+/state]}
datastreams:
  - {id: p1-vibration, name: Bearing vibration, asset: pump-1, property: vibration, unit: mm/s, policy: {uplink: raw}, from: {source: broker, address: "pump/1/state#/vibration", interval: ${kPublish}ms}}
  - {id: p1-pressure, name: Discharge pressure, asset: pump-1, property: pressure, unit: bar, from: {source: broker, address: "pump/1/state#/pressure", interval: ${kPublish}ms}}
`;

export class Servers {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'lander-browser-'));
    this.children = [];
    this.vibration = 2;
  }

  start(program, ...args) {
    const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'pipe'], env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
    child.log = '';
    child.stderr.on('data', (text) => (child.log = (child.log + text).slice(-4000)));
    child.on('error', (error) => (child.log += error.message));
    child.stdin.on('error', () => {});
    this.children.push(child);
    return child;
  }
  async lander(at, ...args) {
    return (await execute(join(bin, 'lander'), ['--at', join(this.folder, at), ...args], { cwd: this.folder })).stdout;
  }
  async lander_json(at, ...args) {
    return JSON.parse(await this.lander(at, '--json', ...args));
  }
  write(name, text) {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }
  password(of) {
    return readFileSync(join(this.folder, of, 'initial-admin-password'), 'utf8').trim();
  }
  url(of) {
    return JSON.parse(readFileSync(join(this.folder, of, 'cli.json'), 'utf8')).url;
  }
  up(of) {
    return until(`the ${of}`, () => this.lander(of, 'status'));
  }

  async run_pump() {
    this.broker = await free_port();
    this.start('mosquitto', '-c', this.write('broker.conf', `listener ${this.broker} 127.0.0.1\nallow_anonymous true\n`));
    const publish = () => spawn('mosquitto_pub', ['-p', String(this.broker), '-t', 'pump/1/state', '-l'], { stdio: ['pipe', 'ignore', 'ignore'] });
    let pump = null;
    let n = 0;
    this.timer = setInterval(() => {
      if (!pump || pump.exitCode !== null) {
        pump = publish();
        pump.stdin.on('error', () => {});
        this.pump = pump;
      }
      const wave = Math.sin(n++ / 25);
      pump.stdin.write(`${JSON.stringify({ vibration: this.vibration + 0.3 * wave, pressure: 5 + 0.2 * wave, speed: 1480 + wave })}\n`);
    }, kPublish);
  }

  // `of`: the folder of its data.
  async enrol(of, name) {
    const admitted = await this.lander_json('hub', 'site', 'add', name);
    await execute(join(bin, 'lander-site'), ['--data', join(this.folder, of), ...admitted.enrol.split(' ').slice(1)]);
  }
  start_site(of) {
    return this.start(join(bin, 'lander-site'), '--data', join(this.folder, of), '--listen', '127.0.0.1', '--port', '0', '--contact-every', '1s', 'run');
  }
  async end(child) {
    const ended = new Promise((resolve) => child.on('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }
  copy(from, to) {
    cpSync(join(this.folder, from), join(this.folder, to), { recursive: true });
  }

  // A hub that knows a signer and a package, a site that is enrolled, declared, and runs the app.
  async run() {
    await this.run_pump();
    const ports = ['--port', String(await free_port()), '--sites-port', String(await free_port())];
    this.hub = this.start(join(bin, 'lander-hub'), '--data', join(this.folder, 'hub'), '--listen', '127.0.0.1', ...ports, 'run');
    await this.up('hub');
    await this.lander('hub', 'trust', 'init', '--key', 'root.key');
    await this.lander('hub', 'app', 'keygen', 'acme.key');
    await this.lander('hub', 'trust', 'add', '--key', 'root.key', '--vendor', 'acme', '--signer', 'acme.key.pub');
    mkdirSync(join(this.folder, 'app'));
    this.write('app/app.yaml', app_yaml);
    await this.lander('hub', 'app', 'pack', 'app', '-o', 'app.lander');
    await this.lander('hub', 'app', 'sign', 'app.lander', '--key', 'acme.key');
    await this.lander('hub', 'app', 'push', 'app.lander');
    await this.enrol('site', 'pump-7');
    this.start_site('site');
    await this.up('site');
    await this.lander('site', 'apply', this.write('desired.yaml', desired_yaml(this.broker)));
    await until('the first measurement', async () => (await this.lander_json('site', 'datastreams')).every((d) => d.latest));
    await until('the site at the hub', async () => (await this.lander_json('hub', 'site', 'list'))[0].presence === 'on-time');
    await this.lander('hub', 'rollout', 'start', 'vibration-watch', '1.0.0', '--sites', 'pump-7', '--wait', '--timeout', '60s');
  }

  async stop() {
    clearInterval(this.timer);
    this.pump?.kill();
    const ended = this.children.map((child) => child.exitCode ?? new Promise((resolve) => child.on('exit', resolve)));
    for (const child of this.children) child.kill('SIGTERM');
    await Promise.race([Promise.all(ended), new Promise((resolve) => setTimeout(resolve, 10_000))]);
    for (const child of this.children) if (child.exitCode === null) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
  logs() {
    return this.children.map((child) => `--- ${child.spawnargs[0]}\n${child.log}`).join('\n');
  }
}
