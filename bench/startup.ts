/**
 * How long the bundle takes from process start to ready, and what it holds in memory when idle: against a real API server and the
 * emulator, median of several starts. `npm run bench`.
 */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clientId, operatorNamespace, startStage, tenantId } from '../test/support/stage.ts';
import { waitFor } from '../test/support/wait.ts';
import { report, residentMegabytes } from './report.ts';

const starts = 7;
const idleSeconds = 5;

const stage = await startStage();
try {
  const { controlPlane, emulator } = stage;
  // The chart gives the ServiceAccount its rights; its pod is stopped, so that only the measured process runs.
  await stage.install();
  await stage.kubelet.pause('gracefully');
  const tokenFile = join(controlPlane.directory, 'azure-token');
  const ca = join(controlPlane.directory, 'emulator-ca.crt');
  await writeFile(
    tokenFile,
    await controlPlane.serviceAccountToken(operatorNamespace, 'aks-notifier', { audiences: ['api://AzureADTokenExchange'] }),
  );
  await writeFile(ca, emulator.ca);
  const token = await controlPlane.serviceAccountToken(operatorNamespace, 'aks-notifier');
  const environment = {
    KUBECONFIG: await controlPlane.kubeconfigFor({ token, namespace: operatorNamespace, directory: controlPlane.directory }),
    AZURE_CLIENT_ID: clientId,
    AZURE_TENANT_ID: tenantId,
    AZURE_FEDERATED_TOKEN_FILE: tokenFile,
    AZURE_AUTHORITY_HOST: emulator.url,
    AZURE_RESOURCE_MANAGER_ENDPOINT: emulator.url,
    NODE_EXTRA_CA_CERTS: ca,
    // As the chart's Deployment sets them.
    NODE_OPTIONS: '--max-semi-space-size=1',
    MALLOC_ARENA_MAX: '2',
  };

  const readyMilliseconds: number[] = [];
  const megabytes: number[] = [];
  for (let start = 0; start < starts; start += 1) {
    const began = performance.now();
    const child = spawn(process.execPath, ['dist/aks-notifier.mjs', '--health-addr=127.0.0.1:0', '--metrics-addr=127.0.0.1:0'], {
      env: environment,
    });
    let output = '';
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('"msg":"ready"')) resolve();
      });
      child.once('exit', (code) => reject(new Error(`the operator ended with ${code}: ${output}`)));
    });
    readyMilliseconds.push(performance.now() - began);
    const idleUntil = performance.now() + idleSeconds * 1000;
    await waitFor('some idle seconds', () => performance.now() > idleUntil, (idleSeconds + 5) * 1000);
    megabytes.push(await residentMegabytes(child.pid ?? 0));
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }
  report('process start to ready', readyMilliseconds, 'ms', 500);
  report(`resident after ${idleSeconds} s idle, no objects`, megabytes, 'MB', 95);
} finally {
  await stage.stop();
}
