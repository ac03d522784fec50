/** Makes the one file that is shipped: `dist/aks-notifier.mjs`, with its source map, the notices of the packages that are in it, and their list. */
import { readFile, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';
import { thirdPartyLicenses } from './build/licenses.ts';
import { packagesOf } from './build/packages.ts';
import { sbom } from './build/sbom.ts';

const program = JSON.parse(await readFile('package.json', 'utf8')) as { name: string; version: string; license: string };

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
  define: { AKS_NOTIFIER_VERSION: JSON.stringify(program.version) },
  banner: { js: banner },
  logLevel: 'warning',
});
const bundle = metafile.outputs['dist/aks-notifier.mjs'];
const included = Object.entries(bundle?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
const packages = await packagesOf(included.map(([path]) => path));
await writeFile('dist/THIRD-PARTY-LICENSES.txt', await thirdPartyLicenses(packages));
await writeFile('dist/sbom.bundle.spdx.json', `${JSON.stringify(sbom(program, packages), undefined, 2)}\n`);
console.log(`dist/aks-notifier.mjs, ${((bundle?.bytes ?? 0) / 1_000_000).toFixed(1)} MB`);
