/**
 * Makes what is applied without Helm, from the chart: `dist/install.yaml`, and `dist/crds.yaml` for those who install the CRD by itself.
 *
 *   node scripts/manifest.ts [--image <repository>[:<tag>][@<digest>]] [--print]
 *
 * With `--print` install.yaml goes to standard output, and nothing is written.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { provideTool } from '../tools/provide.ts';
import { crdPath } from './generate/crd-template.ts';
import { readImageName } from './release/image.ts';

const namespace = 'aks-notifier-system';
/** To be replaced by whoever applies it; the operator refuses to start with it. */
const placeholder = 'YOUR_CLIENT_ID';
/** What the chart is rendered with in place of the placeholder, since it may ask for something that looks like a client id. */
const stand = 'c11e2741-0000-4000-8000-000000000000';

const root = resolve(import.meta.dirname, '..');

const head = `# aks-notifier without Helm: its namespace, the CRD, its rights and the operator.
#
# Replace ${placeholder} by the client id of the managed identity that the operator signs in to Azure as:
#   sed 's/${placeholder}/<client id>/' install.yaml | kubectl apply -f -
# The identity's federated credential names system:serviceaccount:${namespace}:aks-notifier.
apiVersion: v1
kind: Namespace
metadata:
  name: ${namespace}
  labels:
    pod-security.kubernetes.io/enforce: restricted
`;

const imageValues = (image: string): readonly string[] =>
  Object.entries(readImageName(image)).map(([name, value]) => `image.${name}=${value}`);

const { values } = parseArgs({ options: { image: { type: 'string' }, print: { type: 'boolean' } } });
const settings = [`azure.clientId=${stand}`, ...(values.image === undefined ? [] : imageValues(values.image))];
const { stdout } = await promisify(execFile)(
  await provideTool('helm'),
  [
    'template',
    'aks-notifier',
    resolve(root, 'charts/aks-notifier'),
    `--namespace=${namespace}`,
    '--set=crds.keep=false',
    ...settings.flatMap((each) => ['--set-string', each]),
  ],
  { maxBuffer: 64 * 1024 * 1024 },
);
// Helm has no part in what comes of it, and says so in labels.
const objects = stdout.replaceAll(/^ +(helm\.sh\/chart: .*|app\.kubernetes\.io\/managed-by: Helm)\n/gm, '').replaceAll(stand, placeholder);
if (values.print) {
  process.stdout.write(`${head}${objects}`);
} else {
  await mkdir(resolve(root, 'dist'), { recursive: true });
  await writeFile(resolve(root, 'dist/install.yaml'), `${head}${objects}`);
  await copyFile(resolve(root, crdPath), resolve(root, 'dist/crds.yaml'));
  console.log('dist/install.yaml, dist/crds.yaml');
}
