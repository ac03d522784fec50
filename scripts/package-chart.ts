/**
 * Packages the chart into dist/, with an image for the default of its values, so that what is installed is what was released with it.
 *
 *   node scripts/package-chart.ts --image <repository>@sha256:<digest>
 */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { parseDocument } from 'yaml';
import { provideTool } from '../tools/provide.ts';
import { readImageName } from './release/image.ts';

const root = resolve(import.meta.dirname, '..');
const { values } = parseArgs({ options: { image: { type: 'string' } } });
const { repository, tag, digest } = readImageName(values.image ?? '');
const helm = await provideTool('helm');

const directory = await mkdtemp(join(tmpdir(), 'aks-notifier-chart-'));
try {
  const chart = join(directory, 'aks-notifier');
  await cp(join(root, 'charts/aks-notifier'), chart, { recursive: true });
  const file = join(chart, 'values.yaml');
  // As a document, so that the comments, which are its manual, stay.
  const document = parseDocument(await readFile(file, 'utf8'));
  for (const [name, value] of Object.entries({ repository, tag, digest })) document.setIn(['image', name], value);
  await writeFile(file, document.toString({ lineWidth: 0, flowCollectionPadding: false }));
  const { stdout } = await promisify(execFile)(helm, ['package', chart, `--destination=${join(root, 'dist')}`]);
  process.stdout.write(stdout);
} finally {
  await rm(directory, { recursive: true });
}
