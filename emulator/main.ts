import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { startEmulator } from './emulator.ts';
import { asWorld, type World } from './world.ts';

const usage = `Starts an emulator of the corner of Azure that aks-notifier talks to.

node emulator/main.ts [--world FILE.yaml] [--port N] [--ca-file PATH] [--issuer-ca PATH] [--print-token]

--world       what exists at the start; default: emulator/example.yaml
--port        default: any free one
--ca-file     where to write the certificate authority that clients must trust (PEM); default: azure-emulator-ca.pem in the temporary folder
--issuer-ca   PEM of the authority behind the certificate of the token issuer, such as a Kubernetes API server
--print-token print an access token of the first application and go on running. Azure has no such thing: it is for trying things by hand
`;

const exampleWorld = join(import.meta.dirname, 'example.yaml');

const readWorld = async (file: string): Promise<World> => {
  try {
    return asWorld(parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
};

const portOf = (text: string): number => {
  const port = Number(text);
  if (!/^\d+$/u.test(text) || port > 65_535) throw new Error(`--port ${text}: a port is a number from 0 to 65535`);
  return port;
};

const stopSignal = (): Promise<void> =>
  new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });

const run = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      world: { type: 'string', default: exampleWorld },
      port: { type: 'string', default: '0' },
      'ca-file': { type: 'string', default: join(tmpdir(), 'azure-emulator-ca.pem') },
      'issuer-ca': { type: 'string' },
      'print-token': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const stopped = stopSignal();
  const issuerCaFile = values['issuer-ca'];
  const world = await readWorld(values.world);
  const emulator = await startEmulator({
    world,
    port: portOf(values.port),
    evaluateAlerts: 'on',
    ...(issuerCaFile === undefined ? {} : { issuerCa: await readFile(issuerCaFile, 'utf8') }),
  });
  const caFile = values['ca-file'];
  await writeFile(caFile, emulator.ca);

  const [application] = world.applications;
  const [cluster] = world.clusters;
  const example = cluster === undefined ? '' : `${emulator.url}${cluster.id}?api-version=2026-06-01`;
  process.stdout.write(`The Azure emulator listens.

AZURE_AUTHORITY_HOST=${emulator.url}
AZURE_RESOURCE_MANAGER_ENDPOINT=${emulator.url}
AZURE_TENANT_ID=${world.tenantId}
AZURE_CLIENT_ID=${application?.clientId ?? '(the world has no application)'}
NODE_EXTRA_CA_CERTS=${caFile}

Try it by hand, with a token that needs no credential (not part of Azure, like everything below /_emulator):

curl --cacert ${caFile} -H "authorization: Bearer $(curl -s --cacert ${caFile} ${emulator.url}/_emulator/token)" "${example}"
curl --cacert ${caFile} ${emulator.url}/_emulator
`);
  if (values['print-token'] && application !== undefined) {
    process.stdout.write(`\nToken of ${application.clientId}, good for an hour:\n${await emulator.mintToken(application.clientId)}\n`);
  }
  await stopped;
  await emulator.stop();
};

try {
  await run();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
