import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ConfigError, help, readConfig, type Config } from '../../src/config.ts';
import type { Environment } from '../../src/config/azure.ts';

const webhook = {
  AZURE_CLIENT_ID: '22222222-2222-4222-8222-222222222222',
  AZURE_TENANT_ID: '11111111-1111-4111-8111-111111111111',
  AZURE_FEDERATED_TOKEN_FILE: '/var/run/token',
} satisfies Environment;

const read = (args: readonly string[] = [], environment: Environment = {}): Config => {
  const config = readConfig(args, { ...webhook, ...environment });
  if (typeof config === 'string') throw new Error(`${config} was asked for`);
  return config;
};
const mistakes = (args: readonly string[], environment: Environment = webhook): readonly string[] => {
  try {
    readConfig(args, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
};

describe('the configuration', () => {
  it('takes an empty variable for none', () => {
    const environment = { AKS_NOTIFIER_INTERVAL: '', AKS_NOTIFIER_NAMESPACE: '', POD_NAMESPACE: 'mine' };
    expect(read([], environment)).toMatchObject({ intervalMilliseconds: 600_000, namespace: 'mine' });
  });

  it('refuses an audience that is no address', () => {
    expect(mistakes([], { ...webhook, AZURE_RESOURCE_MANAGER_AUDIENCE: 'nonsense' })).toEqual([
      'AZURE_RESOURCE_MANAGER_AUDIENCE is "nonsense": write an address such as https://management.azure.com.',
    ]);
  });

  it('refuses an audience that is a scope of tokens already', () => {
    for (const audience of ['https://arm.example.com/.default', 'https://arm.example.com/.default/'])
      expect(mistakes([], { ...webhook, AZURE_RESOURCE_MANAGER_AUDIENCE: audience })).toEqual([
        'AZURE_RESOURCE_MANAGER_AUDIENCE is "https://arm.example.com/.default": leave out /.default, which the operator puts behind it.',
      ]);
  });

  it('is this without any flag', () => {
    expect(read()).toEqual({
      metricsAddress: { host: '', port: 8080 },
      healthAddress: { host: '', port: 8081 },
      namespace: undefined,
      installationId: undefined,
      intervalMilliseconds: 600_000,
      readyGraceMilliseconds: 300_000,
      concurrency: 4,
      watchNamespaces: [],
      watchLabelSelector: undefined,
      allowedScopes: [],
      secretNamespaces: [],
      leaderElection: {
        leaseName: 'aks-notifier',
        leaseMilliseconds: 15_000,
        renewDeadlineMilliseconds: 10_000,
        retryMilliseconds: 2000,
      },
      logLevel: 'info',
      logEncoding: 'json',
      podName: 'aks-notifier',
      azure: {
        clientId: webhook.AZURE_CLIENT_ID,
        tenantId: webhook.AZURE_TENANT_ID,
        tokenFile: '/var/run/token',
        authorityHost: 'https://login.microsoftonline.com',
        endpoint: 'https://management.azure.com',
        audience: 'https://management.azure.com',
        proxy: undefined,
      },
    });
  });

  it('is frozen', () => {
    expect(Object.isFrozen(read())).toBe(true);
  });

  it('takes the flag over the variable, and the variable over the default', () => {
    const variable = { AKS_NOTIFIER_LOG_LEVEL: 'warn' };
    expect(read([], variable).logLevel).toBe('warn');
    expect(read(['--log-level=debug'], variable).logLevel).toBe('debug');
    expect(read(['--log-level', 'debug'], variable).logLevel).toBe('debug');
  });

  it('has a variable for each flag', () => {
    expect(
      read([], {
        AKS_NOTIFIER_METRICS_ADDR: ':1',
        AKS_NOTIFIER_HEALTH_ADDR: ':2',
        AKS_NOTIFIER_NAMESPACE: 'ours',
        AKS_NOTIFIER_INSTALLATION_ID: 'blue',
        AKS_NOTIFIER_INTERVAL: '1h',
        AKS_NOTIFIER_READY_GRACE_PERIOD: '0',
        AKS_NOTIFIER_CONCURRENCY: '8',
      }),
    ).toMatchObject({
      metricsAddress: { port: 1 },
      healthAddress: { port: 2 },
      namespace: 'ours',
      installationId: 'blue',
      intervalMilliseconds: 3_600_000,
      readyGraceMilliseconds: 0,
      concurrency: 8,
    });
  });

  it('takes its namespace from the flag, its own variable, then POD_NAMESPACE', () => {
    const both = { AKS_NOTIFIER_NAMESPACE: 'variable', POD_NAMESPACE: 'pod' };
    expect(read(['--namespace=flag'], both).namespace).toBe('flag');
    expect(read([], both).namespace).toBe('variable');
    expect(read([], { POD_NAMESPACE: 'pod' }).namespace).toBe('pod');
  });

  it('knows its own name from the pod, else from the host', () => {
    expect(read([], { POD_NAME: 'pod', HOSTNAME: 'host' }).podName).toBe('pod');
    expect(read([], { HOSTNAME: 'host' }).podName).toBe('host');
  });

  it('is not read when help or the version is asked for, however wrong it is', () => {
    expect(readConfig(['--help', '--interval=never'], {})).toBe('help');
    expect(readConfig(['--version', '--interval=never'], {})).toBe('version');
    for (const flag of [
      '--metrics-addr',
      '--health-addr',
      '--namespace',
      '--installation-id',
      '--interval',
      '--ready-grace-period',
      '--concurrency',
      '--log-level',
    ])
      expect(help()).toContain(flag);
  });
});

describe('an address', () => {
  it.each([
    [':8080', { host: '', port: 8080 }],
    [':0', { host: '', port: 0 }],
    ['127.0.0.1:9090', { host: '127.0.0.1', port: 9090 }],
    ['localhost:9090', { host: 'localhost', port: 9090 }],
    ['[::1]:9090', { host: '::1', port: 9090 }],
    ['[::]:0', { host: '::', port: 0 }],
    ['0', undefined],
  ])('%s is understood', (text, address) => {
    expect(read([`--metrics-addr=${text}`]).metricsAddress).toEqual(address);
    expect(read([`--health-addr=${text}`]).healthAddress).toEqual(address);
  });

  it.each(['8080', ':65536', ':http', 'host', 'host:', ':-1', '00'])('“%s” is refused with the form it should have', (text) => {
    expect(mistakes([`--metrics-addr=${text}`])).toEqual([
      `--metrics-addr (or AKS_NOTIFIER_METRICS_ADDR) is "${text}": write [host]:port, such as :8080, or 0 to turn it off.`,
    ]);
  });
});

describe('a mistake', () => {
  it.each<[readonly string[], string]>([
    [['--interval=29s'], '--interval (or AKS_NOTIFIER_INTERVAL) is "29s": write a duration from 30s to 24h, such as 10m.'],
    [['--interval=25h'], '--interval (or AKS_NOTIFIER_INTERVAL) is "25h": write a duration from 30s to 24h, such as 10m.'],
    [['--interval=0'], '--interval (or AKS_NOTIFIER_INTERVAL) is "0": write a duration from 30s to 24h, such as 10m.'],
    [['--interval=10'], '--interval (or AKS_NOTIFIER_INTERVAL) is "10": write a duration from 30s to 24h, such as 10m.'],
    [
      ['--ready-grace-period=never'],
      '--ready-grace-period (or AKS_NOTIFIER_READY_GRACE_PERIOD) is "never": write a duration from 0 to 24h, such as 10m.',
    ],
    [['--concurrency=0'], '--concurrency (or AKS_NOTIFIER_CONCURRENCY) is "0": write a whole number from 1 to 64.'],
    [['--concurrency=1.5'], '--concurrency (or AKS_NOTIFIER_CONCURRENCY) is "1.5": write a whole number from 1 to 64.'],
    [['--concurrency=0x4'], '--concurrency (or AKS_NOTIFIER_CONCURRENCY) is "0x4": write a whole number from 1 to 64.'],
    [['--concurrency=65'], '--concurrency (or AKS_NOTIFIER_CONCURRENCY) is "65": write a whole number from 1 to 64.'],
    [
      ['--namespace=Foo Bar'],
      '--namespace (or AKS_NOTIFIER_NAMESPACE) is "Foo Bar", which can\'t be a namespace: write the name of the one that the operator runs in.',
    ],
    [['--concurrency=many'], '--concurrency (or AKS_NOTIFIER_CONCURRENCY) is "many": write a whole number from 1 to 64.'],
    [['--log-level=loud'], '--log-level (or AKS_NOTIFIER_LOG_LEVEL) is "loud": write one of trace, debug, info, warn, error.'],
    [['--installation-id=Prod!'], '--installation-id (or AKS_NOTIFIER_INSTALLATION_ID) is "Prod!": use at most 63 of a-z, 0-9 and -.'],
    [
      [`--installation-id=${'x'.repeat(64)}`],
      `--installation-id (or AKS_NOTIFIER_INSTALLATION_ID) is "${'x'.repeat(64)}": use at most 63 of a-z, 0-9 and -.`,
    ],
    [['--intervall=10m'], '--intervall is not a flag of aks-notifier: see --help.'],
    [['-v'], '-v is not a flag of aks-notifier: see --help.'],
    [['start'], '"start" is not a flag: see --help.'],
    [['--interval'], '--interval needs a value: --interval=….'],
  ])('in %j is named with its fix', (args, sentence) => {
    expect(mistakes(args)).toEqual([sentence]);
  });

  it.each([
    'metrics-addr',
    'health-addr',
    'namespace',
    'installation-id',
    'interval',
    'ready-grace-period',
    'concurrency',
    'watch-namespaces',
    'watch-label-selector',
    'allowed-scopes',
    'secret-namespaces',
    'log-level',
  ])('is --%s without a value, which never means its default', (flag) => {
    for (const empty of ['', ' '])
      expect(mistakes([`--${flag}=${empty}`])).toEqual([`--${flag} is given without a value: write --${flag}=…, or leave it out.`]);
  });

  it('is an empty flag behind one that says something', () => {
    const shop = '/subscriptions/aaaaaaaa-4444-4444-8444-444444444444/resourceGroups/shop';
    expect(mistakes([`--allowed-scopes=${shop}`, '--allowed-scopes='])).toEqual([expect.stringContaining('without a value')]);
  });

  it('is reported together with every other one', () => {
    const all = mistakes(['--interval=1s', '--concurrency=0', '--log-level=loud', '--metrics-addr=x', '--health-addr=x', '--foo'], {
      AZURE_AUTHORITY_HOST: 'http://login.example.com',
      AZURE_RESOURCE_MANAGER_ENDPOINT: 'nowhere',
    });
    expect(all).toHaveLength(9);
    expect(new ConfigError(all).message.split('\n')).toEqual(all);
  });
});

describe('the scopes that are allowed', () => {
  const shop = '/subscriptions/aaaaaaaa-4444-4444-8444-444444444444/resourceGroups/shop';

  it('are for all namespaces, or for the one that stands before them', () => {
    expect(read([`--allowed-scopes=${shop}/, team-a=${shop}-(a) ,`]).allowedScopes).toEqual([
      { prefix: shop, namespace: undefined },
      { prefix: `${shop}-(a)`, namespace: 'team-a' },
    ]);
    expect(read([], { AKS_NOTIFIER_ALLOWED_SCOPES: `constructor=${shop}` }).allowedScopes).toEqual([
      { prefix: shop, namespace: 'constructor' },
    ]);
  });

  it.each([
    '/subscriptions/aaaaaaaa-4444-4444-8444-444444444444',
    shop.toUpperCase(),
    `${shop}/providers/Microsoft.Insights/actionGroups/On Call`,
  ])('%s is one', (prefix) => {
    expect(read([`--allowed-scopes=${prefix}`]).allowedScopes).toEqual([{ prefix, namespace: undefined }]);
  });

  it.each([
    'shop',
    '/subscriptions/shop',
    '/subscriptions/aaaaaaaa-4444-4444-8444-444444444444/shop',
    `${shop}/..`,
    `${shop}/providers`,
    `${shop}/providers/Microsoft.Insights/actionGroups`,
    `${shop}%2e`,
    '/subscriptions/aaaaaaaa-4444-4444-8444-444444444444/resourceGroups/..',
    '/subscriptions/aaaaaaaa-4444-4444-8444-444444444444/resourceGroups/...',
    '/subscriptions/aaaaaaaa-4444-4444-8444-444444444444/resourceGroups/#',
    `${shop}=`,
    `${shop} ${shop}`,
    `${shop}/providers/Microsoft.Insights/actionGroups/...`,
    `${shop}/providers/Microsoft.Insights/actionGroups/ #x`,
    '/providers/Microsoft.Management/managementGroups/root',
    'team-a=',
  ])('%s is none, and the form is told', (prefix) => {
    expect(mistakes([`--allowed-scopes=${prefix}`])).toEqual([
      `--allowed-scopes (or AKS_NOTIFIER_ALLOWED_SCOPES) lists "${prefix}": write the full id of a subscription, a resource group or a resource, such as /subscriptions/<id>/resourceGroups/shop, with a namespace and = in front of it if it is for that one only.`,
    ]);
  });

  it.each(['Team_A', ''])('for a namespace that can’t be one (“%s”) are refused', (namespace) => {
    expect(mistakes([`--allowed-scopes=${namespace}=${shop}`])).toEqual([
      `--allowed-scopes (or AKS_NOTIFIER_ALLOWED_SCOPES) lists "${namespace}=${shop}", where "${namespace}" can't be a namespace: write namespace=/subscriptions/….`,
    ]);
  });

  it('are never everything by mistake', () => {
    expect(mistakes(['--allowed-scopes=,'])).toEqual([
      '--allowed-scopes (or AKS_NOTIFIER_ALLOWED_SCOPES) is ",", which names no scope: leave it out to allow everything.',
    ]);
  });
});

describe('the namespaces of Secrets', () => {
  it('are named one by one', () => {
    expect(read(['--secret-namespaces=team-a, team-b']).secretNamespaces).toEqual(['team-a', 'team-b']);
    expect(mistakes(['--secret-namespaces=Team', '--secret-namespaces=,'])).toEqual([
      '--secret-namespaces (or AKS_NOTIFIER_SECRET_NAMESPACES) is ",", which names no namespace: leave it out to read none.',
    ]);
  });
});

describe('the sign-in to Azure', () => {
  it('needs what the webhook injects, and says how it is injected', () => {
    expect(mistakes([], {})).toEqual([
      'AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE are not set: the workload identity webhook sets them for a pod labelled azure.workload.identity/use: "true" whose ServiceAccount is annotated with azure.workload.identity/client-id.',
    ]);
    expect(mistakes([], { ...webhook, AZURE_TENANT_ID: '' })[0]).toMatch(/^AZURE_TENANT_ID is not set:/);
  });

  it('needs a client id in place of what stands for it in install.yaml', () => {
    expect(mistakes([], { ...webhook, AZURE_CLIENT_ID: 'YOUR_CLIENT_ID' })).toEqual([
      'AZURE_CLIENT_ID is "YOUR_CLIENT_ID", which is no client id: write that of the operator\'s identity into the annotation azure.workload.identity/client-id of its ServiceAccount and restart its pods.',
    ]);
  });

  it.each<[Environment, Partial<Config['azure']>]>([
    [{ AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/' }, { authorityHost: 'https://login.microsoftonline.com' }],
    [{ AZURE_AUTHORITY_HOST: 'https://LOGIN.example.com:8443//' }, { authorityHost: 'https://login.example.com:8443' }],
    [{ AZURE_AUTHORITY_HOST: '' }, { authorityHost: 'https://login.microsoftonline.com' }],
    [
      { AZURE_RESOURCE_MANAGER_ENDPOINT: 'https://management.azure.com/' },
      { endpoint: 'https://management.azure.com', audience: 'https://management.azure.com' },
    ],
    [
      { AZURE_RESOURCE_MANAGER_ENDPOINT: 'https://management.chinacloudapi.cn/' },
      { endpoint: 'https://management.chinacloudapi.cn', audience: 'https://management.chinacloudapi.cn' },
    ],
    [
      { AZURE_RESOURCE_MANAGER_ENDPOINT: 'https://127.0.0.1:8443/' },
      { endpoint: 'https://127.0.0.1:8443', audience: 'https://management.azure.com' },
    ],
    [
      { AZURE_RESOURCE_MANAGER_ENDPOINT: 'https://127.0.0.1:8443', AZURE_RESOURCE_MANAGER_AUDIENCE: 'https://arm.example.com/' },
      { endpoint: 'https://127.0.0.1:8443', audience: 'https://arm.example.com' },
    ],
    [{ AZURE_RESOURCE_MANAGER_AUDIENCE: '' }, { audience: 'https://management.azure.com' }],
  ])('reads %j', (environment, expected) => {
    expect(read([], environment).azure).toMatchObject(expected);
  });

  it.each(['http://login.example.com', 'login.example.com', 'ftp://x', 'https://x?y=1', 'https://x/#y', 'https://me@x'])(
    'refuses the address %s',
    (text) => {
      expect(mistakes([], { ...webhook, AZURE_AUTHORITY_HOST: text })).toEqual([
        `AZURE_AUTHORITY_HOST is "${text}": write an https:// address such as https://login.microsoftonline.com, without ?, # or @.`,
      ]);
    },
  );

  it.each<[Environment, string | undefined]>([
    [{}, undefined],
    [{ HTTPS_PROXY: '' }, undefined],
    [{ HTTPS_PROXY: 'http://proxy:3128' }, 'http://proxy:3128'],
    [{ HTTPS_PROXY: 'http://user:secret@proxy:3128/' }, 'http://proxy:3128'],
    [{ https_proxy: 'https://proxy' }, 'https://proxy'],
    [{ HTTPS_PROXY: 'http://one', ALL_PROXY: 'http://two', HTTP_PROXY: 'http://three' }, 'http://one'],
    [{ all_proxy: 'http://two', HTTP_PROXY: 'http://three' }, 'http://two'],
    [{ HTTP_PROXY: 'http://three' }, 'http://three'],
  ])('takes %j for the proxy %s, without its password', (environment, proxy) => {
    expect(read([], environment).azure.proxy).toBe(proxy);
  });

  it.each(['proxy:3128', 'user:secret@proxy', 'socks5://user:secret@proxy', 'http://user:secret@'])(
    'refuses a proxy that can not be used, without showing it: %s',
    (text) => {
      expect(mistakes([], { ...webhook, https_proxy: text })).toEqual([
        'https_proxy is no address of a proxy: write one such as http://proxy.contoso.com:3128.',
      ]);
    },
  );

  it.each([
    { AZURE_RESOURCE_MANAGER_ENDPOINT: 'https://management.usgovcloudapi.net' },
    { AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.us/' },
  ])('refuses a cloud whose alerts can’t query Resource Graph: %j', (environment) => {
    const [only, ...others] = mistakes([], { ...webhook, ...environment });
    expect(only).toMatch(
      /^https:\/\/\S+ belongs to a cloud whose alert rules can't query Azure Resource Graph, so maintenance can't be announced there\.$/,
    );
    expect(others).toEqual([]);
  });
});

describe('selectors and election', () => {
  it('reads namespaces and a selector, whose lease has a name of its own', () => {
    const config = read(['--watch-namespaces=blue, green,blue', '--watch-label-selector=shard in (a, b)']);
    expect(config.watchNamespaces).toEqual(['blue', 'green']);
    expect(config.watchLabelSelector).toBe('shard in (a, b)');
    // As `printf 'shard in (a, b)' | sha256sum | cut -c1-10` has it, and Helm's sha256sum.
    const hash = createHash('sha256').update('shard in (a, b)').digest('hex').slice(0, 10);
    expect(config.leaderElection?.leaseName).toBe(`aks-notifier-${hash}`);
  });

  it.each(['a', '!a', 'a=b', 'a==b', 'a!=b', 'a in (b,c)', 'contoso.com/a notin ( b )', 'a=,b', 'a=b, !c, d in (e)'])(
    'takes %s',
    (selector) => {
      expect(read([`--watch-label-selector=${selector}`]).watchLabelSelector).toBe(selector);
    },
  );

  it.each(['a=b=c', 'a in b', '=b', 'a,,b', 'a in (b', '(a)', 'a b', 'a=b;c', `a=${'b'.repeat(64)}`])(
    'refuses the selector %s',
    (selector) => {
      expect(mistakes([`--watch-label-selector=${selector}`])).toEqual([expect.stringContaining('write a label selector')]);
    },
  );

  it('needs no election where it is turned off', () => {
    expect(read(['--enable-leader-election=false']).leaderElection).toBeUndefined();
  });

  it.each([
    ['--watch-namespaces=Blue', 'names "Blue"'],
    ['--watch-namespaces=,', 'names no namespace'],
    ['--enable-leader-election=yes', 'write one of true, false'],
    ['--log-encoding=xml', 'write one of json, console'],
    ['--leader-election-lease-duration=20500ms', 'whole seconds'],
    ['--leader-election-renew-deadline=14s', 'nine tenths'],
    ['--leader-election-retry-period=6s', 'half of --leader-election-renew-deadline'],
    ['--leader-election-lease-duration=soon', 'write a duration'],
  ])('says what is wrong with %s', (flag, expected) => {
    expect(mistakes([flag])).toEqual([expect.stringContaining(expected)]);
  });
});
