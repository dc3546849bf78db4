// The app of app.mjs on a page in headless Chromium, from outside like client.mjs. The page has an origin of its own, so that every
// request to weir crosses origins.
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import puppeteer from 'puppeteer-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const options = JSON.parse(process.env.OPTIONS);

// The page is one bundle. Its workers and their WebAssembly lie beside it as the SDK ships them.
const { outputFiles } = await build({ entryPoints: [path.join(here, 'page.mjs')], bundle: true, format: 'esm', write: false, logLevel: 'error' });
const workers = path.dirname(fileURLToPath(import.meta.resolve('@powersync/web/bundled_worker')));
const types = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.map': 'application/json' };
const site = http.createServer(async ({ url }, answer) => {
  try {
    const [body, type] =
      url === '/' ? ['<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.js"></script>', 'text/html']
      : url === '/page.js' ? [outputFiles[0].contents, types['.js']]
      : [await readFile(path.join(workers, path.normalize(url))), types[path.extname(url)]];
    answer.writeHead(200, { 'content-type': type }).end(body);
  } catch {
    answer.writeHead(404).end();
  }
});
await new Promise((listening) => site.listen(0, '127.0.0.1', listening));

const browser = await puppeteer.launch({
  executablePath: process.env.WEIR_CHROMIUM || path.join(here, 'node_modules', '.browser', 'chromium'),
  headless: 'shell',
  userDataDir: options.dir,
  // Root has no sandbox, and nobody must be called but weir.
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
});
const page = await browser.newPage();
const print = (text) => void process.stderr.write(`${text}\n`);
page.on('pageerror', (e) => print(`[page] ${e.message}`));
page.on('console', (m) => (m.type() === 'error' || process.env.VERBOSE) && print(`[page] ${m.text()}`));
await page.exposeFunction('say', (text) => void process.stdout.write(`${text}\n`));
await page.exposeFunction('print', print);
await page.goto(`http://127.0.0.1:${site.address().port}/`);
await page.evaluate((o) => window.start(o), options);
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { insert, row } = JSON.parse(line);
  await page.evaluate((t, r) => window.write(t, r), insert, row);
}
await browser.close();
process.exit(0);
