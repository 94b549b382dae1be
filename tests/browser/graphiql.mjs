// Drives GraphiQL of a running server as an analyst would: log in, run a query, follow a subscription, log out.
//
// From the environment: BASE_URL, EMAIL and PASSWORD of an account there, SCREENSHOT_DIR (none: no screenshots), CHROMIUM
// (/usr/bin/chromium), QUERY and QUERY_SHOWS (a query and a text its answer must show), SUBSCRIPTION and
// SUBSCRIPTION_SHOWS, TRIGGER (a mutation sent with the same token while the subscription is open, so that it has something to say).

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const {
  BASE_URL = 'http://127.0.0.1:8000',
  EMAIL,
  PASSWORD,
  SCREENSHOT_DIR,
  CHROMIUM = '/usr/bin/chromium',
  QUERY = 'query Me { me { id email } }',
  QUERY_SHOWS = EMAIL,
  SUBSCRIPTION = 'subscription ExecutionUpdates { executionUpdates { cursor executionId stepName progressPercent message } }',
  SUBSCRIPTION_SHOWS = '"executionId"',
  TRIGGER,
} = process.env;

assert(EMAIL && PASSWORD, 'EMAIL and PASSWORD must be set');
if (SCREENSHOT_DIR) mkdirSync(SCREENSHOT_DIR, { recursive: true });

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});

const problems = []; // what no page may do: errors in the console, requests to elsewhere, violations of the policy

async function openPage(colorScheme, query) {
  const context = await browser.newContext({ colorScheme, viewport: { width: 1360, height: 800 } });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`));
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (/^(https?|wss?):$/.test(protocol) && origin !== new URL(BASE_URL).origin) problems.push(`external request: ${request.url()}`);
  });
  await page.addInitScript(() =>
    document.addEventListener('securitypolicyviolation', (event) =>
      console.error(`policy: ${event.violatedDirective} refused ${event.blockedURI}`),
    ),
  );
  const link = new URL('/graphql', BASE_URL);
  if (query) link.searchParams.set('query', query);
  await page.goto(link.href);
  await page.locator('.graphiql-query-editor .view-lines').waitFor();
  return page;
}

async function logIn(page) {
  await page.getByLabel('E-mail').fill(EMAIL);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText(`Logged in as ${EMAIL}`).waitFor();
}

const run = (page) => page.getByRole('button', { name: /^Execute query/ }).click();
const answer = (page) => page.locator('.result-window');

// the editor wraps long lines wherever it likes, so white space does not count
const compact = (text) => text.replace(/\s+/g, '');
const shown = async (page) => compact(await answer(page).innerText());

async function waitForAnswer(page, text) {
  const deadline = Date.now() + 20_000;
  while (!(await shown(page)).includes(compact(text))) {
    if (Date.now() > deadline) assert.fail(`The answer never showed ${text}; it shows: ${await shown(page)}`);
    await page.waitForTimeout(100);
  }
}

async function screenshot(page, name) {
  if (SCREENSHOT_DIR) await page.screenshot({ path: join(SCREENSHOT_DIR, `${name}.png`) });
}

async function story(name, tell) {
  const started = Date.now();
  await tell();
  assert.deepEqual(problems, [], `${name}: the page complained`);
  console.log(`ok - ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}

try {
  await story('a wrong password is refused in words', async () => {
    const page = await openPage('light');
    await page.getByLabel('E-mail').fill(EMAIL);
    await page.getByLabel('Password').fill(`not ${PASSWORD}`);
    await page.getByRole('button', { name: 'Log in' }).click();
    const alert = page.getByRole('alert');
    await alert.filter({ hasText: /\w/ }).waitFor();
    assert.equal(await page.getByText('Logged in as').isVisible(), false);
    // Chromium itself notes the 401 in the console
    for (const note of problems.splice(0)) assert.match(note, /status of 401/);
    await page.context().close();
  });

  await story('a linked query opens, and runs with the token of who logged in', async () => {
    const page = await openPage('light', QUERY);
    assert.equal(await page.title(), 'Tradewind');
    await page.getByRole('button', { name: 'Headers' }).waitFor();
    assert.equal(await shown(page), '', 'a linked query must not run by itself');
    await logIn(page);
    await run(page);
    await waitForAnswer(page, QUERY_SHOWS);
    await screenshot(page, 'graphiql-query-light');

    await page.reload();
    await page.getByText(`Logged in as ${EMAIL}`).waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('E-mail').waitFor();
    assert.equal(await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }).includes('Bearer ')), false);
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    await page.context().close();
  });

  await story('a subscription shows events as they happen, and stops', async () => {
    const page = await openPage('dark', SUBSCRIPTION);
    await logIn(page);
    const sockets = [];
    page.on('websocket', (socket) => sockets.push(socket));
    await run(page);
    if (TRIGGER) {
      const token = await page.evaluate(() => JSON.parse(sessionStorage.getItem('tradewind.session')).access);
      const response = await page.request.post(new URL('/graphql', BASE_URL).href, {
        headers: { Authorization: `Bearer ${token}` },
        data: { query: TRIGGER },
      });
      const { errors } = await response.json();
      assert.equal(errors, undefined, `TRIGGER was refused: ${JSON.stringify(errors)}`);
    }
    await waitForAnswer(page, SUBSCRIPTION_SHOWS);
    await screenshot(page, 'graphiql-subscription-dark');
    assert.equal(sockets.length, 1);
    await page.getByRole('button', { name: /^Stop query/ }).click();
    await page.getByRole('button', { name: /^Execute query/ }).waitFor();
    await page.context().close();
  });
} finally {
  await browser.close();
}
