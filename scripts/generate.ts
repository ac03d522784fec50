/**
 * Makes from the CRD, the one source of our kind, the TypeScript types of the program and the CRD template of the chart.
 * With `--check` nothing is written; it fails when a generated file isn't what the CRD says.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { crdPath, crdTemplate } from './generate/crd-template.ts';
import { types } from './generate/types.ts';

const root = resolve(import.meta.dirname, '..');

const outputs = [
  { path: 'src/api/maintenance-notification.ts', from: types },
  { path: 'charts/aks-notifier/templates/crd.yaml', from: crdTemplate },
] as const;

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

const check = process.argv.includes('--check');
const crd = await readFile(resolve(root, crdPath), 'utf8');

for (const { path, from } of outputs) {
  const file = resolve(root, path);
  const wanted = from(crd);
  if ((await contentOf(file)) === wanted) continue;
  if (check) {
    console.error(`${relative(root, file)} isn't what ${crdPath} says: run \`npm run generate\` and commit the result.`);
    process.exitCode = 1;
  } else {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, wanted);
    console.log(`wrote ${path}`);
  }
}
