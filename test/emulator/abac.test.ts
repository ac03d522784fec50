import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conditionFault, readCondition, type AssignmentAttributes, type Attempt } from '../../emulator/abac/condition.ts';
import { startEmulator } from '../../emulator/emulator.ts';
import {
  clusterId,
  group,
  readerClientId,
  readerObjectId,
  roleAssignmentPath,
  roles,
  smallWorld,
  startAzure,
  subscription,
  watcherPrincipalId,
} from './fixtures.ts';

const write = 'Microsoft.Authorization/roleAssignments/write';
const remove = 'Microsoft.Authorization/roleAssignments/delete';

/** Microsoft's example of a delegation, with Reader and service principals put in. */
const delegation = `((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'}))
 OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${roles.reader}}
  AND @Request[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}))
AND
((!(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'}))
 OR (@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${roles.reader}}
  AND @Resource[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}))`;

const reader: AssignmentAttributes = { roleDefinitionId: roles.reader, principalId: watcherPrincipalId, principalType: 'ServicePrincipal' };

describe('a condition', () => {
  const roleOf = (source: string) => `@${source}[Microsoft.Authorization/roleAssignments:RoleDefinitionId]`;
  const kindOf = (source: string) => `@${source}[Microsoft.Authorization/roleAssignments:PrincipalType]`;
  const principalOf = (source: string) => `@${source}[Microsoft.Authorization/roleAssignments:PrincipalId]`;
  const attempt: Attempt = { action: write, request: reader };

  it.each<[string, string, Attempt, boolean]>([
    ['a GUID', `${roleOf('Request')} GuidEquals ${roles.reader}`, attempt, true],
    ['a GUID in quotes and capitals', `${roleOf('Request')} GuidEquals '${roles.reader.toUpperCase()}'`, attempt, true],
    ['another GUID', `${roleOf('Request')} GuidEquals ${roles.owner}`, attempt, false],
    ['one of two', `${roleOf('Request')} ForAnyOfAnyValues:GuidEquals {${roles.owner}, ${roles.reader}}`, attempt, true],
    ['none of two', `${roleOf('Request')} ForAnyOfAllValues:GuidNotEquals {${roles.owner}, ${roles.contributor}}`, attempt, true],
    ['not none of two', `${roleOf('Request')} ForAnyOfAllValues:GuidNotEquals {${roles.owner}, ${roles.reader}}`, attempt, false],
    ['different from one of two', `${roleOf('Request')} ForAnyOfAnyValues:GuidNotEquals {${roles.owner}, ${roles.reader}}`, attempt, true],
    ['all of two', `${roleOf('Request')} ForAnyOfAllValues:GuidEquals {${roles.owner}, ${roles.reader}}`, attempt, false],
    ['a principal', `${principalOf('Request')} GuidEquals ${watcherPrincipalId}`, attempt, true],
    ['a word', `${kindOf('Request')} StringEquals 'ServicePrincipal'`, attempt, true],
    ['a word in other letters', `${kindOf('Request')} StringEquals 'servicePrincipal'`, attempt, false],
    ['a word without case', `${kindOf('Request')} stringequalsignorecase {'servicePrincipal'}`, attempt, true],
    ['of a resource that is not there', `${roleOf('Resource')} GuidEquals ${roles.reader}`, attempt, false],
    ['different from what is not there', `${roleOf('Resource')} GuidNotEquals ${roles.reader}`, attempt, false],
    ['not, of what is not there', `!(${roleOf('Resource')} GuidEquals ${roles.reader})`, attempt, true],
    ['of a resource', `${roleOf('Resource')} GuidEquals ${roles.reader}`, { action: remove, resource: reader }, true],
    ['an action', `ActionMatches{'${write}'}`, attempt, true],
    ['an action with a star', `actionMatches { 'Microsoft.Authorization/*' }`, attempt, true],
    ['another action', `ActionMatches{'${remove}'}`, attempt, false],
    ['or before and', `ActionMatches{'x'} AND ActionMatches{'x'} OR ActionMatches{'*'}`, attempt, true],
    ['or in parentheses', `ActionMatches{'x'} AND (ActionMatches{'x'} OR ActionMatches{'*'})`, attempt, false],
    ['small words', `(actionmatches{'x'} or !!ActionMatches{'*'}) and ActionMatches{'*'}  `, attempt, true],
  ])('%s', (_name, text, given, expected) => {
    expect(readCondition(text)(given)).toBe(expected);
  });

  it.each<[string, Attempt, boolean]>([
    ['Reader to a service principal', { action: write, request: reader }, true],
    ['Owner', { action: write, request: { ...reader, roleDefinitionId: roles.owner } }, false],
    ['Reader to a user', { action: write, request: { ...reader, principalType: 'User' } }, false],
    ['Reader to nobody knows what', { action: write, request: { ...reader, principalType: undefined } }, false],
    ['Owner over Reader', { action: write, request: { ...reader, roleDefinitionId: roles.owner }, resource: reader }, false],
    ['deleting Reader of a service principal', { action: remove, resource: reader }, true],
    ['deleting Owner', { action: remove, resource: { ...reader, roleDefinitionId: roles.owner } }, false],
    ['deleting Reader of a user', { action: remove, resource: { ...reader, principalType: 'User' } }, false],
    ['anything else', { action: 'Microsoft.Insights/actionGroups/write' }, true],
  ])("Microsoft's delegation: %s", (_name, given, expected) => {
    expect(readCondition(delegation)(given)).toBe(expected);
  });

  it.each<[string, string]>([
    [
      `@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'x'`,
      "attribute '@Resource[Microsoft.Storage",
    ],
    [`@Principal[Microsoft.Directory/CustomSecurityAttributes/Id:x] StringEquals 'x'`, "attribute '@Principal[Microsoft.Directory"],
    [`${kindOf('Request')} StringLike 'S*'`, "operator 'StringLike' is not known for principalType"],
    [`${kindOf('Request')} GuidEquals ${roles.reader}`, "operator 'GuidEquals' is not known for principalType"],
    [`${roleOf('Request')} ForAllOfAnyValues:GuidEquals {${roles.reader}}`, "operator 'ForAllOfAnyValues:GuidEquals'"],
    [`${roleOf('Request')} GuidEquals {${roles.reader}, ${roles.owner}}`, "'GuidEquals' takes one value"],
    [`${roleOf('Request')} GuidEquals Reader`, "value 'Reader' is neither in quotes nor a GUID"],
    [`${roleOf('Request')} GuidEquals 'Reader'`, "value 'Reader' is not a GUID"],
    [`SubOperationMatches{'x'}`, "'SubOperationMatches' is not known"],
    [`Exists ${roleOf('Request')}`, "'Exists' is not known"],
    [`NOT ActionMatches{'x'}`, "'NOT' is not known"],
    [`ActionMatches{'x'} && ActionMatches{'x'}`, "'end of the condition' is missing before '&&'"],
    [`ActionMatches{'x'} OR`, "'end of the condition' is not known"],
    [`(ActionMatches{'x'}`, "')' is missing before 'end of the condition'"],
    [`ActionMatches{x}`, "not 'x'"],
    [`ActionMatches{'x'} %`, "the text '%' is not understood"],
    [`@Environment[isPrivateLink] BoolEquals true`, "attribute '@Environment[isPrivateLink]'"],
    ['', "'end of the condition' is not known"],
  ])('%s is refused', (text, expected) => {
    expect(conditionFault(text)).toContain(expected);
  });

  it('any text is read or refused by name', () => {
    const piece = fc.constantFrom(
      '(',
      ')',
      '!',
      'AND',
      'OR',
      "ActionMatches{'*'}",
      `${roleOf('Request')} GuidEquals`,
      roles.reader,
      '{',
      '}',
      '%',
      "'",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join(' ');
        const fault = conditionFault(text);
        expect(fault ?? typeof readCondition(text)(attempt)).toMatch(/./u);
      }),
    );
  });

  it('negation, AND and OR follow the rules of logic', () => {
    type Tree = { text: string; value: boolean };
    const leaf = fc.constantFrom<Tree>({ text: "ActionMatches{'*'}", value: true }, { text: "ActionMatches{'x'}", value: false });
    const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaf,
        tie('tree').map(({ text, value }) => ({ text: `!(${text})`, value: !value })),
        fc
          .tuple(tie('tree'), tie('tree'))
          .map(([left, right]) => ({ text: `(${left.text}) AND (${right.text})`, value: left.value && right.value })),
        fc
          .tuple(tie('tree'), tie('tree'))
          .map(([left, right]) => ({ text: `(${left.text}) OR (${right.text})`, value: left.value || right.value })),
      ),
    }));
    fc.assert(
      fc.property(tree, ({ text, value }) => {
        expect(readCondition(text)(attempt)).toBe(value);
      }),
    );
  });
});

describe('a delegation with a condition', () => {
  const nameOf = (number: number): string => `70000000-7777-4777-8777-${String(number).padStart(12, '0')}`;
  const conditioned = { scope: subscription, roleDefinitionId: roles.accessAdministrator, principalId: readerObjectId };

  /** An emulator where the second application may give roles as Microsoft's delegation says. */
  const start = async (settings: Parameters<typeof startAzure>[0] = {}) => {
    const world = smallWorld();
    world.roleAssignments.push({ ...conditioned, condition: delegation, conditionVersion: '2.0' });
    return startAzure({ world, ...settings });
  };
  const asReader = (change: object = {}) => ({
    properties: { roleDefinitionId: roles.reader, principalId: watcherPrincipalId, principalType: 'ServicePrincipal', ...change },
  });
  const refusal = (action: string, name: string) => ({
    status: 403,
    body: {
      error: {
        code: 'AuthorizationFailed',
        message:
          `The client '${readerObjectId}' with object id '${readerObjectId}' does not have authorization or an ABAC condition not fulfilled to perform action ` +
          `'${action}' over scope '${clusterId}/providers/Microsoft.Authorization/roleAssignments/${name}' or the scope is invalid. ` +
          'If access was recently granted, please refresh your credentials.',
      },
    },
  });

  it.each<[string, object, number]>([
    ['Reader to a service principal', {}, 201],
    [
      'Reader by its full id, in capitals',
      { roleDefinitionId: `/providers/Microsoft.Authorization/roleDefinitions/${roles.reader.toUpperCase()}` },
      201,
    ],
    ['Owner', { roleDefinitionId: roles.owner }, 403],
    ['Reader to a user', { principalType: 'User' }, 403],
    ['Reader without principalType', { principalType: undefined }, 403],
  ])('%s', async (_name, change, status) => {
    await using azure = await start();
    const answer = await azure.send('PUT', roleAssignmentPath(clusterId, nameOf(1)), { as: readerClientId, body: asReader(change) });
    expect(answer).toMatchObject(status === 403 ? refusal(write, nameOf(1)) : { status });
    expect(azure.emulator.resources().roleAssignments.some(({ name }) => name === nameOf(1))).toBe(status === 201);
  });

  it.each<[string, object, number]>([
    ['of a service principal', {}, 200],
    ['of a user', { principalType: 'User' }, 403],
    ['that is no Reader', { roleDefinitionId: roles.contributor }, 403],
  ])('deletes an assignment %s: %j %d', async (_name, change, status) => {
    await using azure = await start();
    const path = roleAssignmentPath(clusterId, nameOf(1));
    await azure.send('PUT', path, { body: asReader(change) });
    const answer = await azure.send('DELETE', path, { as: readerClientId });
    expect(answer).toMatchObject(status === 403 ? refusal(remove, nameOf(1)) : { status });
    expect((await azure.send('GET', path)).status).toBe(status === 200 ? 404 : 200);
  });

  it('reads what it likes, and deletes what is not there', async () => {
    await using azure = await start();
    const path = roleAssignmentPath(clusterId, nameOf(1));
    expect((await azure.send('GET', path, { as: readerClientId })).status).toBe(404);
    expect((await azure.send('DELETE', path, { as: readerClientId })).status).toBe(204);
  });

  it('another role without a condition allows what the condition forbids', async () => {
    await using azure = await start();
    azure.emulator.world.addRoleAssignment({ ...conditioned, scope: group });
    const answer = await azure.send('PUT', roleAssignmentPath(clusterId, nameOf(1)), {
      as: readerClientId,
      body: asReader({ roleDefinitionId: roles.owner }),
    });
    expect(answer.status).toBe(201);
  });

  it.each([
    [false, 'does not have authorization to perform action'],
    [true, 'does not have authorization or an ABAC condition not fulfilled to perform action'],
  ])('no role at all, jointAccessRefusals: %s', async (jointAccessRefusals, text) => {
    await using azure = await startAzure({ jointAccessRefusals });
    const path = roleAssignmentPath(clusterId, nameOf(1));
    for (const answer of [
      await azure.send('PUT', path, { as: readerClientId, body: asReader() }),
      await azure.send('DELETE', path, { as: readerClientId }),
    ]) {
      expect(answer).toMatchObject({
        status: 403,
        body: { error: { code: 'AuthorizationFailed', message: expect.stringContaining(text) } },
      });
    }
  });

  it('can be made by a PUT, when it can be read', async () => {
    await using azure = await startAzure();
    const put = (change: object) =>
      azure.send('PUT', roleAssignmentPath(subscription, nameOf(1)), {
        body: { properties: { ...conditioned, condition: delegation, conditionVersion: '2.0', ...change } },
      });
    expect(await put({ conditionVersion: '1.0' })).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining("'2.0'") } },
    });
    expect(await put({ condition: 'Exists x' })).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining("'Exists'") } },
    });
    expect((await put({})).body.properties).toMatchObject({ condition: delegation, conditionVersion: '2.0' });
    const refused = await azure.send('PUT', roleAssignmentPath(clusterId, nameOf(2)), {
      as: readerClientId,
      body: asReader({ principalType: 'User' }),
    });
    expect(refused.status).toBe(403);
  });

  it.each<[string, object, RegExp]>([
    [
      'is not understood',
      { condition: 'Exists x', conditionVersion: '2.0' },
      /roleAssignments\[2\]\.condition: 'Exists' is not known here/u,
    ],
    ['has no version', { condition: delegation }, /roleAssignments\[2\]\.conditionVersion: it must be '2\.0'/u],
  ])('a world whose condition %s does not start', async (_name, change, expected) => {
    const world = smallWorld();
    world.roleAssignments.push({ ...conditioned, ...change });
    await expect(startEmulator({ world })).rejects.toThrow(expected);
  });

  it('somebody else cannot add what is not understood', async () => {
    await using azure = await startAzure();
    const add = () => azure.emulator.world.addRoleAssignment({ ...conditioned, condition: 'Exists x', conditionVersion: '2.0' });
    expect(add).toThrow(/'Exists' is not known here/u);
  });
});
