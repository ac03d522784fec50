/**
 * A real Kubernetes API: etcd and kube-apiserver, RBAC and audit log on, about 2.5 s to start. Nothing else of a cluster is here: no
 * kubelet (`pocket-kubelet.ts` plays one), no garbage collection, no end of a namespace's deletion, no aggregation of ClusterRoles.
 */
import { createHash, createPublicKey, generateKeyPair, randomBytes, randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Agent, request as send } from 'undici';
import { stringify } from 'yaml';
import { provideTools } from '../../tools/provide.ts';
import { type AuditEvent, type AuditFilter, auditPolicy, auditReader, selects } from './audit-log.ts';
import { listen } from './listen.ts';
import { type LocalProcess, type Result, removeDirectory, run, startProcess, temporaryDirectory } from './process.ts';
import { waitFor } from './wait.ts';

export type { AuditEvent } from './audit-log.ts';

export interface Answer<Body> {
  readonly status: number;
  /** JSON as the caller says it looks, unchecked; text where the answer isn't JSON. */
  readonly body: Body;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface RequestOptions {
  readonly body?: unknown;
  /** Default: `application/json`, for PATCH `application/merge-patch+json`. */
  readonly contentType?: string;
  /** Whose bearer token; default: the administrator's. An empty one means an anonymous request. */
  readonly token?: string;
}

export interface TokenOptions {
  /** Default: the API server itself. */
  readonly audiences?: readonly string[];
  /** Kubernetes' least is 600, its default 3600. */
  readonly expirationSeconds?: number;
  /** Binds the token to a pod: it ends with that. */
  readonly pod?: { readonly name: string; readonly uid: string };
}

export interface KubeconfigOptions {
  /** Where the file is put. */
  readonly directory: string;
  readonly token?: string;
  /** Path of a file that holds the token; used instead of `token`. */
  readonly tokenFile?: string;
  readonly namespace?: string;
}

export type Part = 'etcd' | 'kube-apiserver';

export interface ControlPlane {
  /** `https://127.0.0.1:PORT` */
  readonly server: string;
  /** PEM of what the server's certificate is to be checked against. */
  readonly ca: string;
  /** The issuer of ServiceAccount tokens: the server. Its discovery document and keys can be read by anyone, as those of AKS. */
  readonly issuer: string;
  readonly jwksUri: string;
  /** PKCS #8 PEM of the RSA key that ServiceAccount tokens are signed with (RS256), so that tests can sign bad ones. */
  readonly signingKey: string;
  /** The key's `kid`, as the API server publishes it. */
  readonly signingKeyId: string;
  /** Everything this control plane has on disk; removed by `stop`. */
  readonly directory: string;
  /** Path of a kubeconfig for `adminToken`. */
  readonly adminKubeconfig: string;
  /** Token of the user `admin`, who may do everything. */
  readonly adminToken: string;
  /** Token of the user `pocket-kubelet`, who may do everything too, but is told apart in the audit log. */
  readonly kubeletToken: string;
  /** Sends one request. An HTTP error is an answer, not an exception. */
  request<Body = unknown>(method: Method, path: string, options?: RequestOptions): Promise<Answer<Body>>;
  /** What kubectl and helm are run with: an administrator's kubeconfig, helm's own folders. */
  readonly environment: Readonly<Record<string, string>>;
  /** Runs kubectl as administrator. */
  kubectl(args: readonly string[], input?: string): Promise<Result>;
  /** Runs helm as administrator, with caches and settings of its own. */
  helm(args: readonly string[]): Promise<Result>;
  /** Makes a namespace `<prefix>-<random>` with its ServiceAccount `default`, and gives back its name. */
  createNamespace(prefix: string): Promise<string>;
  /** The requests that were answered so far, oldest first. */
  auditEvents(filter?: AuditFilter): Promise<readonly AuditEvent[]>;
  /** A new token of a ServiceAccount. @throws Error when the API server refuses */
  serviceAccountToken(namespace: string, name: string, options?: TokenOptions): Promise<string>;
  /** Writes a kubeconfig, and gives back its path. */
  kubeconfigFor(options: KubeconfigOptions): Promise<string>;
  /** Process ids. */
  pids(): Readonly<Record<Part, number>>;
  /** Kills one part, runs `whileDown`, starts it again with all it knew, and waits until it is ready. */
  restart(part: Part, whileDown?: () => Promise<void>): Promise<void>;
  /**
   * Makes etcd forget all past versions of all objects, as it does every few minutes in a real cluster. The API server remembers the last
   * events by itself, until it is restarted: then a watch from an older version is answered with 410.
   */
  compact(): Promise<void>;
  /** Ends both programs and removes the directory. */
  stop(): Promise<void>;
}

/** Lets anyone read issuer and keys, which is what makes a cluster's issuer one that Entra can trust. */
const publicIssuer = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'public-service-account-issuer' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:service-account-issuer-discovery' },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:unauthenticated' }],
};

/** A port that was free a moment ago; the next moment somebody else may have it. */
const freePort = async (): Promise<number> => {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
};

/** Key pair of the ServiceAccount issuer, and the key's id as kube-apiserver derives it: the SHA-256 of its public part. */
const signingKeyPair = async (): Promise<{ readonly signingKey: string; readonly signingKeyId: string }> => {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return {
    signingKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    signingKeyId: createHash('sha256').update(publicKey).digest('base64url'),
  };
};

/** Waits for what a program makes when it is ready; a program that ends before that is an error, with what it said last. */
const readyOrDead = async <T>(part: Part, program: LocalProcess, probe: () => Promise<T | undefined>): Promise<T> => {
  const failure = (how: string): Error =>
    new Error(`${part} ${how}. It said last:\n${program.log().trim().split('\n').slice(-15).join('\n')}`);
  try {
    const outcome = await waitFor(
      `ready ${part}`,
      async () => {
        if (!program.isRunning()) return { alive: false } as const;
        const value = await probe();
        return value !== undefined && ({ alive: true, value } as const);
      },
      60_000,
    );
    if (outcome.alive) return outcome.value;
  } catch (error) {
    await program.stop();
    throw failure(`was never ready (${String(error)})`);
  }
  throw failure('ended while it started');
};

/** Whether somebody listens on this Unix socket. */
const accepts = async (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const connection = connect(socket);
    connection.once('connect', () => resolve(true)).once('error', () => resolve(false));
    connection.once('connect', () => connection.destroy());
  });

/** The program `etcd` on a Unix socket: unlike a port, nobody else can have that. */
const startEtcd = async (program: string, directory: string): Promise<LocalProcess> => {
  const sockets = { client: join(directory, 'etcd.sock'), peer: join(directory, 'peer.sock') };
  // 108 bytes are all that a socket's path may have on Linux.
  if (sockets.client.length > 100) throw new Error(`${directory} is too long a path for a socket: set TMPDIR to a short one`);
  // What a killed etcd leaves behind would stand in the way.
  await Promise.all(Object.values(sockets).map(async (socket) => rm(socket, { force: true })));
  // Advertised to no one: there is one member, and one client that is told the socket.
  const nobody = 'http://localhost:1';
  const etcd = await startProcess({
    command: program,
    args: [
      '--name=main',
      `--data-dir=${join(directory, 'etcd')}`,
      '--unsafe-no-fsync',
      '--log-level=warn',
      `--listen-client-urls=unix://${sockets.client}`,
      `--advertise-client-urls=${nobody}`,
      `--listen-peer-urls=unix://${sockets.peer}`,
      `--initial-advertise-peer-urls=${nobody}`,
      `--initial-cluster=main=${nobody}`,
    ],
    env: {},
    cwd: directory,
    logFile: join(directory, 'etcd.log'),
  });
  // kube-apiserver loses a second when its first attempt meets nobody, so it is started only now.
  await readyOrDead('etcd', etcd, async () => (await accepts(sockets.client)) || undefined);
  return etcd;
};

/** Asks etcd by way of its JSON gateway. @throws Error when it refuses */
const askEtcd = async <Body>(directory: string, path: string, body: unknown): Promise<Body> => {
  const dispatcher = new Agent({ connect: { socketPath: join(directory, 'etcd.sock') } });
  try {
    const answer = await send(`http://localhost${path}`, { dispatcher, method: 'POST', body: JSON.stringify(body) });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`etcd answered ${answer.statusCode} to ${path}: ${text}`);
    const parsed: Body = JSON.parse(text);
    return parsed;
  } finally {
    await dispatcher.close();
  }
};

interface Files {
  readonly directory: string;
  readonly certificate: string;
  readonly auditLog: string;
  readonly auditPolicy: string;
  readonly signingKey: string;
  readonly tokens: string;
}

const startApiServer = async (program: string, files: Files, port: number): Promise<LocalProcess> => {
  const server = `https://127.0.0.1:${port}`;
  return startProcess({
    command: program,
    args: [
      `--etcd-servers=unix://${join(files.directory, 'etcd.sock')}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      // It makes its own certificate here, and takes the same one after a restart.
      `--cert-dir=${join(files.directory, 'certificates')}`,
      '--authorization-mode=RBAC',
      `--token-auth-file=${files.tokens}`,
      `--service-account-key-file=${files.signingKey}`,
      `--service-account-signing-key-file=${files.signingKey}`,
      `--service-account-issuer=${server}`,
      // Else it would name the machine's own address, which isn't in the certificate.
      `--service-account-jwks-uri=${server}/openid/v1/jwks`,
      '--service-cluster-ip-range=10.96.0.0/16',
      '--allow-privileged=true',
      // It would wait for `default` ServiceAccounts, which a controller makes that isn't here.
      '--disable-admission-plugins=ServiceAccount',
      `--audit-policy-file=${files.auditPolicy}`,
      `--audit-log-path=${files.auditLog}`,
      // Written before the request is done with, so that no event is ever lost or dropped.
      '--audit-log-mode=blocking',
      '--audit-log-format=json',
      // Megabytes: far beyond what a test writes, because a rotated file would be missed.
      '--audit-log-maxsize=100000',
    ],
    env: {},
    cwd: files.directory,
    logFile: join(files.directory, 'kube-apiserver.log'),
  });
};

type Client = <Body = unknown>(method: Method, path: string, options?: RequestOptions) => Promise<Answer<Body>>;

const client = (server: string, dispatcher: Agent, adminToken: string): Client => {
  return async <Body>(method: Method, path: string, options: RequestOptions = {}): Promise<Answer<Body>> => {
    const token = options.token ?? adminToken;
    const contentType = options.contentType ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
    const response = await send(`${server}${path}`, {
      dispatcher,
      method,
      headers: {
        accept: 'application/json, */*',
        ...(token !== '' && { authorization: `Bearer ${token}` }),
        ...(options.body !== undefined && { 'content-type': contentType }),
      },
      body: options.body === undefined ? null : JSON.stringify(options.body),
    });
    const text = await response.body.text();
    const isJson = String(response.headers['content-type']).includes('json');
    const body: Body = JSON.parse(isJson ? text : JSON.stringify(text));
    return { status: response.statusCode, body };
  };
};

const expectStatus = <Body>(what: string, answer: Answer<Body>): Body => {
  if (answer.status < 300) return answer.body;
  throw new Error(`the API server refused to ${what}: ${answer.status} ${JSON.stringify(answer.body)}`);
};

interface Running {
  readonly program: LocalProcess;
  readonly ca: string;
  readonly dispatcher: Agent;
  readonly port: number;
}

/** Waits until the API server says that it is ready, in a voice that only it has: its certificate. */
const untilReady = async (program: LocalProcess, files: Files, port: number): Promise<Running> =>
  readyOrDead('kube-apiserver', program, async () => {
    const ca = await readFile(files.certificate, 'utf8');
    const dispatcher = new Agent({ connect: { ca }, allowH2: false });
    try {
      const { statusCode, body } = await send(`https://127.0.0.1:${port}/readyz`, { dispatcher });
      await body.dump();
      if (statusCode === 200) return { program, ca, dispatcher, port };
    } catch {
      // Not yet.
    }
    await dispatcher.destroy();
    return undefined;
  });

/** Starts the API server on a free port, and on another one when somebody was faster to take it. */
const startSomewhere = async (program: string, files: Files): Promise<Running> => {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const server = await startApiServer(program, files, port);
    try {
      return await untilReady(server, files, port);
    } catch (error) {
      if (attempt === 5 || !server.log().includes(`listen tcp 127.0.0.1:${port}: bind: address already in use`)) throw error;
    }
  }
};

const assemble = async (directory: string, running: { etcd?: LocalProcess; apiServer?: LocalProcess }): Promise<ControlPlane> => {
  const [tools, key] = await Promise.all([provideTools(), signingKeyPair()]);
  const files: Files = {
    directory,
    certificate: join(directory, 'certificates', 'apiserver.crt'),
    auditLog: join(directory, 'audit.log'),
    auditPolicy: join(directory, 'audit-policy.yaml'),
    signingKey: join(directory, 'service-account.key'),
    tokens: join(directory, 'tokens.csv'),
  };
  const adminToken = randomBytes(16).toString('hex');
  const kubeletToken = randomBytes(16).toString('hex');
  await Promise.all([
    writeFile(files.auditPolicy, stringify(auditPolicy)),
    writeFile(files.signingKey, key.signingKey),
    writeFile(files.tokens, `${adminToken},admin,admin,system:masters\n${kubeletToken},pocket-kubelet,pocket-kubelet,system:masters\n`),
  ]);

  running.etcd = await startEtcd(tools.etcd, directory);
  const { ca, dispatcher, port, program } = await startSomewhere(tools.kubeApiserver, files);
  running.apiServer = program;

  const server = `https://127.0.0.1:${port}`;
  const request = client(server, dispatcher, adminToken);
  const readAudit = auditReader(files.auditLog);

  const kubeconfigFor = async (options: KubeconfigOptions): Promise<string> => {
    const user = options.tokenFile === undefined ? { token: options.token } : { tokenFile: options.tokenFile };
    const path = join(options.directory, `kubeconfig-${randomBytes(4).toString('hex')}.yaml`);
    const kubeconfig = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'local', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
      users: [{ name: 'user', user }],
      contexts: [{ name: 'local', context: { cluster: 'local', user: 'user', namespace: options.namespace } }],
      'current-context': 'local',
    };
    await writeFile(path, stringify(kubeconfig), { mode: 0o600 });
    return path;
  };

  const adminKubeconfig = await kubeconfigFor({ directory, token: adminToken });
  const env = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: directory,
    KUBECONFIG: adminKubeconfig,
    HELM_CACHE_HOME: join(directory, 'helm', 'cache'),
    HELM_CONFIG_HOME: join(directory, 'helm', 'config'),
    HELM_DATA_HOME: join(directory, 'helm', 'data'),
  };
  await mkdir(env.HELM_CACHE_HOME, { recursive: true });
  expectStatus(
    'publish the issuer',
    await request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', { body: publicIssuer }),
  );

  return {
    server,
    ca,
    issuer: server,
    jwksUri: `${server}/openid/v1/jwks`,
    ...key,
    directory,
    adminKubeconfig,
    adminToken,
    kubeletToken,
    request,
    kubeconfigFor,
    environment: env,
    kubectl: async (args, input) => run(tools.kubectl, args, { env, input }),
    helm: async (args) => run(tools.helm, args, { env }),

    createNamespace: async (prefix) => {
      const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { generateName: `${prefix}-` } };
      const made = await request<{ metadata: { name: string } }>('POST', '/api/v1/namespaces', { body: namespace });
      const { name } = expectStatus(`create a namespace ${prefix}-…`, made).metadata;
      // A controller's work in a whole cluster.
      const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
      const answer = await request('POST', `/api/v1/namespaces/${name}/serviceaccounts`, { body: account });
      expectStatus(`create the ServiceAccount ${name}/default`, answer);
      return name;
    },

    auditEvents: async (filter = {}) => {
      // An event is written just after its answer was sent. So ask something recognisable, and read until that is there.
      const fence = `/version?fence=${randomUUID()}`;
      await request('GET', fence);
      const events = await waitFor('audit event of the fence', async () => {
        const all = await readAudit();
        return all.some(({ uri }) => uri === fence) && all;
      });
      return events.filter((event) => !event.uri.startsWith('/version?fence=') && selects(filter, event));
    },

    serviceAccountToken: async (namespace, name, options = {}) => {
      const { audiences, expirationSeconds, pod } = options;
      const boundObjectRef = pod && { apiVersion: 'v1', kind: 'Pod', ...pod };
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences, expirationSeconds, boundObjectRef } };
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
      const answer = await request<{ status: { token: string } }>('POST', path, { body });
      return expectStatus(`mint a token for ${namespace}/${name}`, answer).status.token;
    },

    pids: () => ({ etcd: running.etcd!.pid, 'kube-apiserver': running.apiServer!.pid }),

    restart: async (part, whileDown) => {
      if (part === 'etcd') {
        await running.etcd!.stop();
        await whileDown?.();
        running.etcd = await startEtcd(tools.etcd, directory);
      } else {
        await running.apiServer!.stop();
        await whileDown?.();
        running.apiServer = await startApiServer(tools.kubeApiserver, files, port);
      }
      const { dispatcher: own } = await untilReady(running.apiServer!, files, port);
      await own.close();
    },

    compact: async () => {
      const { header } = await askEtcd<{ header: { revision: string } }>(directory, '/v3/maintenance/status', {});
      await askEtcd(directory, '/v3/kv/compaction', { revision: header.revision, physical: true });
    },

    stop: async () => {
      await Promise.all([dispatcher.destroy(), running.apiServer?.stop()]);
      await running.etcd?.stop();
      await removeDirectory(directory);
    },
  };
};

/**
 * Starts a control plane of its own for the caller; several may run at once. It ends with `stop`, or with the calling process.
 * @throws Error that says which program failed, with the last lines of its log
 * @throws ToolError when a program has to be built and can't be
 */
export const startControlPlane = async (): Promise<ControlPlane> => {
  const directory = temporaryDirectory('aks-notifier');
  const running: { etcd?: LocalProcess; apiServer?: LocalProcess } = {};
  try {
    return await assemble(directory, running);
  } catch (error) {
    await Promise.all([running.etcd?.stop(), running.apiServer?.stop()]);
    await removeDirectory(directory);
    throw error;
  }
};
