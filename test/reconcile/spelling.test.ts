import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Settings } from '../../emulator/settings.ts';
import { specWith } from '../support/notification.ts';
import { oneOfEach } from '../support/receivers.ts';
import { startBench, type Bench } from '../support/reconcile-bench.ts';

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

const { tenantId: _, ...hub } = oneOfEach.eventHub[0];
const hubWithoutTenant = { ...hub, name: 'hub 2' };
const spec = specWith({
  receivers: {
    ...oneOfEach,
    email: [{ address: 'a@contoso.com' }, ...oneOfEach.email],
    eventHub: [oneOfEach.eventHub[0], hubWithoutTenant],
  },
  alertRule: { customProperties: { team: 'blue' }, evaluationFrequency: '1h', emailSubject: 'AKS: ${data.essentials.alertRule}' },
  tags: { Team: 'Blue' },
});

/** How Azure was seen, or may be expected, to spell what it was sent. */
const spellings = {
  durations: ['asSent', 'minutes'],
  queryEnd: ['asSent', 'newlineCut'],
  emptyTags: ['recorded', 'empty'],
  idCasing: ['recorded', 'lower', 'upper', 'exported'],
  wordCasing: ['asSent', 'lower', 'upper'],
  listOrder: ['asSent', 'reversed'],
  unknownFields: [false, true],
  defaults: ['recorded', 'none', 'all'],
  roleDefinitionIds: ['subscription', 'bare'],
  lowerCaseAssignmentScopes: [false, true],
  alertRuleIds: ['lowerCase', 'specification'],
  upperCaseActionGroupIds: [false, true],
} as const satisfies { readonly [Field in keyof Settings]?: readonly Settings[Field][] };

/** What a look for drift changed or announced. */
const changes = async (): Promise<readonly string[]> => {
  bench.forget();
  bench.clock.advance(600_000);
  await bench.run();
  return [...bench.azureWrites(), ...bench.kubernetesWrites(), ...bench.events];
};

describe('what Azure spells another way than it was sent', () => {
  const each = Object.entries(spellings).flatMap(([field, values]) => values.map((value) => ({ [field]: value })));

  it.each(each)('is no drift when it begins: %j', async (settings) => {
    bench = await startBench();
    await bench.settle(spec);
    bench.emulator.settings.set(settings);
    expect(await changes()).toEqual([]);
    // Seen by GET as well as in lists.
    bench.api.annotate('platform/prod', { 'aks-notifier.dev/reconcile-requested-at': '1' });
    bench.forget();
    await bench.run();
    expect([bench.azureWrites(), bench.events]).toEqual([[], []]);
  });

  it('is no drift in any combination, from the start', { timeout: 240_000 }, async () => {
    bench = await startBench();
    const combination = fc.record(
      Object.fromEntries(Object.entries(spellings).map(([field, values]) => [field, fc.constantFrom<string | boolean>(...values)])),
    );
    await fc.assert(
      fc.asyncProperty(combination, async (settings) => {
        await bench[Symbol.asyncDispose]();
        bench = await startBench();
        bench.emulator.settings.set(settings);
        await bench.settle(spec);
        expect(await changes()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
