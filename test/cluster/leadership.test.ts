import { randomInt } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { shortLease, startHandoverStage, type AzureCall, type HandoverStage, type HandoverSignal } from '../support/handover.ts';
import { operatorNamespace, operatorUser } from '../support/stage.ts';
import { waitFor } from '../support/wait.ts';

/** What is promised for a SIGTERM when no write is on its way. */
const handoverMilliseconds = 3000;
const leadersRights = 'aks-notifier-leader-election';

let handovers: HandoverStage;
let endWork: (() => Promise<void>) | undefined;

beforeAll(async () => {
  handovers = await startHandoverStage(shortLease);
});

afterEach(async () => {
  handovers.holdAzure(undefined);
  const end = endWork;
  endWork = undefined;
  await end?.();
});

afterAll(async () => {
  await handovers?.stage.stop();
});

const page = async (ip: string, path: string): Promise<{ readonly status: number; readonly text: string }> => {
  const answer = await fetch(`http://${ip}:${path}`);
  return { status: answer.status, text: await answer.text() };
};

/** Makes calls to Azure wait that a test picks; tells when the first has come. */
const holdAzure = (picks: (call: AzureCall) => boolean) => {
  const arrived = Promise.withResolvers<AzureCall>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  handovers.holdAzure((call) => {
    if (!picks(call)) return undefined;
    arrived.resolve(call);
    return released;
  });
  return { arrived: arrived.promise, release };
};

describe('two replicas', () => {
  it('elect one of them: both are ready, their metrics say who leads, and the other calls nobody and writes nothing', async () => {
    await handovers.settled();
    const { tenure, pod } = await handovers.leader();
    const standby = handovers.standby(tenure);
    endWork = handovers.startWork();
    const since = Date.now();
    await waitFor('some work', async () => (await handovers.writes(since)).length >= 20);

    const byStandby = ({ pod: name }: { readonly pod: string | undefined }): boolean => name === standby.name;
    expect(handovers.azureCalls().filter(byStandby)).toEqual([]);
    expect((await handovers.writes(0)).filter(byStandby)).toEqual([]);
    expect(await page(standby.ip, '8081/readyz')).toMatchObject({ status: 200 });
    expect(await page(pod.ip, '8081/readyz')).toMatchObject({ status: 200 });
    expect((await page(standby.ip, '8080/metrics')).text).toMatch(/^leader_election_master_status\{[^}]*\} 0$/m);
    expect((await page(pod.ip, '8080/metrics')).text).toMatch(/^leader_election_master_status\{[^}]*\} 1$/m);
  });
});

describe('a hand-over at work', () => {
  const signals: readonly HandoverSignal[] = ['SIGTERM', 'SIGKILL', 'SIGSTOP'];
  const exitCodes: Readonly<Record<HandoverSignal, number>> = { SIGTERM: 0, SIGKILL: 137, SIGSTOP: 1 };
  const lastWords: Readonly<Record<HandoverSignal, string>> = {
    SIGTERM: '"msg":"released the lease"',
    SIGKILL: '"msg":"became the leader"',
    SIGSTOP: '"msg":"lost the lease; ending"',
  };

  it.each([1, 2, 3].flatMap((round) => signals.map((signal) => [signal, round] as const)))(
    'by %s, %i, leaves no moment with two leaders, and the new one works',
    async (signal, round) => {
      endWork = handovers.startWork();
      const { pod } = await handovers.leader();
      const done = await handovers.handOver(signal);

      expect(done.overlaps).toEqual([]);
      expect(done.exitCode).toBe(exitCodes[signal]);
      expect(pod.logs()).toContain(lastWords[signal]);
      await handovers.change(round);
    },
  );
});

describe('the lease', () => {
  it('is made anew by its leader when somebody deletes it', async () => {
    await handovers.settled();
    const { tenure } = await handovers.leader();
    await handovers.stage.kubectl(['delete', 'lease', 'aks-notifier', '-n', operatorNamespace]);
    const again = await handovers.leader();
    expect(again.tenure.identity).toBe(tenure.identity);
    await handovers.change(4);
    expect((await handovers.tenure())?.identity).toBe(tenure.identity);
    expect(handovers.stage.kubelet.pods().map(({ ready }) => ready)).toEqual([true, true]);
  });

  it('ends a leader that has lost the right to it, and says to everybody what is missing', async () => {
    await handovers.settled();
    const { tenure, pod } = await handovers.leader();
    const { restarts } = pod;
    const standby = handovers.standby(tenure);
    const binding = await handovers.stage.kubectl(['get', 'rolebinding', leadersRights, '-n', operatorNamespace, '-o', 'json']);
    await handovers.stage.kubectl(['delete', 'rolebinding', leadersRights, '-n', operatorNamespace]);

    expect(await handovers.exitCode(pod, restarts)).toBe(1);
    const since = Date.now();
    expect(pod.logs()).toContain('the lease was not renewed within 2 s');
    const missing = 'grant the ServiceAccount `get`, `patch` and `create` on leases.coordination.k8s.io';
    await waitFor('the sentence in the log', () => standby.logs().includes(missing));
    // Its new process has never known who leads.
    await waitFor('the sentence at /readyz', async () => {
      const { status, text } = await page(pod.ip, '8081/readyz');
      return status === 503 && text.includes(missing);
    });
    expect(await handovers.writes(since)).toEqual([]);

    await handovers.stage.kubectl(['apply', '-f', '-'], withoutVersion(binding));
    await handovers.leader(tenure);
    await handovers.settled();
    await handovers.change(0);
  });
});

describe('restarts', () => {
  it('at random moments leave no change behind', async () => {
    endWork = handovers.startWork();
    for (let restart = 0; restart < 8; restart += 1) {
      const { tenure } = await handovers.leader();
      const wanted = randomInt(0, 12);
      await waitFor(
        `${wanted} writes`,
        async () => (await handovers.writes(tenure.since)).filter(({ pod }) => pod === tenure.pod).length >= wanted,
      );
      await handovers.deletePod(tenure.pod, restart % 2 === 0 ? 'at once' : 'gracefully');
    }
    await endWork();
    endWork = undefined;
    await expect(handovers.everythingDone()).resolves.toBeUndefined();
  });
});

describe("with the chart's own times", () => {
  beforeAll(async () => {
    await handovers.stage.install();
    await handovers.settled();
  });

  /** Milliseconds from the signal to the new leader. */
  const handOver = async (): Promise<number> => {
    await handovers.settled();
    const { tenure, pod } = await handovers.leader();
    const at = Date.now();
    pod.kill('SIGTERM');
    return (await handovers.leader(tenure)).tenure.since - at;
  };

  it('SIGTERM hands over within 3 s', async () => {
    expect(await handOver()).toBeLessThan(handoverMilliseconds);
    await handovers.change(1);
  });

  it('SIGTERM hands over within 3 s while Azure is slow to answer a read', async () => {
    await handovers.settled();
    const held = holdAzure(({ method, pod }) => method === 'GET' && pod !== undefined);
    const changed = handovers.change(2);
    await held.arrived;
    expect(await handOver()).toBeLessThan(handoverMilliseconds);
    held.release();
    await changed;
  });

  it('SIGTERM awaits a write that is on its way, begins no other, and hands over then', async () => {
    await handovers.settled();
    const { tenure, pod } = await handovers.leader();
    const { restarts } = pod;
    const held = holdAzure(({ method, pod: by }) => method !== 'GET' && by === tenure.pod);
    const changed = handovers.change(3);
    await held.arrived;
    const at = Date.now();
    pod.kill('SIGTERM');
    // The other one asks for the lease, and asks again.
    await waitFor('two looks of the standby', async () => {
      const looks = await handovers.stage.controlPlane.auditEvents({ user: operatorUser, verbs: ['get'], since: at });
      return looks.filter(({ resource }) => resource === 'leases').length >= 2;
    });
    expect((await handovers.tenure())?.identity).toBe(tenure.identity);
    const releasedAt = Date.now();
    held.release();
    const next = await handovers.leader(tenure);
    expect(next.tenure.since - releasedAt).toBeLessThan(handoverMilliseconds);
    expect(await handovers.exitCode(pod, restarts)).toBe(0);
    await changed;
    // The one that was held had arrived by then. The next leader may be the same pod's next process.
    const late = (await handovers.writes(at)).filter((write) => write.at > at && write.at < next.tenure.since);
    expect(late).toEqual([]);
  });
});

const withoutVersion = (json: string): string => {
  const { metadata, ...rest }: { metadata: { name: string; namespace: string; labels: object } } = JSON.parse(json);
  const { name, namespace, labels } = metadata;
  return JSON.stringify({ ...rest, metadata: { name, namespace, labels } });
};
