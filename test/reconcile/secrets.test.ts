import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { causeForLog } from '../../src/azure/failure.ts';
import { KubeError } from '../../src/kube/failure.ts';
import type { KubeRequest } from '../../src/kube/transport.ts';
import { minimalSpec, specWith } from '../support/notification.ts';
import { oneOfEach, oneOfEachInAzure } from '../support/receivers.ts';
import { key, startBench, type Bench } from '../support/reconcile-bench.ts';

const url = 'https://hooks.example.com/services/T00000000/B00000000?sig=aaaabbbbccccdddd';
const reference = (name: string, secretKey: string) => ({ secretKeyRef: { name, key: secretKey } });
const spec = specWith({ receivers: { webhook: [{ name: 'teams', serviceUriFrom: reference('hooks', 'teams') }] } });

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

const start = async (): Promise<void> => {
  bench = await startBench();
  bench.settings = { ...bench.settings, secretNamespaces: ['platform'] };
  bench.api.secrets.set(key.replace('prod', 'hooks'), { teams: url, other: 'https://other.example.com/zzzzzzzzzzzz' });
};
const condition = (type: string) => bench.object().status?.conditions?.find((each) => each.type === type);
const addresses = (): readonly (string | undefined)[] => {
  const [group] = bench.emulator.resources().actionGroups;
  const { webhookReceivers = [] } = (group?.['properties'] ?? {}) as {
    readonly webhookReceivers?: readonly { readonly serviceUri: string }[];
  };
  return webhookReceivers.map(({ serviceUri }) => serviceUri);
};

/** Every kind of receiver that is called at an address, each with its address in a Secret. */
const called = (
  [
    ['webhook', 'serviceUri'],
    ['logicApp', 'callbackUrl'],
    ['azureFunction', 'httpTriggerUrl'],
    ['automationRunbook', 'serviceUri'],
  ] as const
).map(([kind, field]) => {
  const { [field as 'serviceUri']: _, ...rest } = oneOfEach[kind][0] as { readonly name: string; readonly serviceUri: string };
  const receivers = { [kind]: [{ ...rest, name: 'teams', [`${field}From`]: reference('hooks', 'teams') }] };
  return { kind, list: `${kind}Receivers` as const, field, spec: specWith({ receivers }) };
});

describe('an address of any kind that stands in a Secret', () => {
  it.each(called)('comes into the action group, is followed, and no drift: $kind', async ({ kind, list, field, spec: asked }) => {
    await start();
    await bench.settle(asked);
    const address = (): unknown => {
      const [group] = bench.emulator.resources().actionGroups;
      const lists = group?.['properties'] as Record<string, readonly Record<string, unknown>[]> | undefined;
      return lists?.[list]?.[0]?.[field];
    };
    expect(address()).toBe(url);
    bench.forget();
    await bench.run();
    expect([...bench.azureWrites(), ...bench.kubernetesWrites()]).toEqual([]);

    bench.api.secrets.set('platform/hooks', { teams: 'https://new.example.com/services/yyyyyyyyyyyy' });
    await bench.run();
    expect(address()).toBe('https://new.example.com/services/yyyyyyyyyyyy');
    const group = bench.object().status?.actionGroupId;
    expect(bench.events).toEqual([`Normal UpdatedActionGroup: Updated the action group ${group} (receivers.${kind}[teams].${field}).`]);
  });
});

describe('an address that stands in a Secret', () => {
  it('comes into the action group, and a quiet run reads it and writes nothing', async () => {
    await start();
    await bench.settle(spec);
    expect(addresses()).toEqual([url]);
    await bench.run();
    expect(bench.lines().filter(({ line }) => !line.startsWith('GET') && !line.startsWith('LIST'))).toEqual([]);
    expect(bench.api.secretReads).toEqual(['platform/hooks', 'platform/hooks']);
  });

  it('is read once for all that stand in the same Secret', async () => {
    await start();
    const webhook = [
      { name: 'teams', serviceUriFrom: reference('hooks', 'teams') },
      { name: 'other', serviceUriFrom: reference('hooks', 'other') },
      { name: 'plain', serviceUri: 'https://plain.example.com' },
    ];
    await bench.settle(specWith({ receivers: { webhook } }));
    expect(bench.api.secretReads).toEqual(['platform/hooks']);
    expect(addresses()).toEqual([url, 'https://other.example.com/zzzzzzzzzzzz', 'https://plain.example.com']);
  });

  it('may end with a line end, as files do', async () => {
    await start();
    bench.api.secrets.set('platform/hooks', { teams: `${url}\n` });
    await bench.settle(spec);
    expect(addresses()).toEqual([url]);
  });

  it('is followed when it changes', async () => {
    await start();
    await bench.settle(spec);
    bench.api.secrets.set('platform/hooks', { teams: 'https://new.example.com/services/yyyyyyyyyyyy' });
    await bench.run();
    expect(addresses()).toEqual(['https://new.example.com/services/yyyyyyyyyyyy']);
    expect(condition('Ready')).toMatchObject({ status: 'True' });
    // A rotated Secret is what the team wants, and no drift.
    const group = bench.object().status?.actionGroupId;
    expect(bench.events.at(-1)).toBe(`Normal UpdatedActionGroup: Updated the action group ${group} (receivers.webhook[teams].serviceUri).`);
    expect(bench.events.join()).not.toContain('DriftCorrected');
  });

  it.each([
    ['another receiver', { serviceUri: url, name: 'plain', useCommonAlertSchema: true }],
    ['the same receiver in more than its address', { serviceUri: 'https://new.example.com', name: 'teams', useCommonAlertSchema: false }],
  ])('is no excuse for a change of %s', async (_, changed) => {
    await start();
    const webhook = [
      { name: 'teams', serviceUriFrom: reference('hooks', 'teams') },
      { name: 'plain', serviceUri: 'https://plain.example.com' },
    ];
    await bench.settle(specWith({ receivers: { webhook } }));
    bench.emulator.world.changeActionGroup(bench.object().status?.actionGroupId ?? '', (body) => {
      const all = body.properties?.['webhookReceivers'] as readonly { readonly name: string }[];
      const webhookReceivers = all.map((each) => (each.name === changed.name ? changed : each));
      return { ...body, properties: { ...body.properties, webhookReceivers } };
    });
    bench.api.secrets.set('platform/hooks', { teams: 'https://new.example.com/services/yyyyyyyyyyyy' });
    await bench.run();
    expect(bench.events.at(-1)).toContain('Normal DriftCorrected: Somebody had changed the action group');
  });

  it('is not asked for when nothing points at one, nor in a deletion', async () => {
    await start();
    await bench.settle(minimalSpec);
    await bench.settle(spec);
    bench.api.secretReads.length = 0;
    bench.api.secrets.clear();
    bench.api.delete(key);
    await bench.run();
    expect(bench.api.list()).toEqual([]);
    expect(bench.api.secretReads).toEqual([]);
  });
});

describe('a Secret that can’t be used', () => {
  const field = 'spec.receivers.webhook[teams].serviceUriFrom';
  const failure = async (): Promise<unknown> => {
    bench.apply(spec);
    await bench.run();
    const { status, reason, message } = condition('ActionGroupReady') ?? {};
    expect(condition('Ready')).toMatchObject({ status, reason, message });
    return { status, reason, message, stalled: condition('Stalled') !== undefined, writes: bench.azureWrites() };
  };
  const refused = (reason: string, message: string, stalled: boolean) => ({ status: 'False', reason, message, stalled, writes: [] });

  it('since its namespace is not listed, is not read', async () => {
    await start();
    bench.settings = { ...bench.settings, secretNamespaces: ['team-b'] };
    expect(await failure()).toEqual(
      refused(
        'AccessDenied',
        `${field} points at the Secret hooks, but aks-notifier is not allowed to read Secrets in namespace platform: have the namespace listed in receiverSecrets.namespaces of its Helm chart (--secret-namespaces).`,
        true,
      ),
    );
    expect(bench.api.secretReads).toEqual([]);
  });

  it('since a Role is missing, names it', async () => {
    await start();
    const { request } = bench.api.transport;
    bench.api.transport.request = async <T>(asked: KubeRequest): Promise<T> => {
      if (asked.method === 'GET')
        throw new KubeError('secrets "hooks" is forbidden: …', { operation: 'GET', status: 403, reason: 'Forbidden' });
      return request(asked);
    };
    expect(await failure()).toEqual(
      refused(
        'AccessDenied',
        'The API server does not let aks-notifier read the Secret hooks in namespace platform: a Role there with get on secrets, bound to its ServiceAccount, is missing. Its Helm chart makes one for each of receiverSecrets.namespaces.',
        true,
      ),
    );
  });

  it('since it is missing, is waited for ten minutes, and then a person must act', async () => {
    await start();
    bench.api.secrets.clear();
    const message = `${field} points at the Secret hooks, which does not exist in namespace platform: create it, or point at another one.`;
    expect(await failure()).toEqual(refused('DependencyNotReady', message, false));
    bench.clock.advance(10 * 60_000);
    expect(await failure()).toEqual(refused('DependencyNotReady', message, true));
    bench.api.secrets.set('platform/hooks', { teams: url });
    await bench.run();
    expect(condition('Ready')).toMatchObject({ status: 'True' });
  });

  it('since it has no such key, is waited for as well', async () => {
    await start();
    bench.api.secrets.set('platform/hooks', { Teams: url });
    expect(await failure()).toEqual(
      refused(
        'DependencyNotReady',
        `${field} points at the key teams of the Secret hooks, which holds no such key: add it, or point at another one.`,
        false,
      ),
    );
  });

  it.each([
    '',
    'hunter2-hunter2-hunter2',
    'ftp://example.com/hunter2-hunter2',
    'https://',
    `${url} ${url}`,
    'https://a b.example.com',
    `${url}\u0000`,
    `${url}\u0007/x`,
    `${url}\ufffd`,
  ])('since its value is no URL (“%s”), is told without the value', async (value) => {
    await start();
    bench.api.secrets.set('platform/hooks', { teams: value });
    expect(await failure()).toEqual(
      refused(
        'InvalidSpec',
        `${field} points at the key teams of the Secret hooks, whose value (not shown here) is no URL that begins with https:// or http://: put the URL there and nothing else.`,
        true,
      ),
    );
  });

  it.each([
    ['one character too many', `${url}${'x'.repeat(2049 - url.length)}`],
    ['a whole megabyte', `${url}${'&<'.repeat(500_000)}`],
  ])('since its value is too long (%s), is told without the value', async (_, value) => {
    await start();
    bench.api.secrets.set('platform/hooks', { teams: value });
    expect(await failure()).toEqual(
      refused(
        'InvalidSpec',
        `${field} points at the key teams of the Secret hooks, whose value (not shown here) is longer than the 2048 characters that a URL may have: put a URL there and nothing else.`,
        true,
      ),
    );
    bench.api.secrets.set('platform/hooks', { teams: `${value.slice(0, 2048)}\n` });
    await bench.settle(spec);
    expect(addresses()).toEqual([value.slice(0, 2048)]);
  });

  it.each([
    [500, 'Internal error occurred: unable to transform key "/registry/secrets/platform/hooks": no matching key'],
    [503, 'etcd is slow'],
    [400, 'the name of the object (.) is wrong'],
    [undefined, "the API server can't be reached (ECONNRESET)"],
  ])('since the API server fails to hand it out (%s), is asked for again, and then a person must act', async (status, said) => {
    await start();
    const { request } = bench.api.transport;
    bench.api.transport.request = async <T>(asked: KubeRequest): Promise<T> => {
      if (asked.method === 'GET') throw new KubeError(said, { operation: 'GET', status });
      return request(asked);
    };
    const message = `${field} points at the Secret hooks, which the API server does not hand out in namespace platform; it says: ${said}`;
    expect(await failure()).toEqual(refused('DependencyNotReady', message, false));
    bench.clock.advance(10 * 60_000);
    expect(await failure()).toEqual(refused('DependencyNotReady', message, true));
    bench.api.transport.request = request;
    await bench.run();
    expect(condition('Ready')).toMatchObject({ status: 'True' });
  });
});

describe('a Secret that is not handed out for a moment', () => {
  it('leaves an object Ready, whose address stands in Azure', async () => {
    await start();
    await bench.settle(spec);
    const { request } = bench.api.transport;
    bench.api.transport.request = async <T>(asked: KubeRequest): Promise<T> => {
      if (asked.method === 'GET') throw new KubeError('etcd is slow', { operation: 'GET', status: 503 });
      return request(asked);
    };
    await bench.run();
    expect(condition('ActionGroupReady')).toMatchObject({ status: 'False', reason: 'DependencyNotReady' });
    expect(condition('Ready')).toMatchObject({ status: 'True' });
    bench.clock.advance(6 * 60_000);
    await bench.run();
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'DependencyNotReady' });
  });
});

describe('an address that stands in the spec', () => {
  it('is not shown either when Azure repeats it', async () => {
    await start();
    bench.emulator.faults.add({
      match: { method: 'PUT', type: 'Microsoft.Insights/actionGroups' },
      effect: { kind: 'answer', status: 400, body: { code: 'BadRequest', message: `The webhook ${url} is not valid.` } },
    });
    bench.apply(specWith({ receivers: { webhook: [{ name: 'teams', serviceUri: url }] } }));
    await bench.run();
    expect(condition('ActionGroupReady')?.message).toContain('The webhook https://(hidden) is not valid.');
    const statuses = bench.api.writes.map(({ object }) => object.status);
    const causes = bench.logs.map(({ cause }) => JSON.stringify([causeForLog(cause), String(cause)]));
    expect(JSON.stringify([statuses, bench.events, bench.logs, causes])).not.toMatch(/T0000|B0000/);
  });
});

describe('a mistake of the program', () => {
  it('shows no value either, in the status or where it is logged', async () => {
    await start();
    bench.apply(spec);
    const mistake = Object.assign(new TypeError(`cannot read ${url}`), { request: { body: url }, code: 'X', statusCode: 418 });
    bench.bend = (azure) => ({ ...azure, actionGroups: { ...azure.actionGroups, put: () => Promise.reject(mistake) } });
    const thrown: unknown = await bench.run().catch((error: unknown) => error);
    const { message, stack } = thrown as Error;
    expect(message).toBe('cannot read https://(hidden)');
    expect([message, stack, JSON.stringify(thrown), JSON.stringify(bench.object()), JSON.stringify(bench.logs)].join(' ')).not.toContain(
      'T00000000',
    );
    expect(thrown).toMatchObject({ name: 'TypeError', code: 'X', statusCode: 418 });
    expect(condition('Ready')).toMatchObject({ reason: 'AzureError' });
  });
});

// Whatever happens to it, its value stays between the Secret and the action group.

type Step =
  | { readonly do: 'run' | 'restart' | 'wait' | 'delete' }
  | { readonly do: 'secret'; readonly value: string }
  /** Somebody changes the receiver, or renames it, in Azure. */
  | { readonly do: 'drift'; readonly uri: string; readonly name: string }
  /** Azure refuses the next write of the group or the rule, and repeats what it was sent in some form. */
  | { readonly do: 'refuse'; readonly type: string; readonly status: number; readonly echo: number; readonly flat: boolean };

const letters = fc.stringMatching(/^[A-Za-z0-9_-]{16,24}$/);
const someUrl = fc
  .tuple(
    fc.constantFrom('https', 'http'),
    fc.constantFrom('hooks.example.com', 'Prod-17.WestEurope.logic.example.com:443'),
    letters,
    letters,
    fc.boolean(),
  )
  .map(
    ([scheme, host, path, sig, isQuery]) =>
      `${scheme}://${host}/services/${path}${isQuery ? `?api-version=1&sp=%2Ftriggers&sig=${sig}+x'` : `/${sig}`}`,
  );
const someValue = fc.oneof({ weight: 5, arbitrary: someUrl }, { weight: 1, arbitrary: letters });

const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom<Step>({ do: 'run' }, { do: 'restart' }, { do: 'wait' }) },
    { weight: 1, arbitrary: fc.constant<Step>({ do: 'delete' }) },
    { weight: 3, arbitrary: someValue.map((value): Step => ({ do: 'secret', value })) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('drift' as const), uri: someUrl, name: fc.constantFrom('teams', 'Teams', 'other') }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('refuse' as const),
        type: fc.constantFrom('Microsoft.Insights/actionGroups', 'Microsoft.Insights/scheduledQueryRules'),
        status: fc.constantFrom(400, 403, 409, 500, 503),
        echo: fc.nat({ max: 5 }),
        flat: fc.boolean(),
      }),
    },
  ),
  { minLength: 4, maxLength: 14 },
);

/** How a service may repeat an address. */
const echoes: readonly ((value: string) => string)[] = [
  (value) => `The receiver teams has the invalid serviceUri '${value}'.`,
  (value) => `Invalid request content: ${JSON.stringify({ properties: { webhookReceivers: [{ name: 'teams', serviceUri: value }] } })}`,
  (value) => `Could not call ${encodeURIComponent(value)}: not found`,
  (value) => `'${value.replaceAll('&', '\\u0026').replaceAll('+', '\\u002B').replaceAll("'", '\\u0027')}' is not supported.`,
  (value) => `${'x'.repeat(460)} ${value}`,
  (value) => `${new URL(value).href} (${value.slice(0, -5)}…)`,
];

/** What of an address is secret: its path and what follows. */
const secretParts = (value: string): readonly string[] => (value.match(/[A-Za-z0-9_-]{16,24}/g) ?? []).map((part) => part.toLowerCase());

/** What a step does to the object's surroundings; returns what puts an end to it. */
const disturb = (step: Step, of: (typeof called)[number], name: string, value: string, count: number): (() => void) => {
  const object = bench.api.get(`platform/${name}`);
  const id = bench.emulator
    .resources()
    .actionGroups.find((each) => each.id.toLowerCase() === object?.status?.actionGroupId?.toLowerCase())?.id;
  const nothing = (): void => undefined;
  switch (step.do) {
    case 'run':
      return nothing;
    case 'restart':
      bench.restart();
      return nothing;
    case 'wait':
      bench.clock.advance(11 * 60_000);
      return nothing;
    case 'delete':
      if (object) bench.api.delete(`platform/${name}`);
      return nothing;
    case 'secret':
      bench.api.secrets.set('platform/hooks', { teams: step.value });
      return nothing;
    case 'drift': {
      const changed = [Object.assign({}, oneOfEachInAzure[of.list][0], { name: step.name, [of.field]: step.uri })];
      if (id !== undefined)
        bench.emulator.world.changeActionGroup(id, (body) => ({ ...body, properties: { ...body.properties, [of.list]: changed } }));
      return nothing;
    }
    case 'refuse': {
      const error = { code: 'BadRequest', message: URL.canParse(value) ? echoes[step.echo]?.(value) : 'No.' };
      // So that there is something to write.
      if (object) bench.api.apply({ ...of.spec, tags: { step: String(count) } }, name);
      return bench.emulator.faults.add({
        match: { method: 'PUT', type: step.type },
        effect: { kind: 'answer', status: step.status, body: step.flat ? error : { error: { ...error, details: [error] } } },
      }).remove;
    }
  }
};

/** Everything that has left the operator since the world began, but for what went into the action group. */
const whatLeft = (since: number, thrown: readonly unknown[]): readonly string[] =>
  [
    ...bench.api.writes.slice(since).map(({ object }) => JSON.stringify(object)),
    ...bench.events,
    ...bench.logs.map((entry) => JSON.stringify([entry, entry.cause === undefined ? {} : causeForLog(entry.cause), String(entry.cause)])),
    ...thrown.map((error) => (error instanceof Error ? `${error.message} ${error.stack} ${JSON.stringify(error)}` : String(error))),
  ].map((text) => text.toLowerCase());

describe('the value of a Secret', () => {
  it('is in no status, event, log line or error, whatever is done to it', { timeout: 600_000 }, async () => {
    await start();
    const counts = { runs: 0, ready: 0, rejected: 0, drifts: 0, texts: 0 };
    let worlds = 0;
    const property = fc.asyncProperty(fc.constantFrom(...called), someUrl, steps, async (of, first, todo) => {
      worlds += 1;
      const name = `prod-${worlds}`;
      bench.api.secrets.set('platform/hooks', { teams: first });
      bench.api.apply(of.spec, name);
      bench.forget();
      const since = bench.api.writes.length;
      const thrown: unknown[] = [];
      let value = first;
      for (const step of [{ do: 'run' } as const, ...todo]) {
        if (step.do === 'secret') ({ value } = step);
        if (step.do === 'drift') counts.drifts += 1;
        const end = disturb(step, of, name, value, counts.runs);
        await bench.run({ key: `platform/${name}` }).catch((error: unknown) => thrown.push(error));
        end();
        const ready = bench.api.get(`platform/${name}`)?.status?.conditions?.find(({ type }) => type === 'Ready');
        counts.runs += 1;
        if (ready?.status === 'True') counts.ready += 1;
        if (ready?.message.includes('(hidden)') === true) counts.rejected += 1;
      }
      const left = whatLeft(since, thrown);
      counts.texts += left.length;
      const values = todo.map((step) => (step.do === 'secret' ? step.value : step.do === 'drift' ? step.uri : ''));
      const secret = [first, ...values].flatMap(secretParts);
      expect(left.filter((text) => secret.some((part) => text.includes(part)))).toEqual([]);
    });
    const details = await fc.check(property, { numRuns: 100 });
    process.stdout.write(`secrets: seed ${details.seed}, ${details.numRuns} worlds, ${JSON.stringify(counts)}\n`);
    if (details.failed) throw new Error(await fc.asyncDefaultReportMessage(details), { cause: details.errorInstance });
    // That none of it was idle.
    expect(Object.values(counts).every((count) => count > 20)).toBe(true);
  });
});
