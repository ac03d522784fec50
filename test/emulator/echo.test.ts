import { describe, expect, it } from 'vitest';
import type { Settings } from '../../emulator/settings.ts';
import {
  actionGroup,
  actionGroupPath,
  alertRule,
  alertRulePath,
  clusterId,
  condition,
  group,
  roleAssignmentPath,
  roles,
  startAzure,
  subscription,
  tenantId,
  userAssignedId,
  versions,
  watcherPrincipalId,
} from './fixtures.ts';
import { oneOfEachInAzure } from '../support/receivers.ts';

const dimension = (name: string) => ({ name, operator: 'Include', values: ['*'] });
const groupId = `${group}/providers/Microsoft.Insights/actionGroups/Team`;
const assignmentName = '70000000-7777-4777-8777-000000000001';
const assignmentPath = roleAssignmentPath(clusterId, assignmentName);

const fullRule = (): object =>
  alertRule(
    {
      evaluationFrequency: 'PT1H',
      windowSize: 'P1D',
      overrideQueryTimeRange: 'P2D',
      actions: { actionGroups: [groupId], customProperties: { Operator: 'Keep Me', evaluationFrequency: 'PT1H', id: '/A' } },
      criteria: { allOf: [condition({ query: 'arg("").x\n| where a\n', dimensions: [dimension('status'), dimension('when')] })] },
    },
    { identity: { type: 'UserAssigned', userAssignedIdentities: { [userAssignedId]: {} } } },
  );

const fullGroup = (): object =>
  actionGroup({
    emailReceivers: [
      { name: 'A', emailAddress: 'a@contoso.com' },
      { name: 'B', emailAddress: 'b@contoso.com' },
    ],
    webhookReceivers: [{ name: 'C', serviceUri: 'https://contoso.com/Hook' }],
  });

const plainGroup = (): object => ({
  location: 'Global',
  properties: { groupShortName: 'shop', enabled: true, emailReceivers: [{ name: 'A', emailAddress: 'a@contoso.com' }] },
});

const writeAll = async (settings: Partial<Settings>, bodies: { rule?: object; group?: object } = {}) => {
  const azure = await startAzure(settings);
  await azure.send('PUT', actionGroupPath('Team'), { body: bodies.group ?? fullGroup() });
  const assignment = { properties: { roleDefinitionId: roles.reader, principalId: watcherPrincipalId, principalType: 'ServicePrincipal' } };
  const put = [
    await azure.send('PUT', alertRulePath('Rule'), { body: bodies.rule ?? fullRule() }),
    await azure.send('PUT', actionGroupPath('Team'), { body: bodies.group ?? fullGroup() }),
    await azure.send('PUT', assignmentPath, { body: assignment }),
  ];
  expect(put.map(({ status }) => status)).toEqual([201, 200, 201]);
  const [rule, team, reader, cluster] = await Promise.all(
    [alertRulePath('Rule'), actionGroupPath('Team'), assignmentPath, `${clusterId}?api-version=${versions.clusters}`].map(
      async (path) => (await azure.send('GET', path)).body,
    ),
  );
  return { azure, rule, team, reader, cluster, [Symbol.asyncDispose]: () => azure[Symbol.asyncDispose]() };
};

type Read = Awaited<ReturnType<typeof writeAll>>;

describe('how a resource comes back', () => {
  it.each<[Partial<Settings>, (read: Read) => unknown, unknown]>([
    [{}, ({ rule }) => [rule.properties.evaluationFrequency, rule.properties.windowSize], ['PT1H', 'P1D']],
    [
      { durations: 'minutes' },
      ({ rule: { properties } }) => [properties.evaluationFrequency, properties.windowSize, properties.overrideQueryTimeRange],
      ['PT60M', 'PT1440M', 'PT2880M'],
    ],
    [{}, ({ rule }) => rule.properties.criteria.allOf[0].query, 'arg("").x\n| where a\n'],
    [{ queryEnd: 'newlineCut' }, ({ rule }) => rule.properties.criteria.allOf[0].query, 'arg("").x\n| where a'],
    [{}, ({ rule, team }) => ['tags' in rule, team.tags], [false, null]],
    [{ emptyTags: 'absent' }, ({ rule, team }) => ['tags' in rule, 'tags' in team], [false, false]],
    [{ emptyTags: 'null' }, ({ rule, team }) => [rule.tags, team.tags], [null, null]],
    [{ emptyTags: 'empty' }, ({ rule, team, reader }) => [rule.tags, team.tags, 'tags' in reader], [{}, {}, false]],
    [{ listOrder: 'reversed' }, ({ team }) => team.properties.emailReceivers.map(({ name }: { name: string }) => name), ['B', 'A']],
    [
      { listOrder: 'reversed' },
      ({ rule }) => rule.properties.criteria.allOf[0].dimensions.map(({ name }: { name: string }) => name),
      ['when', 'status'],
    ],
    [
      { wordCasing: 'lower' },
      ({ rule }) => [rule.kind, rule.identity.type, rule.properties.criteria.allOf[0]],
      [
        'logalert',
        'userassigned',
        expect.objectContaining({
          operator: 'greaterthan',
          timeAggregation: 'count',
          dimensions: ['status', 'when'].map((name) => ({ name, operator: 'include', values: ['*'] })),
        }),
      ],
    ],
    [
      { wordCasing: 'upper', idCasing: 'lower', durations: 'minutes', unknownFields: true, listOrder: 'reversed' },
      ({ rule }) => rule.properties.actions.customProperties,
      { Operator: 'Keep Me', evaluationFrequency: 'PT1H', id: '/A' },
    ],
    [
      { idCasing: 'lower' },
      ({ rule, team, reader, cluster }) => [
        [
          rule.id,
          rule.type,
          rule.properties.scopes,
          rule.properties.actions.actionGroups,
          Object.keys(rule.identity.userAssignedIdentities),
        ],
        [team.id, team.type, cluster.id],
        [reader.properties.scope, reader.name],
      ],
      [
        [
          `${group.toLowerCase()}/providers/microsoft.insights/scheduledqueryrules/rule`,
          'microsoft.insights/scheduledqueryrules',
          [clusterId.toLowerCase()],
          [groupId.toLowerCase()],
          [userAssignedId.toLowerCase()],
        ],
        [groupId.toLowerCase(), 'microsoft.insights/actiongroups', clusterId.toLowerCase()],
        [clusterId.toLowerCase(), assignmentName],
      ],
    ],
    [
      { idCasing: 'upper' },
      ({ rule }) => [
        rule.properties.scopes,
        rule.name,
        rule.identity.type,
        rule.identity.userAssignedIdentities[userAssignedId.toUpperCase()],
      ],
      [[clusterId.toUpperCase()], 'Rule', 'UserAssigned', expect.objectContaining({ principalId: watcherPrincipalId })],
    ],
    [
      { idCasing: 'exported' },
      ({ rule }) => [rule.properties.scopes[0], rule.type],
      [clusterId.replace('resourceGroups/shop', 'resourcegroups/SHOP'), 'Microsoft.Insights/scheduledQueryRules'],
    ],
    [
      { roleDefinitionIds: 'bare' },
      ({ reader }) => reader.properties.roleDefinitionId,
      `/providers/Microsoft.Authorization/roleDefinitions/${roles.reader}`,
    ],
    [
      {},
      ({ reader }) => reader.properties.roleDefinitionId,
      `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${roles.reader}`,
    ],
    [
      { lowerCaseAssignmentScopes: true },
      ({ reader }) => [reader.properties.scope, reader.id],
      [clusterId.toLowerCase(), `${clusterId.toLowerCase()}/providers/Microsoft.Authorization/roleAssignments/${assignmentName}`],
    ],
    [
      { unknownFields: true },
      ({ rule, team, reader, cluster }) =>
        [
          rule,
          rule.properties,
          rule.properties.criteria.allOf[0].dimensions[0],
          team.properties.emailReceivers[0],
          reader.properties,
          cluster,
        ].map((each) => 'ofALaterVersion' in each),
      [true, true, true, true, true, true],
    ],
  ])('%j', async (settings, look, expected) => {
    await using read = await writeAll(settings);
    expect(look(read)).toEqual(expected);
  });

  it('unknown fields do not get among tags and other keys of the client', async () => {
    await using read = await writeAll({ unknownFields: true }, { rule: alertRule({}, { tags: { a: 'b' } }) });
    expect(read.rule.tags).toEqual({ a: 'b' });
  });

  const ruleWithoutDefaults = (): object => {
    const { autoMitigate: _unset, ...properties } = (alertRule({}, { kind: undefined }) as { properties: Record<string, unknown> })
      .properties;
    return {
      ...alertRule({}, { kind: undefined }),
      properties: { ...properties, criteria: { allOf: [condition({ failingPeriods: undefined })] } },
    };
  };

  it.each<[Settings['defaults'], object, object]>([
    [
      'none',
      { properties: { scopes: [clusterId], createdWithApiVersion: versions.alertRules } },
      { groupShortName: 'shop', enabled: true, emailReceivers: [{ name: 'A', emailAddress: 'a@contoso.com' }] },
    ],
    [
      'recorded',
      { properties: { enabled: true } },
      { enabled: true, smsReceivers: [], emailReceivers: [{ useCommonAlertSchema: false, status: 'Enabled' }] },
    ],
    [
      'all',
      {
        kind: 'LogAlert',
        properties: {
          enabled: true,
          autoMitigate: true,
          skipQueryValidation: false,
          muteActionsDuration: null,
          targetResourceTypes: ['microsoft.containerservice/managedclusters'],
          actions: { actionGroups: [], customProperties: {}, actionProperties: {} },
          criteria: { allOf: [{ dimensions: [], failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 } }] },
        },
      },
      { enabled: true, smsReceivers: [], incidentReceivers: [] },
    ],
  ])('defaults: %s', async (defaults, expectedRule, expectedGroup) => {
    await using read = await writeAll({ defaults }, { rule: ruleWithoutDefaults(), group: plainGroup() });
    expect(read.rule).toMatchObject(expectedRule);
    expect(read.team.properties).toMatchObject(expectedGroup);
    expect('autoMitigate' in read.rule.properties).toBe(defaults === 'all');
    expect('enabled' in read.rule.properties).toBe(defaults !== 'none');
    expect('smsReceivers' in read.team.properties).toBe(defaults !== 'none');
    expect('status' in read.team.properties.emailReceivers[0]).toBe(defaults !== 'none');
  });

  it('defaults: all, of receivers', async () => {
    const { tenantId: _, ...hub } = oneOfEachInAzure.eventHubReceivers[0];
    const { logicAppReceivers, smsReceivers } = oneOfEachInAzure;
    const team = actionGroup({ eventHubReceivers: [hub], logicAppReceivers, smsReceivers });
    await using read = await writeAll({ defaults: 'all' }, { rule: alertRule({}), group: team });
    expect(read.team.properties).toMatchObject({
      eventHubReceivers: [{ ...hub, managedIdentity: 'None', tenantId }],
      logicAppReceivers: [{ ...logicAppReceivers[0], managedIdentity: 'None' }],
      smsReceivers: [{ ...smsReceivers[0], status: 'Enabled' }],
    });
    expect('managedIdentity' in read.team.properties.smsReceivers[0]).toBe(false);
  });

  it('what was sent wins over a default', async () => {
    const rule = alertRule({ enabled: false, autoMitigate: false, skipQueryValidation: true, muteActionsDuration: 'PT1H' });
    await using read = await writeAll({ defaults: 'all' }, { rule, group: actionGroup({ enabled: false }) });
    expect(read.rule.properties).toMatchObject({
      enabled: false,
      autoMitigate: false,
      skipQueryValidation: true,
      muteActionsDuration: 'PT1H',
    });
    expect(read.team.properties.enabled).toBe(false);
  });

  it('changes while the emulator runs, in lists too', async () => {
    await using read = await writeAll({});
    const { azure } = read;
    const frequencies = async (): Promise<string[]> => {
      const path = `${group}/providers/Microsoft.Insights/scheduledQueryRules?api-version=${versions.alertRules}`;
      const { body } = await azure.send('GET', path);
      return body.value.map(({ properties }: { properties: { evaluationFrequency: string } }) => properties.evaluationFrequency);
    };
    expect(await frequencies()).toEqual(['PT1H']);
    azure.emulator.settings.set({ durations: 'minutes' });
    expect(await frequencies()).toEqual(['PT60M']);
    azure.emulator.settings.set({ durations: 'asSent' });
    expect(await frequencies()).toEqual(['PT1H']);
  });
});
