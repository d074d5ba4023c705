// The consoles of hub and site as their users see them. `LANDER_BIN=build/release/bin node console.test.mjs`
import { strict as assert } from 'node:assert';
import { after, before, test } from 'node:test';
import { missing, Servers, until } from './servers.mjs';

const kChromium = process.env.LANDER_CHROMIUM ?? '/usr/bin/chromium';
const kArguments = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const kMostBytes = 150_000;
const kPassword = 'correct-horse-battery';

const skip = (reason) => {
  console.log(`skipped: ${reason}`);
  process.exit(77);
};
const reason = missing(kChromium);
if (reason) skip(reason);
const { chromium } = await import('playwright-core').catch(() => skip('playwright-core is not installed: npm ci in tests/browser'));
const { Visitor } = await import('./visitor.mjs');

const servers = new Servers();
let browser;
const url = {};
const state = {}; // a session of hub and site, of the first test that made one
const visit = (where, options = {}) => Visitor.arrive(browser, url[where], { state: state[where], ...options });

before(async () => {
  browser = await chromium.launch({ executablePath: kChromium, args: kArguments });
  await servers.run();
  for (const where of ['hub', 'site']) url[where] = servers.url(where);
  const passwords = servers.write('password', kPassword);
  for (const where of ['hub', 'site']) await servers.lander(where, 'account', 'add', 'vera', '--role', 'viewer', '--password-file', passwords);
}, { timeout: 120_000 });

after(async () => {
  await browser?.close();
  await servers.stop();
});

// Servers' last words help more than "timed out".
const promise = (name, work) =>
  test(name, { timeout: 90_000 }, async (t) => {
    try {
      await work(t);
    } catch (error) {
      console.log(servers.logs());
      throw error;
    }
  });

promise('A wrong password is refused in words, the right one opens the console', async () => {
  for (const where of ['hub', 'site']) {
    const anna = await visit(where);
    await anna.log_in('admin', 'not-the-password');
    const words = await anna.text('[role=alert]');
    assert.match(words, /password/i);
    await anna.log_in('admin', servers.password(where));
    await anna.page.waitForSelector('header.top');
    state[where] = await anna.state();
    await anna.leave(['401']);
  }
});

promise('The console loads under 150 kB compressed, from its own server only', async (t) => {
  for (const where of ['hub', 'site']) {
    const anna = await visit(where);
    await anna.page.waitForSelector(where === 'hub' ? '.card.site' : '.card.signal');
    t.diagnostic(`${where}: ${anna.bytes} bytes over the wire, first contentful paint after ${Math.round(await anna.first_paint())} ms`);
    assert.ok(anna.bytes > 10_000 && anna.bytes < kMostBytes, `${anna.bytes} bytes`);
    await anna.leave();
  }
});

promise('The fleet shows the site on time, with its load, and leads to it', async () => {
  const anna = await visit('hub');
  await anna.page.waitForSelector('.card.site');
  const card = await anna.text('.card.site');
  assert.match(card, /pump-7/);
  assert.match(card, /On time/);
  assert.match(card, /Memory\s+[\d.]+/);
  await anna.page.fill('input[type=search]', 'nowhere');
  await anna.see('No site matches');
  await anna.page.fill('input[type=search]', 'PUMP');
  await anna.page.click('.site-name');
  await anna.page.waitForSelector('.card.signal');
  await anna.leave();
});

promise('A chart draws at site and hub, and at the site it follows the equipment', async () => {
  for (const where of ['site', 'hub']) {
    const anna = await visit(where);
    await anna.open('#/sites/pump-7/signals/p1-vibration', '.big canvas');
    await until(`a curve at the ${where}`, async () => (await anna.drawn('.big')) > 500);
    assert.match(await anna.text('.big .reading'), /mm\/s/);
    if (where === 'site') {
      const before_it = await anna.text('.big .reading b');
      await until('a newer value', async () => (await anna.text('.big .reading b')) !== before_it);
    }
    await anna.leave();
  }
});

promise('An alert comes by itself, explains itself, and acknowledging it at the hub reaches the site', async () => {
  const anna = await visit('hub');
  await anna.open('#/alerts', '.empty');
  servers.vibration = 9;
  await anna.page.waitForSelector('.alert'); // nobody reloads the page
  servers.vibration = 2;
  assert.match(await anna.text('.alert'), /High vibration[^]*High[^]*pump-7/);
  await anna.page.click('.alert-title a');
  await until('evidence', async () => (await anna.drawn('.evidence')) > 100);
  assert.match(await anna.text('.causes'), /p1-vibration/);
  await anna.page.fill('#actions textarea', 'on my way');
  await anna.button('Acknowledge').click();
  await anna.page.waitForSelector('.story q');
  assert.match(await anna.text('.story'), /Admin[^]*acknowledged[^]*on my way/);
  await until('the button to go', async () => (await anna.button('Acknowledge').count()) === 0);
  await anna.leave();

  const bo = await visit('site');
  await bo.open('#/sites/pump-7/alerts', '.alert, .empty');
  await until('the site to know', async () => /acknowledged/.test(await bo.text('.alert .badge')) && !/not acknowledged/.test(await bo.text('.alert .badge')));
  await bo.leave();
});

promise('A technician judges an alert with one tap on a phone, and the hub knows', async () => {
  const [{ id }] = await servers.lander_json('site', 'alerts', '--all');
  const anna = await visit('site', { width: 360, height: 740 });
  await anna.open(`#/sites/pump-7/alerts/${id}`, '.verdicts');
  for (const name of ['A real fault', 'False alarm', 'Maintenance', 'Sensor fault']) {
    const box = await anna.button(name).boundingBox();
    assert.ok(box.height >= 48 && box.width >= 120, `${name} is large enough for a thumb: ${box.width} x ${box.height}`);
  }
  assert.ok((await anna.wider_than_screen()) <= 0, 'nothing is wider than the phone');
  await anna.page.fill('#verdict textarea', 'flushing, as every Monday');
  await anna.button('False alarm').click();
  await anna.page.waitForSelector('#verdict .verdict-line');
  assert.match(await anna.text('#verdict .verdict-line'), /False alarm[^]*Admin[^]*flushing/);
  await anna.leave();

  const bo = await visit('hub');
  await bo.open(`#/sites/pump-7/alerts/${id}`, '.story');
  await until('the hub to know', async () => /judged it: false alarm[^]*flushing/.test(await bo.text('.story')));
  await bo.leave();
  assert.equal((await servers.lander_json('hub', 'alerts', 'show', id)).verdict, 'false');
});

promise('A viewer sees everything and no button that changes anything', async () => {
  const kPages = {
    hub: ['#/', '#/alerts', '#/rollouts', '#/sites/pump-7/config', '#/sites/pump-7/alerts', '#/sites/pump-7/store'],
    site: ['#/sites/pump-7/signals', '#/sites/pump-7/store', '#/sites/pump-7/link', '#/sites/pump-7/alerts', '#/sites/pump-7/config', '#/sites/pump-7/models', '#/sites/pump-7/discover'],
  };
  for (const where of ['hub', 'site']) {
    const vera = await visit(where, { state: undefined });
    await vera.log_in('vera', kPassword);
    await vera.page.waitForSelector('header.top');
    for (const way of kPages[where]) {
      await vera.open(way, 'main .card, main .empty, main .alert');
      for (const name of ['Add a site', 'Acknowledge', 'Shelve 1 h', 'Check', 'Apply', 'Learn a model', 'Declare …', 'Roll out …', 'Import a package']) {
        assert.equal(await vera.button(name).count(), 0, `${name} at ${way}`);
      }
      assert.equal(await vera.page.getByRole('link', { name: 'Accounts' }).count(), 0);
    }
    await vera.leave();
  }
});

promise('A mistake in the desired state is shown with its line, and nothing is changed', async () => {
  const anna = await visit('site');
  await anna.open('#/sites/pump-7/config', '.editor textarea');
  const text = anna.page.locator('.editor textarea');
  const yaml = await text.inputValue();
  await text.fill(yaml.replace('driver: mqtt', 'driver: mqqt'));
  await anna.button('Check').click();
  await anna.page.waitForSelector('.mistakes li');
  assert.match(await anna.text('.mistakes'), /Line \d+, column \d+: .*mqtt/);
  assert.equal(await anna.button('Apply').isDisabled(), true);
  await text.fill(yaml.replace('Bearing vibration', 'Vibration of the bearing'));
  await anna.button('Check').click();
  await anna.page.waitForSelector('.changes li');
  await anna.button('Apply').click();
  await anna.see(/Revision \d+ is made/);
  await anna.leave(['422']);
});

promise('A click on a candidate declares a datastream, and its data arrives', async () => {
  const anna = await visit('site');
  await anna.open('#/sites/pump-7/discover', '.candidates');
  await anna.page.getByRole('button', { name: 'Declare pump/1/state#/speed' }).click();
  const field = (label) => anna.page.locator('dialog').getByLabel(label, { exact: false });
  await field('Id').fill('p1-speed');
  await field('Property').fill('rotational-speed');
  await field('Unit').fill('/min');
  await anna.page.locator('dialog').getByRole('button', { name: 'Declare' }).click();
  await anna.see(/p1-speed is declared/);
  await anna.open('#/sites/pump-7/signals/p1-speed', '.big canvas');
  await until('its first value', async () => /1.?48\d|1.?47\d/.test(await anna.text('.big .reading')));
  await anna.leave();
});

promise('On a phone no page is wider than the screen, in light and dark', async () => {
  const kPages = {
    hub: ['#/', '#/alerts', '#/rollouts', '#/sql', '#/accounts', '#/sites/pump-7/signals', '#/sites/pump-7/config', '#/sites/pump-7/models'],
    site: ['#/sites/pump-7/signals', '#/sites/pump-7/alerts', '#/sites/pump-7/config', '#/sites/pump-7/models', '#/sites/pump-7/link', '#/sites/pump-7/discover', '#/accounts'],
  };
  for (const where of ['hub', 'site']) {
    for (const theme of ['light', 'dark']) {
      const anna = await visit(where, { width: 360, height: 740, theme });
      await anna.page.waitForSelector('header.top');
      const ground = await anna.page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number)[0]);
      assert.equal(ground < 128, theme === 'dark', `${theme} is ${theme}`);
      for (const way of kPages[where]) {
        await anna.open(way, 'main .card, main .empty, main .alert');
        assert.ok((await anna.wider_than_screen()) <= 0, `${where} ${way} is wider than 360 px`);
      }
      await anna.leave();
    }
  }
});

promise('The link page says how each carrier does, and of what waits where it is and why', async () => {
  const anna = await visit('site', { width: 1440 });
  await anna.open('#/sites/pump-7/link', '.carrier');
  const carriers = anna.page.locator('.carrier');
  assert.match(await carriers.nth(0).innerText(), /https\s+Up[^]*Last contact[^]*Pace\s+[\d.]+\s\S*B\/s/);
  assert.match(await carriers.nth(1).innerText(), /satellite[^]*alerts in brief[^]*Price\s+0\.1 a kB[^]*[\d.]+\skB of 30\.0\skB left/);
  servers.hub.kill('SIGSTOP'); // reachable, and silent
  try {
    const bulk = anna.page.locator('.lanes tr', { hasText: 'Raw values' });
    await until('what waits', async () => /Raw values\s+\d+\s+[\d.]+\s\S*B/.test(await bulk.innerText()));
    await until('its traces', async () => /bulk\/\d+[^]*(Sent over https|https no contact|https goes with)/.test(await anna.text('.trace table')));
  } finally {
    servers.hub.kill('SIGCONT');
  }
  await until('the hub again', async () => /Connected/.test(await anna.text('.link-state .side')));
  await anna.leave();
});

promise('A site without a hub says that nothing leaves it, and how to change that', async () => {
  const alone = servers.start_site('alone');
  await servers.up('alone');
  const anna = await Visitor.arrive(browser, servers.url('alone'));
  await anna.log_in('admin', servers.password('alone'));
  await anna.page.waitForSelector('header.top');
  await anna.page.getByRole('link', { name: 'Link' }).click();
  await anna.see('nothing leaves it');
  assert.match(await anna.text('.link-state'), /Not enrolled[^]*lander-site enrol --hub URL --token TOKEN/);
  await anna.leave();
  await servers.end(alone);
});

promise('Two machines with one identity are told in red at the hub, until somebody says that one is left', async () => {
  await servers.enrol('pump-8', 'pump-8');
  const first = servers.start_site('pump-8');
  const of_hub = async () => JSON.parse(await servers.lander('hub', '--json', 'site', 'show', 'pump-8'));
  await until('pump-8', async () => (await of_hub()).presence === 'on-time');
  await servers.end(first);
  servers.copy('pump-8', 'pump-8-copy');
  const anna = await visit('hub');
  await anna.page.waitForSelector('.card.site');
  const two = [servers.start_site('pump-8'), servers.start_site('pump-8-copy')];
  await anna.page.waitForSelector('.clone[role=alert]'); // nobody reloads the page
  assert.match(await anna.text('.clone'), /Two machines use the identity of pump-8[^]*name of its own/);
  await servers.end(two[1]);
  await anna.open('#/sites/pump-8/alerts', '.clone');
  await anna.button('Only one is left').click();
  await anna.page.locator('.clone').waitFor({ state: 'detached' });
  assert.equal((await of_hub()).cloned_since, null);
  await anna.leave();
  await servers.end(two[0]);
  await servers.lander('hub', 'site', 'remove', 'pump-8');
});

promise('SQL answers as a table, and logging out ends the session', async () => {
  const anna = await visit('hub');
  await anna.open('#/sql', 'textarea');
  await anna.page.fill('textarea', 'SELECT 6 * 7 AS answer');
  await anna.button('Run').click();
  await anna.page.waitForSelector('table.result');
  assert.match(await anna.text('table.result'), /answer\s+42/);
  await anna.button('Log out').click();
  await anna.page.waitForSelector('input[name=password]');
  await anna.leave();
  const late = await visit('hub'); // with the cookie of the session that has ended
  await late.page.waitForSelector('input[name=password]');
  await late.leave(['401']);
});
