// Bundles src/ into dist/{index.html,app.js,app.css} and their .gz, which the programs link in.
// The same source gives the same bytes: no dates, no paths, no hashes of time.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const source = (name) => join(here, 'src', name);
const dist = (name) => join(here, 'dist', name);
const kMostBytes = 150_000; // of all three together, compressed

await rm(join(here, 'dist'), { recursive: true, force: true });
await mkdir(join(here, 'dist'));
await build({
  entryPoints: { app: source('main.js') },
  outdir: join(here, 'dist'),
  absWorkingDir: here,
  bundle: true,
  minify: true,
  format: 'iife',
  target: ['chrome109', 'firefox115', 'safari16'],
  legalComments: 'none',
  logLevel: 'warning',
});
const page = await readFile(source('index.html'), 'utf8');
await writeFile(dist('index.html'), page.replace(/<!--[^]*?-->\n?/g, '').replace(/^\s+/gm, ''));

let total = 0;
for (const name of ['index.html', 'app.js', 'app.css']) {
  const packed = gzipSync(await readFile(dist(name)), { level: 9 });
  packed[9] = 0xff; // the byte that names the system it was packed on
  await writeFile(dist(`${name}.gz`), packed);
  total += packed.length;
  console.log(`${name.padEnd(12)} ${packed.length} bytes compressed`);
}
console.log(`${'all'.padEnd(12)} ${total} bytes compressed`);
if (total >= kMostBytes) {
  console.error(`The console is too large: ${total} bytes; at most ${kMostBytes} may be.`);
  process.exit(1);
}
