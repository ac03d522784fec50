import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { crdPath } from '../../scripts/generate/crd-template.ts';
import { startControlPlane } from '../support/control-plane.ts';

const root = join(import.meta.dirname, '../..');

interface Costs {
  readonly total: number;
  readonly totalLimit: number;
  readonly ruleLimit: number;
  readonly rules: readonly { readonly path: string; readonly rule: string; readonly cost: number }[];
}

/** What the API server's own code estimates. */
const celCost = async (crd: string): Promise<Costs> => {
  const args = ['run', '-trimpath', './cel-cost'];
  const child = spawn('go', args, {
    cwd: join(root, 'tools/kubernetes'),
    env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(crd);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (code !== 0) throw new Error(`cel-cost ended with ${String(code)}: ${stderr}`);
  const costs: Costs = JSON.parse(stdout);
  return costs;
};

const share = (cost: number, limit: number): string =>
  `${cost.toLocaleString('en')} of ${limit.toLocaleString('en')} (${((100 * cost) / limit).toFixed(1)} %)`;

// A first build of the API server's packages takes a minute or two.
it('the CEL rules cost at most a fifth of what the API server allows', { timeout: 600_000 }, async () => {
  const crd = await readFile(join(root, crdPath), 'utf8');
  const { total, totalLimit, ruleLimit, rules } = await celCost(crd);
  const costliest = rules.toSorted((one, other) => other.cost - one.cost)[0]!;
  console.log(`CEL cost: ${share(total, totalLimit)}`);
  console.log(`CEL cost of the costliest of ${rules.length} rules, at ${costliest.path}: ${share(costliest.cost, ruleLimit)}`);

  // Every rule was counted, and costs something.
  expect(rules).toHaveLength(crd.match(/^ *- rule: /gm)!.length);
  expect(Math.min(...rules.map(({ cost }) => cost))).toBeGreaterThan(0);
  expect(total).toBe(rules.reduce((sum, { cost }) => sum + cost, 0));
  expect(total).toBeLessThan(totalLimit / 5);
  expect(costliest.cost).toBeLessThan(ruleLimit / 5);
});

// Why case-blind duplicates among mail addresses are left to the operator; and whether we count as the API server does.
it('a rule that compares each mail address with all others costs 8.4 times what the API server allows', { timeout: 600_000 }, async () => {
  const crd = parse(await readFile(join(root, crdPath), 'utf8'));
  const { email } = crd.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.receivers.properties;
  const rule = 'self.all(a, self.exists_one(b, b.address.lowerAscii() == a.address.lowerAscii()))';
  email['x-kubernetes-validations'] = [{ rule, message: 'no duplicates' }];

  const { rules, ruleLimit } = await celCost(stringify(crd));
  const factor = rules.find((each) => each.rule === rule)!.cost / ruleLimit;
  expect(factor.toFixed(1)).toBe('8.4');

  const plane = await startControlPlane();
  onTestFinished(async () => plane.stop());
  const { code, stderr } = await plane.kubectl(['create', '-f', '-'], stringify(crd));
  expect(code).toBe(1);
  expect(stderr).toContain(`estimated rule cost exceeds budget by factor of ${factor.toFixed(1)}x`);
});
