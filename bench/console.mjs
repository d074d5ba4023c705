// How soon the hub's console shows something, and what that weighs.
//
//   ./dev bench console [--visits N] [--programs FOLDER] [--json]
//
// Method: the release's lander-hub with 20 enrolled sites; a real Chromium (headless), each visit in a context of its own,
// so with empty caches and a new TLS connection. First contentful paint by the browser's own clock (Paint Timing, from the
// start of the navigation); transferred bytes as on the wire, by the DevTools protocol. "login" is a visitor without a
// session, "fleet" one who comes back with one: "drawn" is when the table of sites stands. "phone" is the same with a
// processor four times slower and a line of 10 Mbit/s and 50 ms (DevTools' throttling). "bare" is the floor in the same
// run: the same browser and server, a page of a few bytes (/healthz).
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve as absolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { chromium } = await import(join(root, 'tests/browser/node_modules/playwright-core/index.mjs'));

const value_of = (name, fallback) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : process.argv[at + 1];
};
const visits = Number(value_of('--visits', 9));
const programs = absolute(value_of('--programs', join(root, 'build/release/bin')));
const execute = promisify(execFile);
const browser_path = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);
const kSites = 20;
const kLimitMs = 1000;
const kLimitBytes = 150_000;

function fail(why) {
  console.error(`bench console: ${why}`);
  process.exit(1);
}
if (!browser_path) fail('there is no Chromium: ./dev setup test');
for (const program of ['lander', 'lander-hub', 'lander-site']) {
  if (!existsSync(join(programs, program))) fail(`${join(programs, program)} is not built`);
}

const free_port = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

let hub; // ends with this program, however that ends
process.on('exit', () => hub?.kill('SIGTERM'));
async function start_hub(folder) {
  const port = String(await free_port());
  const sites_port = String(await free_port());
  const data = join(folder, 'hub');
  hub = spawn(join(programs, 'lander-hub'), ['run', '--data', data, '--listen', '127.0.0.1', '--port', port, '--sites-port', sites_port], { stdio: 'ignore' });
  for (let tries = 0; !existsSync(join(data, 'cli.json')); ++tries) {
    if (tries > 300 || hub.exitCode !== null) fail('the hub does not start');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const door = JSON.parse(readFileSync(join(data, 'cli.json'), 'utf8'));
  const lander = (...args) => execute(join(programs, 'lander'), ['--at', data, '--json', ...args], { cwd: folder });
  await lander('trust', 'init', '--key', join(folder, 'root.key'));
  for (let site = 1; site <= kSites; ++site) {
    const { enrol } = JSON.parse((await lander('site', 'add', `pump-${site}`)).stdout);
    await execute(join(programs, 'lander-site'), ['--data', join(folder, `site-${site}`), ...enrol.split(' ').slice(1)]);
  }
  return { url: door.url, password: readFileSync(join(data, 'initial-admin-password'), 'utf8').trim() };
}

async function visit(browser, url, { state, ready, phone } = {}) {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    storageState: state,
    viewport: phone ? { width: 390, height: 844 } : { width: 1280, height: 900 },
  });
  const page = await context.newPage();
  const tools = await context.newCDPSession(page);
  let bytes = 0;
  await tools.send('Network.enable');
  tools.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength));
  if (phone) {
    await tools.send('Emulation.setCPUThrottlingRate', { rate: 4 });
    await tools.send('Network.emulateNetworkConditions', { offline: false, latency: 50, downloadThroughput: 1.25e6, uploadThroughput: 1.25e6 });
  }
  await page.goto(url);
  const seen = { drawn: undefined };
  if (ready) {
    await page.waitForSelector(ready);
    seen.drawn = await page.evaluate(() => performance.now());
  }
  await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
  seen.paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime);
  seen.bytes = bytes;
  await context.close();
  return seen;
}

async function log_in(browser, url, password) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto(url);
  await page.fill('input[name=user]', 'admin');
  await page.fill('input[name=password]', password);
  await page.click('button[type=submit]');
  await page.waitForSelector('input[name=password]', { state: 'detached' });
  const state = await context.storageState();
  await context.close();
  return state;
}

const middle = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

async function measure(browser, url, what) {
  const all = [];
  for (let i = 0; i < visits; ++i) all.push(await visit(browser, url, what));
  const paints = all.map((seen) => seen.paint);
  return {
    paint_ms: middle(paints),
    paint_worst_ms: Math.max(...paints),
    drawn_ms: what?.ready ? middle(all.map((seen) => seen.drawn)) : null,
    bytes: middle(all.map((seen) => seen.bytes)),
  };
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'lander-bench-console-'));
  const { url, password } = await start_hub(folder);
  const browser = await chromium.launch({ executablePath: browser_path, args: ['--no-sandbox'] });
  const out = { visits };
  try {
    const state = await log_in(browser, `${url}/`, password);
    out.bare = await measure(browser, `${url}/healthz`);
    out.login = await measure(browser, `${url}/`, { ready: 'input[name=password]' });
    const ready = 'a.site-name';
    out.fleet = await measure(browser, `${url}/`, { state, ready });
    out.login_phone = await measure(browser, `${url}/`, { ready: 'input[name=password]', phone: true });
    out.fleet_phone = await measure(browser, `${url}/`, { state, ready, phone: true });
  } finally {
    await browser.close();
    hub.kill('SIGTERM');
    await new Promise((resolve) => (hub.exitCode === null ? hub.on('exit', resolve) : resolve()));
    rmSync(folder, { recursive: true, force: true });
  }
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify(out, null, 2));
  } else {
    console.log(`${visits} visits each, empty caches; limit: first paint ${kLimitMs} ms, ${kLimitBytes / 1000} kB`);
    console.log(`${''.padEnd(14)}${'paint ms'.padStart(10)}${'worst'.padStart(8)}${'drawn ms'.padStart(10)}${'kB'.padStart(8)}`);
    for (const [name, seen] of Object.entries(out)) {
      if (name === 'visits') continue;
      const number = (x, width) => (x == null ? '' : x.toFixed(0)).padStart(width);
      console.log(`${name.padEnd(14)}${number(seen.paint_ms, 10)}${number(seen.paint_worst_ms, 8)}${number(seen.drawn_ms, 10)}${(seen.bytes / 1000).toFixed(1).padStart(8)}`);
    }
  }
  const late = [out.login, out.fleet].some((seen) => seen.paint_ms > kLimitMs || seen.bytes > kLimitBytes);
  process.exit(late ? 1 : 0);
}

await main();
