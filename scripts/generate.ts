/**
 * Makes from the CRD, the one source of our kind, the TypeScript types of the program, the page of its fields and the CRD template of the
 * chart; from the chart's values the schema and the README of the chart; and from the Lua for Argo CD the settings that hold it.
 * With `--check` nothing is written; it fails when a generated file isn't what its source says.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { argocdConfig, luaPath } from './generate/argocd-config.ts';
import { chartReadme } from './generate/chart-readme.ts';
import { chartSchema } from './generate/chart-schema.ts';
import { valuesPath } from './generate/chart-values.ts';
import { crdPath, crdTemplate } from './generate/crd-template.ts';
import { reference } from './generate/reference.ts';
import { types } from './generate/types.ts';

const root = resolve(import.meta.dirname, '..');

const textOf = (path: string): Promise<string> => readFile(resolve(root, path), 'utf8');

const crd = await textOf(crdPath);
const values = await textOf(valuesPath);
const chart = await textOf('charts/aks-notifier/Chart.yaml');
const config = await argocdConfig(root);

const outputs = [
  { path: 'src/api/maintenance-notification.ts', source: crdPath, make: () => types(crd) },
  { path: 'docs/reference.md', source: crdPath, make: () => reference(crd) },
  { path: 'charts/aks-notifier/templates/crd.yaml', source: crdPath, make: () => crdTemplate(crd) },
  { path: 'charts/aks-notifier/values.schema.json', source: valuesPath, make: () => chartSchema(values) },
  { path: 'charts/aks-notifier/README.md', source: valuesPath, make: () => chartReadme(values, chart) },
  { path: 'examples/argocd/argocd-cm.yaml', source: luaPath, make: () => config },
];

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

const check = process.argv.includes('--check');

for (const { path, source, make } of outputs) {
  const file = resolve(root, path);
  const wanted = make();
  if ((await contentOf(file)) === wanted) continue;
  if (check) {
    console.error(`${relative(root, file)} isn't what ${source} says: run \`npm run generate\` and commit the result.`);
    process.exitCode = 1;
  } else {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, wanted);
    console.log(`wrote ${path}`);
  }
}
