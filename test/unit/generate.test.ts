import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { luaPath } from '../../scripts/generate/argocd-config.ts';
import { crdPath, crdTemplate } from '../../scripts/generate/crd-template.ts';
import { chartReadme } from '../../scripts/generate/chart-readme.ts';
import { chartSchema } from '../../scripts/generate/chart-schema.ts';
import { chartValues, leavesOf, valuesPath } from '../../scripts/generate/chart-values.ts';
import { reference } from '../../scripts/generate/reference.ts';
import { types } from '../../scripts/generate/types.ts';

const root = join(import.meta.dirname, '../..');
const crd = readFileSync(join(root, crdPath), 'utf8');
const typesPath = 'src/api/maintenance-notification.ts';
const referencePath = 'docs/reference.md';
const templatePath = 'charts/aks-notifier/templates/crd.yaml';
const schemaPath = 'charts/aks-notifier/values.schema.json';
const readmePath = 'charts/aks-notifier/README.md';
const configPath = 'examples/argocd/argocd-cm.yaml';
const outputs = [
  [typesPath, crdPath],
  [referencePath, crdPath],
  [templatePath, crdPath],
  [schemaPath, valuesPath],
  [readmePath, valuesPath],
  [configPath, luaPath],
] as const;

describe('generate', () => {
  let copy: string;
  const generate = (...args: readonly string[]): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, ['scripts/generate.ts', ...args], { cwd: copy, encoding: 'utf8' });

  beforeEach(() => {
    copy = mkdtempSync(join(tmpdir(), 'generate-'));
    for (const path of ['scripts', 'crds', 'package.json', typesPath, referencePath, 'charts', luaPath, configPath])
      cpSync(join(root, path), join(copy, path), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  });
  afterEach(() => rmSync(copy, { recursive: true }));

  it('finds what is committed up to date', () => {
    expect(generate('--check')).toMatchObject({ status: 0, stderr: '' });
  });

  it.each(outputs)('--check names %s when it is stale, and leaves it as it is', (path, source) => {
    writeFileSync(join(copy, path), 'changed by hand\n');
    expect(generate('--check')).toMatchObject({
      status: 1,
      stderr: `${path} isn't what ${source} says: run \`npm run generate\` and commit the result.\n`,
    });
    expect(readFileSync(join(copy, path), 'utf8')).toBe('changed by hand\n');
  });

  it('--check names every file when the CRD was changed alone', () => {
    writeFileSync(join(copy, crdPath), crd.replaceAll('suspend stops', 'suspend halts'));
    const { status, stderr } = generate('--check');
    expect(status).toBe(1);
    expect(stderr).toContain(typesPath);
    expect(stderr).toContain(templatePath);
  });

  it('writes stale and missing files', () => {
    writeFileSync(join(copy, typesPath), 'stale\n');
    rmSync(join(copy, 'charts/aks-notifier/templates'), { recursive: true });
    expect(generate()).toMatchObject({ status: 0 });
    for (const [path] of outputs) {
      expect(readFileSync(join(copy, path), 'utf8')).toBe(readFileSync(join(root, path), 'utf8'));
    }
  });
});

describe('the types', () => {
  it('are read-only throughout', () => {
    const members = types(crd)
      .split('\n')
      .filter((line) => /^ +[\w ]+\??: /.test(line));
    expect(members.length).toBeGreaterThan(100);
    expect(members.filter((line) => !line.startsWith('  readonly '))).toEqual([]);
  });

  it('make every field optional that the CRD does not require', () => {
    const source = types(crd);
    expect(source).toContain('  readonly clusterResourceId: string;\n');
    expect(source).toContain('  readonly email?: readonly EmailReceiver[];\n');
    expect(source).toContain('  readonly customProperties?: Readonly<Record<string, string>>;\n');
    expect(source).toContain("export type ReaderScope = 'Cluster' | 'ResourceGroup' | 'Subscription';\n");
  });

  it('are refused for a name whose place is gone', () => {
    expect(() => types(crd.replace('                readerScopes:\n', '                scopes:\n'))).toThrow(
      `scripts/generate/types.ts names places that ${crdPath} doesn't have: .spec.readerScopes[]`,
    );
  });

  it('are refused for one name of two shapes', () => {
    const differently = crd.replace(/( +voice:\n(?:.*\n)*?) {26}phoneNumber:/, '$1                          number:');
    expect(differently).not.toBe(crd);
    expect(() => types(differently)).toThrow("isn't of the same shape as the other PhoneReceiver");
  });
});

describe('the page about the kind', () => {
  const page = reference(crd);

  it('says of every field of the spec what counts when it is left out', () => {
    const rows = [...page.split('## status\n')[0]!.matchAll(/^\| \[?`(\w+)`.*? \| .*? \| (.*?) \| .*$/gm)];
    expect(rows.length).toBeGreaterThan(70);
    // These go by another field, which their description names.
    const either = /^(?:serviceUri|callbackUrl|httpTriggerUrl|resourceId)/;
    expect(rows.filter(([, name, leftOut]) => leftOut === '' && !either.test(name!)).map(([row]) => row)).toEqual([]);
  });

  it('leads to a section for every group of fields', () => {
    const sections = [...page.matchAll(/^## ((?:spec|status)\S*)$/gm)].map(([, path]) => path!.toLowerCase().replaceAll(/[.[\]]/g, ''));
    const links = [...page.matchAll(/\]\(#(\w+)\)/g)].map(([, anchor]) => anchor!);
    expect(sections.toSorted()).toEqual(['spec', 'status', ...links].toSorted());
  });

  it('says what the API server refuses, and what never changes', () => {
    expect(page).toContain('- nobody would be told: set at least one of receivers and actionGroupIds');
    expect(page).toMatch(/^\| `clusterResourceId` \| string, at most 300 characters \| \*\*required\*\* \| .* \*\*Immutable\.\*\*/m);
    expect(page).toMatch(/^\| `suspend` \| boolean \| `false` \| /m);
  });
});

describe('the template of the CRD', () => {
  it('passes on what looks like a template of Helm', () => {
    expect(crdTemplate(crd.replace('suspend stops', '{{ suspend }} stops'))).toContain('{{ "{{" }} suspend }} stops');
  });

  it('is refused for a CRD of another name', () => {
    expect(() => crdTemplate(crd.replace('  name: maintenancenotifications', '  name: others'))).toThrow(/has no line `name: maintenance/);
  });
});

describe('the values of the chart', () => {
  const yaml = readFileSync(join(root, valuesPath), 'utf8');
  const values = leavesOf(chartValues(yaml));

  it('stand in the README with their defaults and comments, every one', () => {
    const readme = readFileSync(join(root, readmePath), 'utf8');
    const rows = readme.split('\n').filter((line) => line.startsWith('| `'));
    for (const { path, default: value } of values)
      expect(rows.filter((row) => row.startsWith(`| \`${path}\` | \`${JSON.stringify(value)}\` | `))).toHaveLength(1);
    expect(values.length).toBeGreaterThan(90);
  });

  it('stand in the schema, which knows no others', () => {
    const pathsOf = (schema: Schema, prefix = ''): readonly string[] =>
      Object.entries(schema.properties ?? {}).flatMap(([name, each]) =>
        each.properties ? pathsOf(each, `${prefix}${name}.`) : [`${prefix}${name}`],
      );
    const known = pathsOf(JSON.parse(readFileSync(join(root, schemaPath), 'utf8')));
    const inValues = values.map(({ path }) => path.replace(/^global\..*/, 'global'));
    expect(known.toSorted()).toEqual([...new Set([...inValues, 'enabled'])].toSorted());
  });

  it("are strict below the root, and loose only where the keys are the user's or Kubernetes' own", () => {
    const looseOf = (schema: Schema, path = ''): readonly string[] => [
      ...(schema.type === 'object' && schema.additionalProperties !== false ? [path] : []),
      ...Object.entries(schema.properties ?? {}).flatMap(([name, each]) => looseOf(each, `${path}.${name}`)),
    ];
    const loose = looseOf(JSON.parse(readFileSync(join(root, schemaPath), 'utf8')));
    expect(loose.filter((path) => !/(annotations|labels|podAnnotations|podLabels)$/i.test(path))).toEqual([
      '.global',
      '.podSecurityContext',
      '.securityContext',
      '.resources',
      '.nodeSelector',
      '.affinity',
    ]);
  });

  it('are refused without a comment', () => {
    expect(() => chartValues('a:\n  # says something\n  b: 1\n  c: 2\n')).toThrow(`${valuesPath} says nothing about a.c`);
    expect(chartReadme('# Says | something.\na: 1\n', 'kubeVersion: ">=1.29.0-0"')).toContain('| `a` | `1` | Says \\| something. |');
  });

  it('are refused when the schema says more about one that is gone', () => {
    expect(() => chartSchema(yaml.replace('logLevel: info', 'logLevels: info'))).toThrow(
      `scripts/generate/chart-schema.ts names values that ${valuesPath} doesn't have: logLevel`,
    );
  });
});

interface Schema {
  readonly type?: string;
  readonly additionalProperties?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
}
