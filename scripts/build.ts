/** Makes the one file that is shipped: `dist/aks-notifier.mjs`, with its source map. */
import { readFile } from 'node:fs/promises';
import { build } from 'esbuild';

const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };

const banner = [
  // Before anything else: on an older Node the first import fails with a TypeError that helps nobody.
  `if (Number(process.versions.node.split('.')[0]) < 22) { process.stderr.write('aks-notifier needs Node 22.19 or newer; this is ' + process.version + '.\\n'); process.exit(1); }`,
  // CommonJS dependencies call require, which ES modules don't have.
  `import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);`,
].join('\n');

const { metafile } = await build({
  entryPoints: ['src/main.ts'],
  outfile: 'dist/aks-notifier.mjs',
  bundle: true,
  minify: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  sourcemap: true,
  metafile: true,
  define: { AKS_NOTIFIER_VERSION: JSON.stringify(version) },
  banner: { js: banner },
  logLevel: 'warning',
});
const bytes = metafile.outputs['dist/aks-notifier.mjs']?.bytes ?? 0;
console.log(`dist/aks-notifier.mjs, ${(bytes / 1_000_000).toFixed(1)} MB`);
