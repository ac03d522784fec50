import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MaintenanceNotification } from '../../src/api/maintenance-notification.ts';
import { isReady, minimal, operatorUser, startStage, type Stage } from '../support/stage.ts';
import { statusMistakes } from '../support/status-rules.ts';
import { waitFor } from '../support/wait.ts';

const writes = ['create', 'update', 'patch', 'delete'];

let stage: Stage;

beforeAll(async () => {
  stage = await startStage();
  await stage.install();
});

afterAll(async () => {
  await stage?.stop();
});

const applyMinimal = async (name = 'prod', cluster = 'prod'): Promise<string> => {
  const namespace = await stage.controlPlane.createNamespace('team');
  await stage.kubectl(['apply', '-f', '-'], minimal(namespace, name, cluster));
  await stage.waitForStatus(namespace, name, 'Ready', isReady);
  return namespace;
};

const patch = async (namespace: string, spec: object, name = 'prod'): Promise<void> => {
  await stage.kubectl(['patch', 'mn', name, '-n', namespace, '--type=merge', '-p', JSON.stringify({ spec })]);
  await stage.waitForStatus(namespace, name, 'Ready for the new spec', isReady);
};

const remove = async (namespace: string, name = 'prod'): Promise<void> => {
  await stage.kubectl(['delete', 'mn', name, '-n', namespace, '--timeout=60s']);
};

/** Asks for a run now and waits until it has ended. */
const reconcileNow = async (namespace: string, value: string, name = 'prod'): Promise<void> => {
  await stage.kubectl(['annotate', 'mn', name, '-n', namespace, '--overwrite', `aks-notifier.dev/reconcile-requested-at=${value}`]);
  await stage.waitForStatus(namespace, name, `the echo of ${value}`, ({ status }) => status?.lastHandledReconcileAt === value);
};

const eventReasons = async (namespace: string): Promise<readonly string[]> =>
  (await stage.kubectl(['get', 'events', '-n', namespace, '-o', 'jsonpath={.items[*].reason}'])).split(' ');

const isStalled = ({ status }: MaintenanceNotification): boolean => (status?.conditions ?? []).some(({ type }) => type === 'Stalled');

/** What one object made in Azure: everything that carries its words. */
const inAzure = (namespace: string, name = 'prod') => {
  const mine = JSON.stringify(`/${namespace}/${name}`).slice(1, -1);
  const { actionGroups, alertRules, roleAssignments } = stage.emulator.resources();
  const ours = (each: unknown): boolean => JSON.stringify(each).includes(`${mine}"`);
  return { groups: actionGroups.filter(ours), rules: alertRules.filter(ours), assignments: roleAssignments.filter(ours) };
};

const counts = (namespace: string, name?: string) => {
  const { groups, rules, assignments } = inAzure(namespace, name);
  return { groups: groups.length, rules: rules.length, assignments: assignments.length };
};

const all = { groups: 1, rules: 1, assignments: 2 };
const nothing = { groups: 0, rules: 0, assignments: 0 };

/** Objects that the operator has seen in place, from its own metrics; a run may end before that, to wait for a list. */
const seenInPlace = async (podIp: string): Promise<number> => {
  const metrics = await (await fetch(`http://${podIp}:8080/metrics`)).text();
  return metrics.match(/^aks_notifier_last_success_timestamp_seconds\{/gm)?.length ?? 0;
};

const armCalls = () => stage.emulator.journal.calls({ kind: 'arm' });
const armWrites = () => armCalls().filter(({ method }) => method !== 'GET');
/** All but those of the election, which go on whatever there is to do. */
const kubernetesWrites = async (since: number) =>
  (await stage.controlPlane.auditEvents({ user: operatorUser, verbs: writes, since })).filter(({ resource }) => resource !== 'leases');

describe('one minimal object', () => {
  it('is at most 12 lines long', () => {
    expect(minimal('team').trim().split('\n').length).toBeLessThanOrEqual(12);
  });

  it('becomes Ready with at most 8 calls to Azure, 4 of them writes, and at most 10 writes to Kubernetes', async () => {
    stage.emulator.journal.clear();
    const since = Date.now();
    const namespace = await applyMinimal();

    expect(armCalls().length).toBeLessThanOrEqual(8);
    expect(armWrites().map(({ method }) => method)).toEqual(['PUT', 'PUT', 'PUT', 'PUT']);
    expect(counts(namespace)).toEqual(all);
    // Events are sent after the run, so the count is complete only once they are there.
    await waitFor('the event of the last change', async () =>
      (await stage.kubectl(['get', 'events', '-n', namespace])).includes('CreatedReaderAccess'),
    );
    const written = await kubernetesWrites(since);
    expect(written.length).toBeGreaterThanOrEqual(4);
    expect(written.length).toBeLessThanOrEqual(10);
    expect(statusMistakes(await object(namespace), 'end of run')).toEqual([]);
    await remove(namespace);
  });

  it('costs no write to Azure and none to Kubernetes when looked at again', async () => {
    const namespace = await applyMinimal();
    await waitFor('the event of the last change', async () =>
      (await stage.kubectl(['get', 'events', '-n', namespace])).includes('CreatedReaderAccess'),
    );
    stage.emulator.journal.clear();
    const since = Date.now();
    // A restart looks at every object again, without anything having changed.
    await stage.kubelet.pause('gracefully');
    stage.kubelet.resume();
    const pod = await stage.leader();
    await waitFor('the end of the quiet pass', async () => (await seenInPlace(pod.ip)) === 1);

    // Groups, rules and assignments.
    expect(armCalls().length).toBeGreaterThanOrEqual(3);
    expect(armWrites()).toEqual([]);
    expect(await kubernetesWrites(since)).toEqual([]);
    await remove(namespace);
  });

  it('echoes a request to reconcile now', async () => {
    const namespace = await applyMinimal();
    await reconcileNow(namespace, '2026-11-23T07:00:00Z');
    expect((await object(namespace)).status?.lastHandledReconcileAt).toBe('2026-11-23T07:00:00Z');
    await remove(namespace);
  });

  it('sends a test notice when it is asked to, and says what became of it', async () => {
    const namespace = await applyMinimal();
    const group = (await object(namespace)).status?.actionGroupId?.split('/').at(-1);
    await stage.kubectl(['annotate', 'mn', 'prod', '-n', namespace, 'aks-notifier.dev/test-notification-requested-at=please']);
    const told = await stage.waitForStatus(
      namespace,
      'prod',
      'what became of the test',
      ({ status }) => status?.testNotification?.state === 'Succeeded',
    );
    expect(told.status?.testNotification?.receivers).toMatchObject([{ kind: 'email', status: 'Succeeded' }]);
    expect(stage.emulator.mailbox.messages().filter(({ actionGroup }) => actionGroup === group)).toMatchObject([{ isTest: true }]);
    await waitFor('the events of the test', async () => (await eventReasons(namespace)).includes('TestNotificationSucceeded'));
    expect(await eventReasons(namespace)).toContain('TestNotificationSent');
    await remove(namespace);
  });
});

describe('a live object', () => {
  it('loses just the assignment of a scope that is taken off readerScopes', async () => {
    const namespace = await applyMinimal();
    const before = inAzure(namespace);
    stage.emulator.journal.clear();
    await patch(namespace, { readerScopes: ['ResourceGroup'] });

    expect(armWrites().map(({ method, type }) => `${method} ${type}`)).toEqual(['DELETE Microsoft.Authorization/roleAssignments']);
    const after = inAzure(namespace);
    expect(after.assignments.map(({ id }) => id)).toEqual(
      before.assignments.map(({ id }) => id).filter((id) => id.includes('resourceGroups')),
    );
    expect({ ...after, assignments: [] }).toEqual({ ...before, assignments: [] });
    await remove(namespace);
  });

  it.each([
    [
      'the receivers',
      { receivers: { email: [{ address: 'night@contoso.com' }] } },
      ['PUT Microsoft.Insights/actionGroups'],
      'night@contoso.com',
    ],
    ['the severity', { alertRule: { severity: 1 } }, ['PUT Microsoft.Insights/scheduledQueryRules'], '"severity":1'],
    ['the statuses', { statuses: ['Failed'] }, ['PUT Microsoft.Insights/scheduledQueryRules'], 'Scheduled'],
    [
      'a tag',
      { tags: { team: 'blue' } },
      ['PUT Microsoft.Insights/actionGroups', 'PUT Microsoft.Insights/scheduledQueryRules'],
      '"team":"blue"',
    ],
    ['the interval', { interval: '1h' }, [], ''],
  ])('changes just what it should in Azure for a change of %s', async (_, spec, expected, text) => {
    const namespace = await applyMinimal();
    stage.emulator.journal.clear();
    await patch(namespace, spec);
    expect(armWrites().map(({ method, type }) => `${method} ${type}`)).toEqual(expected);
    expect(JSON.stringify(inAzure(namespace))).toContain(text);
    await remove(namespace);
  });

  it('moves to another resource group: new first, then the old goes', async () => {
    const namespace = await applyMinimal();
    stage.emulator.journal.clear();
    await patch(namespace, { placement: { resourceGroup: 'monitoring' } });

    expect(counts(namespace)).toEqual(all);
    expect(JSON.stringify(inAzure(namespace).rules)).toContain('/resourceGroups/monitoring/');
    const kinds = armWrites().map(({ method }) => method);
    expect(kinds.lastIndexOf('PUT')).toBeLessThan(kinds.indexOf('DELETE'));
    await remove(namespace);
  });

  it('is put right when somebody changes its rule or takes an assignment away, and says so', async () => {
    const namespace = await applyMinimal();
    const [assignment] = inAzure(namespace).assignments;
    stage.emulator.world.removeRoleAssignment(assignment?.name ?? '');
    await reconcileNow(namespace, 'after the drift');

    expect(counts(namespace)).toEqual(all);
    await waitFor('the event', async () => (await stage.kubectl(['get', 'events', '-n', namespace])).includes('DriftCorrected'));
    await remove(namespace);
  });

  it('touches nothing while suspended, and is Ready for the new spec after that', async () => {
    const namespace = await applyMinimal();
    stage.emulator.journal.clear();
    await stage.kubectl([
      'patch',
      'mn',
      'prod',
      '-n',
      namespace,
      '--type=merge',
      '-p',
      '{"spec":{"suspend":true,"alertRule":{"severity":0}}}',
    ]);
    const suspended = await stage.waitForStatus(
      namespace,
      'prod',
      'observed',
      ({ metadata, status }) => status?.observedGeneration === metadata.generation,
    );
    expect(statusMistakes(suspended, 'end of run')).toEqual([]);
    expect(armCalls()).toEqual([]);
    await patch(namespace, { suspend: false });
    expect(JSON.stringify(inAzure(namespace).rules)).toContain('"severity":0');
    await remove(namespace);
  });

  it('stays as it is in Azure when its spec becomes one that can’t be carried out, and can still be deleted', async () => {
    const namespace = await applyMinimal();
    const before = inAzure(namespace);
    stage.emulator.journal.clear();
    // The name that the mail receiver has.
    const sms = [{ name: 'OnCall@contoso.com', countryCode: '49', phoneNumber: '1700000000' }];
    await stage.kubectl(['patch', 'mn', 'prod', '-n', namespace, '--type=merge', '-p', JSON.stringify({ spec: { receivers: { sms } } })]);
    const stalled = await stage.waitForStatus(namespace, 'prod', 'Stalled', isStalled);

    expect(statusMistakes(stalled, 'end of run')).toEqual([]);
    expect(armCalls()).toEqual([]);
    expect(inAzure(namespace)).toEqual(before);
    await waitFor('the event', async () => (await eventReasons(namespace)).includes('Stalled'));
    await remove(namespace);
    expect(counts(namespace)).toEqual(nothing);
  });

  it('is Stalled InvalidSpec and touches nothing when two receivers of different kinds have one name', async () => {
    const namespace = await stage.controlPlane.createNamespace('team');
    stage.emulator.journal.clear();
    const duty = { countryCode: '49', phoneNumber: '1700000000' };
    const spec = { receivers: { sms: [{ name: 'duty', ...duty }], voice: [{ name: 'Duty', ...duty }] } };
    const manifest = minimal(namespace).replace(/ {2}receivers:[\s\S]*$/, `  receivers: ${JSON.stringify(spec.receivers)}\n`);
    await stage.kubectl(['apply', '-f', '-'], manifest);
    const stalled = await stage.waitForStatus(namespace, 'prod', 'Stalled', isStalled);

    expect(stalled.status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'False', reason: 'InvalidSpec' });
    expect(stalled.status?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain('Two receivers are called "Duty"');
    expect(statusMistakes(stalled, 'end of run')).toEqual([]);
    expect(armCalls()).toEqual([]);
    await remove(namespace);
  });
});

describe('the complete example', () => {
  it('becomes Ready through the real API server with everything it asks for, and goes without a trace', async () => {
    const namespace = await stage.controlPlane.createNamespace('team');
    const example = await readFile(new URL('../../examples/complete.yaml', import.meta.url), 'utf8');
    await stage.makeActionGroup('shop', 'night-shift');
    await stage.kubectl(['apply', '-n', namespace, '-f', '-'], example);
    await stage.waitForStatus(namespace, 'prod-complete', 'Ready', isReady);

    const { groups, rules, assignments } = inAzure(namespace, 'prod-complete');
    const [group, rule] = [JSON.stringify(groups), JSON.stringify(rules)];
    for (const text of [
      'shop-prod',
      'platform-team@contoso.com',
      'https://chat.contoso.com/hooks/aks',
      '8e3af657-a8ff-443c-a75c-2fe8c4bcb635',
    ])
      expect(group).toContain(text);
    for (const text of ['night-shift', '"severity":2', 'PT15M', 'Maintenance of shop-prod', '"team":"platform"', '"cost-center":"4711"'])
      expect(rule).toContain(text);
    expect(assignments).toHaveLength(2);
    await remove(namespace, 'prod-complete');
    expect(counts(namespace, 'prod-complete')).toEqual(nothing);
    // What existed before is not ours to take away.
    expect(stage.emulator.resources().actionGroups.map(({ name }) => name)).toEqual(['night-shift']);
  });
});

describe('deletion', () => {
  it('leaves no rule, no group and no assignment, and says so', async () => {
    const namespace = await applyMinimal();
    await remove(namespace);
    expect(counts(namespace)).toEqual(nothing);
    const deleted = ['DeletedActionGroup', 'DeletedAlertRule', 'DeletedReaderAccess'];
    await waitFor(
      'the events',
      async () => (await eventReasons(namespace)).filter((each) => deleted.includes(each)).length === deleted.length,
    );
  });

  it('does so too when the object was deleted while the operator was down', async () => {
    const namespace = await applyMinimal();
    await stage.kubelet.pause('at once');
    await stage.kubectl(['delete', 'mn', 'prod', '-n', namespace, '--wait=false']);
    expect(counts(namespace)).toEqual(all);
    stage.kubelet.resume();
    await waitFor('the object to go', async () => (await stage.notification(namespace, 'prod')) === undefined);
    expect(counts(namespace)).toEqual(nothing);
  });

  it('with Orphan leaves all three, and a new object of the same name finds them again without a write', async () => {
    const namespace = await applyMinimal();
    await patch(namespace, { deletionPolicy: 'Orphan' });
    const before = inAzure(namespace);
    await remove(namespace);
    expect(inAzure(namespace)).toEqual(before);

    stage.emulator.journal.clear();
    await stage.kubectl(['apply', '-f', '-'], minimal(namespace));
    await stage.waitForStatus(namespace, 'prod', 'Ready', isReady);
    expect(armWrites()).toEqual([]);
    expect(inAzure(namespace)).toEqual(before);
    await remove(namespace);
    expect(counts(namespace)).toEqual(nothing);
  });
});

describe('the pod', () => {
  it('has every right it needs and was never refused one', async () => {
    const events = await stage.controlPlane.auditEvents({ user: operatorUser });
    expect(events.length).toBeGreaterThan(20);
    expect(events.filter(({ status }) => status === 403)).toEqual([]);
  });

  it('has used every right it has', async () => {
    const events = await stage.controlPlane.auditEvents({ user: operatorUser });
    const used = new Set(events.map(({ verb, resource, subresource }) => `${verb} ${[resource, subresource].filter(Boolean).join('/')}`));
    // A watch stands in the log once it has ended: those of the pods that were stopped have.
    expect([...used].toSorted()).toEqual([
      'create events',
      'create leases',
      'get leases',
      'get namespaces',
      'list maintenancenotifications',
      'patch leases',
      'patch maintenancenotifications',
      'patch maintenancenotifications/status',
      'watch maintenancenotifications',
    ]);
  });

  it('may not do more than its ClusterRole says', async () => {
    const may = async (...what: string[]): Promise<string> =>
      (await stage.controlPlane.kubectl(['auth', 'can-i', ...what, '--as', operatorUser, '--all-namespaces'])).stdout.trim();
    expect(await may('patch', 'maintenancenotifications.aks-notifier.dev')).toBe('yes');
    expect(await may('get', 'secrets')).toBe('no');
    expect(await may('delete', 'maintenancenotifications.aks-notifier.dev')).toBe('no');
    expect(await may('list', 'namespaces')).toBe('no');
  });

  it('has left nothing in Azure of all these objects', () => {
    const { actionGroups, alertRules, roleAssignments } = stage.emulator.resources();
    const ours = actionGroups.filter(({ name }) => name !== 'night-shift');
    expect([...ours, ...alertRules, ...roleAssignments.filter(({ isSeed }) => !isSeed)]).toEqual([]);
  });
});

const object = async (namespace: string, name = 'prod') => {
  const found = await stage.notification(namespace, name);
  if (!found) throw new Error(`${namespace}/${name} is not there`);
  return found;
};
