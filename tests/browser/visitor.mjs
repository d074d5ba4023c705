// Somebody at a console: a page, what it logged, what it weighed.
import { strict as assert } from 'node:assert';

export class Visitor {
  constructor(page, url) {
    this.page = page;
    this.url = url;
    this.complaints = [];
    this.bytes = 0;
    this.foreign = [];
  }

  static async arrive(browser, url, { width = 1280, height = 900, theme = 'light', state } = {}) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width, height }, colorScheme: theme, storageState: state });
    const visitor = new Visitor(await context.newPage(), url);
    await visitor.listen();
    await visitor.page.goto(`${url}/`);
    return visitor;
  }

  async listen() {
    const { page } = this;
    page.setDefaultTimeout(30_000);
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && this.complaints.push(message.text()));
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('request', (request) => {
      if (!request.url().startsWith(this.url) && !request.url().startsWith('data:')) this.foreign.push(request.url());
    });
    const network = await page.context().newCDPSession(page);
    await network.send('Network.enable');
    network.on('Network.loadingFinished', ({ encodedDataLength }) => (this.bytes += encodedDataLength));
  }

  async log_in(user, password) {
    await this.page.fill('input[name=user]', user);
    await this.page.fill('input[name=password]', password);
    await this.page.click('button[type=submit]');
  }
  async open(way, then) {
    await this.page.evaluate((hash) => (location.hash = hash), way);
    await this.page.waitForSelector(then);
  }
  text(selector) {
    return this.page.locator(selector).first().innerText();
  }
  see(text) {
    return this.page.getByText(text).first().waitFor();
  }
  button(name) {
    return this.page.getByRole('button', { name, exact: true });
  }
  wider_than_screen() {
    return this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  }
  // Pixels of a chart that are not empty.
  drawn(selector) {
    return this.page.evaluate((chosen) => {
      const canvas = document.querySelector(`${chosen} canvas`);
      if (!canvas || !canvas.width) return 0;
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let n = 0;
      for (let i = 3; i < data.length; i += 4) n += data[i] !== 0;
      return n;
    }, selector);
  }
  first_paint() {
    return this.page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
  }
  state() {
    return this.page.context().storageState();
  }
  // `expected`: what the browser says by itself when a server refuses something on purpose.
  async leave(expected = []) {
    await this.page.context().close();
    const rest = this.complaints.filter((text) => !expected.some((known) => text.includes(known)));
    assert.deepEqual(rest, [], 'the console logs nothing');
    assert.deepEqual(this.foreign, [], 'the console asks nobody else');
  }
}
