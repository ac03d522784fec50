/**
 * The whole of it, once, on this machine: a real Kubernetes API server, an emulated Azure, the chart installed by helm, the bundle
 * running as the chart's Deployment says, one object applied, maintenance announced and mailed, and all of it gone again. `KEEP=1` leaves
 * it running.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readable } from '../emulator/alerts/mail.ts';
import { startStage, operatorNamespace, type Stage } from '../test/support/stage.ts';
import { provideTools } from '../tools/provide.ts';
import { announce, checkMails, eventOf, passHours } from './maintenance.ts';
import { story, tell } from './tell.ts';

const example = new URL('../examples/minimal.yaml', import.meta.url);
const namespace = 'platform';
/** Tokens of the API server's clock must do for Azure's, which runs ahead after some hours have passed there. */
const day = 24 * 3600;
const keep = process.env['KEEP'] === '1';

/** Shows a command as a person would type it, and what it printed. */
const show = async (stage: Stage, ...args: string[]): Promise<void> => {
  tell.command(`kubectl ${args.join(' ')}`);
  tell.output(await stage.kubectl(args));
};

const play = async (stage: Stage): Promise<void> => {
  const { emulator } = stage;
  tell.step('Install the operator with helm; the pod signs in to Azure with its ServiceAccount token');
  const pod = await stage.install();
  tell.output(await stage.kubectl(['get', 'deployment,pod', '-n', operatorNamespace]));
  tell.note(`pod ${pod.name} is process ${pod.pid}, at ${pod.ip}`);

  tell.step('Apply one short object');
  await stage.kubectl(['create', 'namespace', namespace]);
  tell.output(await readFile(example, 'utf8'));
  emulator.journal.clear();
  const applied = performance.now();
  tell.command(`kubectl apply -n ${namespace} -f examples/minimal.yaml`);
  tell.output(await stage.kubectl(['apply', '-n', namespace, '-f', example.pathname]));
  await show(stage, 'wait', '--for=condition=Ready', 'mn/prod', '-n', namespace, '--timeout=60s');
  tell.note(
    `Ready ${Math.round(performance.now() - applied)} ms after kubectl apply was started, most of it kubectl itself, after ${story.calls(emulator.journal.calls({ kind: 'arm' }))}`,
  );

  tell.step('What Kubernetes says of it');
  await show(stage, 'get', 'mn', '-n', namespace, '-o', 'wide');
  const object = await stage.notification(namespace, 'prod');
  tell.output(story.table(['type', 'status', 'reason', 'message'], object?.status?.conditions ?? []));
  await show(stage, 'get', 'events', '-n', namespace, '-o', 'custom-columns=TYPE:.type,REASON:.reason,MESSAGE:.message');

  tell.step('What stands in Azure now');
  tell.output(story.azure(emulator.resources()));

  tell.step('AKS announces maintenance, also for a cluster whose name begins alike and whose events the rule may read');
  tell.output(story.table(['cluster', 'status', 'details'], announce(emulator)));

  tell.step('Some hours pass in Azure; its clock is put forward, and the rule looks whenever it is due');
  await passHours(emulator, tell.output);

  tell.step('What lies in the mailbox: one mail for each announcement, none for the neighbour');
  tell.output(emulator.mailbox.messages().map(readable).join('\n'));
  checkMails(emulator);

  if (keep) return;
  tell.step('Delete the object: everything it made goes with it');
  await show(stage, 'delete', 'mn', 'prod', '-n', namespace, '--timeout=60s');
  const left = emulator.resources();
  tell.output(story.azure(left));
  if (!story.isEmpty(left)) throw new Error('something is left in Azure');
  tell.note('nothing is left');
};

/** Says how to talk to what runs, and waits for Ctrl-C. */
const stay = async ({ controlPlane, emulator }: Stage): Promise<void> => {
  const ca = join(controlPlane.directory, 'emulator-ca.crt');
  await writeFile(ca, emulator.ca);
  const { kubectl } = await provideTools();
  const event = eventOf({ cluster: 'prod', status: 'Completed', details: 'NodeOSUpgrade' }, 9, emulator.clock.now());
  tell.step('It all keeps running until Ctrl-C');
  tell.output(
    [
      `export KUBECONFIG=${controlPlane.adminKubeconfig}`,
      `${kubectl} get mn -A`,
      `curl --cacert ${ca} ${emulator.url}/_emulator/resources`,
      `curl --cacert ${ca} ${emulator.url}/_emulator/journal`,
      '',
      '# One more announcement, four hours, and the mails:',
      `curl --cacert ${ca} ${emulator.url}/_emulator/events -d '${JSON.stringify(event)}'`,
      `curl --cacert ${ca} -X POST '${emulator.url}/_emulator/clock?milliseconds=14400000'`,
      `curl --cacert ${ca} '${emulator.url}/_emulator/mailbox?format=text'`,
    ].join('\n'),
  );
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
};

const main = async (): Promise<void> => {
  tell.title('aks-notifier, end to end on this machine');
  tell.step('Provide kube-apiserver, etcd, kubectl and helm (built from Go modules the first time, some minutes)');
  await provideTools();
  tell.step('Start a Kubernetes API server and an Azure emulator');
  const stage = await startStage({ emulator: { evaluateAlerts: 'on', accessTokenSeconds: day, assertionLeewaySeconds: day } });
  try {
    tell.note(`Kubernetes ${stage.controlPlane.server}, Azure ${stage.emulator.url}`);
    await play(stage);
    if (keep) await stay(stage);
  } finally {
    await stage.stop();
  }
  tell.title('Done.');
};

main().catch((error: unknown) => {
  process.stderr.write(`The demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
