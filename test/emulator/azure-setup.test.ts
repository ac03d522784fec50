import { execFileSync } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { startAzureSetup, type AzureSetup } from '../support/azure-setup.ts';
import { clusterId, subscriptionId } from '../support/notification.ts';
import type { AzState } from '../support/recording-az.ts';

const otherId = 'bbbbbbbb-4444-4444-8444-444444444444';
const tenant = '11111111-1111-4111-8111-111111111111';
const subscription = `/subscriptions/${subscriptionId}`;
const shop = `${subscription}/resourceGroups/shop`;
const ruleIdentity = `${shop}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader`;
const nothing = (): AzState => ({
  tenants: { [subscriptionId]: tenant, [otherId]: tenant },
  clusters: [{ id: clusterId, issuer: 'https://oidc.example/1/', workloadIdentity: true }],
  registered: [],
  identities: [],
  credentials: [],
  roles: [],
  assignments: [],
});

let setup: AzureSetup;
const start = (change: Partial<AzState> = {}): void => {
  setup = startAzureSetup({ ...nothing(), ...change });
};
afterEach(() => setup[Symbol.asyncDispose]());

const run = (...words: readonly string[]) => setup.run('--cluster', clusterId, ...words);
const isWrite = (call: readonly string[]): boolean => call.some((word) => ['create', 'update', 'delete', 'register'].includes(word));
const commandOf = (call: readonly string[]): string =>
  call
    .slice(
      0,
      call.findIndex((word) => word.startsWith('--')),
    )
    .join(' ');
const writes = (): readonly string[] => setup.calls.filter(isWrite).map(commandOf);
const everything = [
  'provider register',
  'identity create',
  'identity federated-credential create',
  'role definition create',
  'role definition create',
  'role assignment create',
  'role assignment create',
];

describe('the set-up script', () => {
  it('makes what is missing, and the second run changes nothing', async () => {
    start();
    const first = await run();
    expect(first).toMatchObject({ code: 0, errors: '' });
    expect(writes()).toEqual(everything);
    const { identities, credentials, roles, assignments } = structuredClone(setup.state);
    expect(credentials).toEqual([
      {
        id: `${identities[0]?.id}/aks-notifier-prod`,
        issuer: 'https://oidc.example/1/',
        subject: 'system:serviceaccount:aks-notifier-system:aks-notifier',
        audience: 'api://AzureADTokenExchange',
      },
    ]);
    expect(roles.map(({ name }) => name)).toEqual([
      `aks-notifier operator ${subscriptionId}`,
      `aks-notifier reader grants ${subscriptionId}`,
    ]);
    expect(assignments.map(({ scope, condition }) => [scope, condition === undefined])).toEqual([
      [subscription, true],
      [subscription, false],
    ]);
    expect(first.out).toContain(
      `helm upgrade --install aks-notifier charts/aks-notifier --namespace aks-notifier-system --create-namespace --set 'image.repository=<registry>/aks-notifier' --set azure.clientId=${identities[0]?.clientId} --set azure.tenantId=${tenant}\n`,
    );

    setup.calls.length = 0;
    const second = await run();
    expect(second).toMatchObject({ code: 0, errors: '' });
    expect(writes()).toEqual([]);
    expect(second.out).toContain('Everything was there; nothing was changed.');
    expect(setup.state).toMatchObject({ identities, credentials, roles, assignments });
  });

  it('says with --check what is missing, and changes nothing', async () => {
    start();
    const before = await run('--check');
    expect(before.code).toBe(1);
    expect(before.out.match(/^missing /gmu)).toHaveLength(everything.length);
    expect(before.out).toContain(`${everything.length} missing.`);
    expect(writes()).toEqual([]);
    await run();
    setup.calls.length = 0;
    expect(await run('--check')).toMatchObject({ code: 0, errors: '', out: expect.stringContaining('Everything is there.') });
    expect(writes()).toEqual([]);
  });

  it('prints with --dry-run commands that a shell reads as the ones it would run', async () => {
    start({ registered: [subscriptionId] });
    const planned = (await run('--dry-run', '--rule-identity', ruleIdentity)).out.split('\n').filter((line) => line.startsWith('  az '));
    expect(writes()).toEqual([]);
    await run('--rule-identity', ruleIdentity);
    const read = planned.map((line) =>
      execFileSync('sh', ['-c', `az() { printf '%s\\n' "$@"; }\n${line}`], { encoding: 'utf8' })
        .split('\n')
        .slice(0, -1),
    );
    const { principalId = '' } = setup.state.identities[0] ?? {};
    const known = (words: readonly string[]): readonly string[] =>
      words.map((word) => (word === principalId ? '<its principal id>' : /roleDefinitions\/[^/]+$/u.test(word) ? '<its id>' : word));
    expect(read).toEqual(setup.calls.filter(isWrite).map(known));
  });

  it('gives rights in some groups only, in several subscriptions, and at identities of rules', async () => {
    start({ registered: [subscriptionId, otherId] });
    const groups = [shop, `${subscription}/resourceGroups/odd(name)-._é`, `/subscriptions/${otherId}/resourceGroups/alerts`];
    const words = [...groups.flatMap((id) => ['--scope', id]), '--rule-identity', ruleIdentity];
    const { out } = await run(...words);
    expect(setup.state.assignments.map(({ scope }) => scope)).toEqual([...groups.flatMap((id) => [id, id]), ruleIdentity]);
    expect(setup.state.roles.map(({ name }) => name)).toEqual([
      `aks-notifier operator ${subscriptionId}`,
      `aks-notifier reader grants ${subscriptionId}`,
      `aks-notifier operator ${otherId}`,
      `aks-notifier reader grants ${otherId}`,
      `aks-notifier rule identities ${subscriptionId}`,
    ]);
    expect(out).toContain(`--set 'allowedScopes.all={${[...groups, ruleIdentity].join(',')}}'\n`);
    setup.calls.length = 0;
    expect(await run(...words)).toMatchObject({ code: 0 });
    expect(writes()).toEqual([]);
  });

  it.each<[string, readonly string[], (state: AzState) => void, string]>([
    ['a role with an action too few', ['role definition update'], ({ roles }) => void roles[0]!.actions.pop(), 'the right actions in role'],
    [
      'a role with an action too many',
      ['role definition update'],
      ({ roles }) => void roles[1]!.actions.push('*'),
      'the right actions in role',
    ],
    [
      'a grant that lost its condition',
      ['role assignment delete', 'role assignment create'],
      ({ assignments }) => void delete assignments[1]!.condition,
      'without the one that has another condition',
    ],
    [
      'a grant with another condition',
      ['role assignment delete', 'role assignment create'],
      ({ assignments }) => void (assignments[1]!.condition += ' OR 1'),
      'without the one that has another condition',
    ],
    [
      'a role with a data action',
      ['role definition update'],
      ({ roles }) => void roles[0]!.dataActions.push('Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'),
      'the right actions in role',
    ],
    [
      'a role that takes an action away again',
      ['role definition update'],
      ({ roles }) => void roles[1]!.notActions.push(roles[1]!.actions[0]!),
      'the right actions in role',
    ],
    [
      'a role that lists an action among those it takes away',
      ['role definition update'],
      ({ roles }) => void roles[0]!.notActions.push(roles[0]!.actions.pop()!),
      'the right actions in role',
    ],
    ['an assignment that was taken away', ['role assignment create'], ({ assignments }) => void assignments.shift(), 'rules, groups'],
  ])('puts right %s', async (_, commands, harm, words) => {
    start();
    await run();
    const { roles, assignments } = structuredClone(setup.state);
    harm(setup.state);
    expect(await run('--check')).toMatchObject({ code: 1, out: expect.stringContaining(words) });
    setup.calls.length = 0;
    expect(await run()).toMatchObject({ code: 0 });
    expect(writes()).toEqual(commands);
    expect(setup.state.roles).toEqual(roles);
    expect(setup.state.assignments).toEqual(expect.arrayContaining(assignments));
    expect(setup.state.assignments).toHaveLength(assignments.length);
  });

  it.each<[string, readonly string[], (state: AzState) => void, string]>([
    [
      'of a cluster that was made again',
      [],
      ({ clusters }) => void (clusters[0]!.issuer = 'https://oidc.example/2/'),
      'system:serviceaccount:aks-notifier-system:aks-notifier by https://oidc.example/1/',
    ],
    [
      'of another ServiceAccount',
      ['--service-account', 'two'],
      () => undefined,
      'system:serviceaccount:aks-notifier-system:aks-notifier by',
    ],
  ])('replaces the sign-in %s only when told to: the other may be in use', async (_, words, change, other) => {
    start();
    await run();
    const { credentials } = structuredClone(setup.state);
    change(setup.state);
    expect(await run('--check', ...words)).toMatchObject({ code: 1, out: expect.stringContaining(`, in place of ${other}`) });
    setup.calls.length = 0;
    const refused = await run(...words);
    expect(refused).toMatchObject({ code: 2, errors: expect.stringContaining(`is the sign-in of ${other}`) });
    expect(refused.errors).toContain('--replace-sign-in');
    expect(refused.out).not.toContain('helm');
    expect(writes()).toEqual([]);
    expect(setup.state.credentials).toEqual(credentials);
    expect(await run(...words, '--replace-sign-in')).toMatchObject({ code: 0, out: expect.stringContaining(`in place of ${other}`) });
    expect(writes()).toEqual(['identity federated-credential create']);
    expect(await run('--check', ...words)).toMatchObject({ code: 0 });
  });

  it('says that a grant is gone when the one in its place can’t be made', async () => {
    start();
    await run();
    setup.state.assignments[1]!.condition += ' OR 1';
    setup.state.failure = { command: 'role assignment create', after: 0, times: 1, message: '(AuthorizationFailed) No.' };
    expect(await run()).toMatchObject({ code: 2, errors: expect.stringContaining('is gone already') });
    expect(await run()).toMatchObject({ code: 0 });
    expect(setup.state.assignments).toHaveLength(2);
  });

  it('takes what Azure gives back in other letters, order and layout for the same', async () => {
    start();
    await run();
    setup.state.roles[0]!.actions = setup.state.roles[0]!.actions.map((action) => action.toLowerCase()).toReversed();
    setup.state.assignments[1]!.condition = setup.state.assignments[1]!.condition!.replaceAll(' AND ', '\r\n AND\n ');
    expect(await run('--check')).toMatchObject({ code: 0 });
  });

  it.each(everything.slice(1).map((command, index) => [command, index + 1] as const))(
    'goes on after %s failed as command %i of those that change something',
    async (command, count) => {
      start();
      const after = everything.slice(0, count).filter((each) => each === command).length;
      setup.state.failure = { command, after, times: 1, message: '(AuthorizationFailed) No.' };
      const failed = await run();
      expect(failed).toMatchObject({ code: 2, errors: expect.stringContaining('(AuthorizationFailed) No.') });
      expect(failed.errors).toContain('run the script again');
      expect(failed.out).not.toContain('helm');
      await run();
      expect(writes()).toEqual([...everything.slice(0, count + 1), ...everything.slice(count)]);
      expect(await run('--check')).toMatchObject({ code: 0 });
    },
  );

  it.each(['PrincipalNotFound', 'RoleDefinitionDoesNotExist'])('waits while Azure spreads what was made: %s', async (code) => {
    start();
    setup.state.failure = { command: 'role assignment create', after: 0, times: 3, message: `(${code}) Not yet.` };
    expect(await run()).toMatchObject({ code: 0, errors: '' });
    expect(setup.sleeps).toBe(3);
  });

  it('does not wait for ever', async () => {
    start({ failure: { command: 'role assignment create', after: 0, message: '(PrincipalNotFound) Never.' } });
    expect(await run()).toMatchObject({ code: 2, errors: expect.stringContaining('(PrincipalNotFound) Never.') });
    expect(setup.sleeps).toBe(11);
  });

  it.each<[string, Partial<AzState>, string]>([
    ['a subscription that can’t be seen', { tenants: {} }, `the subscription ${subscriptionId} can't be seen`],
    ['a cluster that isn’t there', { clusters: [] }, `there is no cluster ${clusterId}`],
    [
      'a cluster without issuer',
      { clusters: [{ id: clusterId, issuer: null, workloadIdentity: true }] },
      `az aks update --name prod --resource-group shop --subscription ${subscriptionId} --enable-oidc-issuer --enable-workload-identity`,
    ],
    [
      'a cluster without workload identity',
      { clusters: [{ id: clusterId, issuer: 'https://oidc.example/1/', workloadIdentity: false }] },
      '--enable-workload-identity',
    ],
    [
      'a question that fails',
      { failure: { command: 'identity show', after: 0, message: '(TooManyRequests) Later.' } },
      '(TooManyRequests)',
    ],
  ])('makes nothing in the face of %s', async (_, change, words) => {
    start({ registered: [subscriptionId], ...change });
    for (const mode of [[], ['--check'], ['--dry-run']])
      expect(await run(...mode)).toMatchObject({ code: 2, errors: expect.stringContaining(words) });
    expect(writes()).toEqual([]);
  });

  it('refuses subscriptions of another tenant', async () => {
    start({ tenants: { [subscriptionId]: tenant, [otherId]: '99999999-1111-4111-8111-111111111111' } });
    expect(await run('--scope', shop, '--scope', `/subscriptions/${otherId}`)).toMatchObject({
      code: 2,
      errors: expect.stringContaining('different tenants'),
    });
    expect(writes()).toEqual([]);
  });

  it.each<[readonly string[], string]>([
    [[], '--cluster is missing'],
    [['--cluster'], '--cluster needs a value'],
    [['--cluster', '--check'], '--cluster needs a value'],
    [['--cluster', shop], 'is not the id of an AKS cluster'],
    [['--cluster', `${clusterId}\n`], 'has characters that no name in Azure has'],
    [['--cluster', clusterId, '--scope', `${shop}/providers/x/y/z`], 'is not the id of a subscription or a resource group'],
    [['--cluster', clusterId, '--scope', '/subscriptions/one'], 'is not the id of a subscription or a resource group'],
    [['--cluster', clusterId, '--scope', `${shop}'$(touch x)`], 'has characters that no name in Azure has'],
    [['--cluster', clusterId, '--identity', 'a b'], 'has characters that no name in Azure has'],
    [['--cluster', clusterId, '--identity', 'a"b'], 'has characters that no name in Azure has'],
    [['--cluster', clusterId, '--identity', '*'], 'has characters that no name in Azure has'],
    [['--cluster', clusterId, '--rule-identity', shop], 'is not the id of a user-assigned identity'],
    [['--cluster', clusterId, '--force'], "unknown option '--force'"],
  ])('refuses %j before it asks Azure', async (words, sentence) => {
    start();
    expect(await setup.run(...words)).toMatchObject({ code: 2, errors: expect.stringContaining(sentence) });
    expect(setup.calls).toEqual([]);
  });

  it('names all of its options in its help', async () => {
    start();
    const script = await readFile(new URL('../../deploy/azure/setup.sh', import.meta.url), 'utf8');
    const parsed = script.slice(script.indexOf('while '), script.indexOf('# Lists')).match(/--[a-z][a-z-]+/gu) ?? [];
    const { code, out } = await setup.run('--help');
    expect(code).toBe(0);
    expect(new Set(out.match(/^ +--[a-z-]+/gmu)?.map((word) => word.trim()))).toEqual(
      new Set(parsed.filter((option) => option !== '--help')),
    );
  });
});

describe('the Bicep files', () => {
  const folder = new URL('../../deploy/azure/', import.meta.url);

  it('take roles and condition from the files that the script takes them from, and name the roles alike', async () => {
    start();
    const main = await readFile(new URL('main.bicep', folder), 'utf8');
    const loaded = [...main.matchAll(/load(?:Json|Text)Content\('([^']+)'\)/gu)].map(([, file]) => file);
    const files = (await readdir(new URL('roles', folder))).map((name) => `roles/${name}`);
    expect(new Set(loaded)).toEqual(new Set(['reader-only.txt', ...files]));
    expect(main.match(/roleName: '\$\{\w+\.name\} \$\{subscription\(\)\.subscriptionId\}'/gu)).toHaveLength(3);
  });

  it('put the condition on every assignment of the role that gives Reader, and each module gets just its parameters', async () => {
    start();
    const files = (await readdir(folder)).filter((name) => name.endsWith('.bicep'));
    const texts = new Map(await Promise.all(files.map(async (name) => [name, await readFile(new URL(name, folder), 'utf8')] as const)));
    const grants = [...texts.values()]
      .flatMap((text) => text.split(/^resource /mu))
      .filter((part) => /roleDefinitionId: readerGrantsRole/u.test(part));
    expect(grants).toHaveLength(2);
    for (const part of grants) expect(part).toMatch(/condition: (?:readerOnly|condition)\n +conditionVersion: '2\.0'/u);
    const modules = [...texts.get('main.bicep')!.matchAll(/^module \w+ '([^']+)'.*?params: \{(.*?)^ +\}/gmsu)];
    expect(modules).toHaveLength(3);
    for (const [, module = '', params = ''] of modules) {
      const declared = [...texts.get(module)!.matchAll(/^param (\w+)/gmu)].map(([, name]) => name);
      const given = [...params.matchAll(/^ +(\w+):/gmu)].map(([, name]) => name);
      expect(new Set(given)).toEqual(new Set(declared));
    }
  });
});
