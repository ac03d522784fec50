/** Makes the one file that is shipped: `dist/aks-notifier.mjs`, with its source map, and the notices of the packages that are in it. */
import { readFile, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';
import { thirdPartyLicenses } from './build/licenses.ts';

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
const bundle = metafile.outputs['dist/aks-notifier.mjs'];
const included = Object.entries(bundle?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
await writeFile('dist/THIRD-PARTY-LICENSES.txt', await thirdPartyLicenses(included.map(([path]) => path)));
console.log(`dist/aks-notifier.mjs, ${((bundle?.bytes ?? 0) / 1_000_000).toFixed(1)} MB`);
