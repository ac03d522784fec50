import { describe, expect, it } from 'vitest';
import type { GroupBody } from '../../emulator/action-groups.ts';
import type { RuleBody } from '../../emulator/alert-rules.ts';
import {
  actionGroup,
  actionGroupPath,
  alertRule,
  alertRulePath,
  clientId,
  clusterId,
  condition,
  group,
  roleAssignmentPath,
  roles,
  startAzure,
  stoppedClock,
  tenantId,
  userAssignedId,
  watcherPrincipalId,
} from './fixtures.ts';

const ruleId = `${group}/providers/Microsoft.Insights/scheduledQueryRules/a`;
const groupId = `${group}/providers/Microsoft.Insights/actionGroups/a`;
const assignmentPath = roleAssignmentPath(clusterId, '70000000-7777-4777-8777-000000000001');

/** An emulator with one rule, one group, and Reader for the rule's identity. */
const start = async (options: Parameters<typeof startAzure>[0] = {}) => {
  const azure = await startAzure(options);
  const { body } = await azure.send('PUT', alertRulePath('a'), { body: alertRule({}, { tags: { team: 'shop' } }) });
  await azure.send('PUT', actionGroupPath('a'), { body: actionGroup() });
  const { principalId } = body.identity;
  await azure.send('PUT', assignmentPath, { body: { properties: { roleDefinitionId: roles.reader, principalId } } });
  azure.emulator.journal.clear();
  return { ...azure, principalId: String(principalId) };
};

const withProperties = (change: object) => (body: RuleBody) => ({ ...body, properties: { ...body.properties, ...change } });
const withGroupProperties = (change: object) => (body: GroupBody) => ({ ...body, properties: { ...body.properties, ...change } });

describe('somebody in the portal', () => {
  it.each<[string, (body: RuleBody) => RuleBody, object]>([
    ['switches it off', withProperties({ enabled: false }), { properties: { enabled: false } }],
    ['raises its severity', withProperties({ severity: 0 }), { properties: { severity: 0 } }],
    [
      'edits the query',
      withProperties({ criteria: { allOf: [condition({ query: 'x' })] } }),
      { properties: { criteria: { allOf: [{ query: 'x' }] } } },
    ],
    ['changes a tag', (body) => ({ ...body, tags: { team: 'other' } }), { tags: { team: 'other' } }],
    ['moves the scope, which a PUT may not', withProperties({ scopes: [group] }), { properties: { scopes: [group] } }],
    [
      'gives it a frequency that a PUT may not',
      withProperties({ evaluationFrequency: 'PT7M' }),
      { properties: { evaluationFrequency: 'PT7M' } },
    ],
  ])('has an alert rule and %s', async (_name, change, expected) => {
    await using azure = await start({ clock: stoppedClock().now });
    const before = await azure.send('GET', alertRulePath('a'));
    azure.emulator.world.changeAlertRule(ruleId.toUpperCase(), change);
    const { body } = await azure.send('GET', alertRulePath('a'));
    expect(body).toMatchObject({ ...expected, identity: before.body.identity });
    expect(body.etag).not.toBe(before.body.etag);
    expect(body.systemData).toMatchObject({ createdBy: clientId, lastModifiedBy: 'somebody@contoso.com', lastModifiedByType: 'User' });
  });

  it('changes nothing by changing what the function was given', async () => {
    await using azure = await start();
    const before = await azure.send('GET', alertRulePath('a'));
    azure.emulator.world.changeAlertRule(ruleId, (body) => {
      const copy = structuredClone(body);
      Object.assign(body.properties, { severity: 0 });
      return copy;
    });
    expect((await azure.send('GET', alertRulePath('a'))).body.properties).toEqual(before.body.properties);
  });

  it.each<[string, (body: RuleBody) => RuleBody, object | undefined]>([
    [
      'to a user-assigned one',
      (body) => ({ ...body, identity: { type: 'UserAssigned', userAssignedIdentities: { [userAssignedId]: {} } } }),
      {
        type: 'UserAssigned',
        tenantId,
        userAssignedIdentities: { [userAssignedId]: { principalId: watcherPrincipalId, clientId: '6aaaaaaa-6666-4666-8666-666666666666' } },
      },
    ],
    ['to None', (body) => ({ ...body, identity: { type: 'None' } }), { type: 'None' }],
    ['away', ({ identity: _gone, ...body }) => body, undefined],
  ])('changes the identity %s: the old principal leaves the directory', async (_name, change, expected) => {
    await using azure = await start();
    azure.emulator.world.changeAlertRule(ruleId, change);
    const { body } = await azure.send('GET', alertRulePath('a'));
    expect(body.identity).toEqual(expected);
    const assign = { properties: { roleDefinitionId: roles.reader, principalId: azure.principalId } };
    const refused = await azure.send('PUT', roleAssignmentPath(group, '70000000-7777-4777-8777-000000000002'), { body: assign });
    expect(refused.body.error.code).toBe('PrincipalNotFound');
  });

  it('deletes a rule: its assignment stays behind', async () => {
    await using azure = await start();
    azure.emulator.world.deleteAlertRule(ruleId);
    expect((await azure.send('GET', alertRulePath('a'))).status).toBe(404);
    expect((await azure.send('GET', assignmentPath)).body.properties.principalId).toBe(azure.principalId);
  });

  it('deletes a rule and makes it again: the same but for the principal, and the assignment is an orphan', async () => {
    await using azure = await start();
    const before = (await azure.send('GET', alertRulePath('a'))).body;
    azure.emulator.world.recreateAlertRule(ruleId);
    const after = (await azure.send('GET', alertRulePath('a'))).body;
    const { identity, etag, systemData, ...same } = after;
    expect(before).toMatchObject(same);
    expect(identity).toEqual({ ...before.identity, principalId: expect.not.stringMatching(azure.principalId) });
    expect(systemData.createdByType).toBe('User');
    expect(etag).not.toBe(before.etag);
    expect((await azure.send('GET', assignmentPath)).body.properties.principalId).toBe(azure.principalId);
  });

  it.each<[string, (body: GroupBody) => GroupBody, object]>([
    [
      'replaces the receivers',
      withGroupProperties({ emailReceivers: [{ name: 'x', emailAddress: 'x@contoso.com' }] }),
      { properties: { emailReceivers: [{ name: 'x', emailAddress: 'x@contoso.com' }] } },
    ],
    ['switches it off', withGroupProperties({ enabled: false }), { properties: { enabled: false } }],
    ['tags it', (body) => ({ ...body, tags: { a: 'b' } }), { tags: { a: 'b' } }],
    ['gives it an identity', (body) => ({ ...body, identity: { type: 'SystemAssigned' } }), { identity: { type: 'SystemAssigned' } }],
  ])('has an action group and %s', async (_name, change, expected) => {
    await using azure = await start();
    azure.emulator.world.changeActionGroup(groupId.toUpperCase(), change);
    expect((await azure.send('GET', actionGroupPath('a'))).body).toMatchObject(expected);
  });

  it('deletes an action group', async () => {
    await using azure = await start();
    azure.emulator.world.deleteActionGroup(groupId);
    expect((await azure.send('GET', actionGroupPath('a'))).status).toBe(404);
  });

  it('leaves no trace in the journal', async () => {
    await using azure = await start();
    const { world, journal } = azure.emulator;
    world.changeAlertRule(ruleId, withProperties({ enabled: false }));
    world.recreateAlertRule(ruleId);
    world.deleteAlertRule(ruleId);
    world.changeActionGroup(groupId, withGroupProperties({ enabled: false }));
    world.deleteActionGroup(groupId);
    expect(journal.calls()).toEqual([]);
  });

  it('cannot change what is not there', async () => {
    await using azure = await startAzure();
    const { world } = azure.emulator;
    for (const attempt of [
      () => world.changeAlertRule(ruleId, (body) => body),
      () => world.deleteAlertRule(ruleId),
      () => world.recreateAlertRule(ruleId),
    ]) {
      expect(attempt).toThrow(`there is no alert rule ${ruleId}`);
    }
    for (const attempt of [() => world.changeActionGroup(groupId, (body) => body), () => world.deleteActionGroup(groupId)]) {
      expect(attempt).toThrow(`there is no action group ${groupId}`);
    }
  });
});
