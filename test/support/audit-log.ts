/** The API server's audit log: who asked for what, and what came of it. */
import { open } from 'node:fs/promises';

/** One finished request, as the API server's audit log has it. A watch appears when it ends. */
export interface AuditEvent {
  /** `system:serviceaccount:<namespace>:<name>`, `admin`, `pocket-kubelet`, `system:anonymous`, … */
  readonly user: string;
  /** Kubernetes' verb (`get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, …), for other paths the HTTP method in small letters. */
  readonly verb: string;
  readonly uri: string;
  readonly status: number;
  readonly userAgent: string;
  /** When the API server got it, milliseconds since 1970. */
  readonly receivedAt: number;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

export interface AuditFilter {
  readonly user?: string;
  readonly verbs?: readonly string[];
  /** Only what the API server got at or after this time, milliseconds since 1970. */
  readonly since?: number;
}

/** One line for each finished request, without bodies. */
export const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted'],
  // The API server talks a lot to itself while it starts.
  rules: [{ level: 'None', users: ['system:apiserver'] }, { level: 'Metadata' }],
};

/** Whether an event is one of those that a filter asks for. */
export const selects = (filter: AuditFilter, { user, verb, receivedAt }: AuditEvent): boolean =>
  (filter.user === undefined || user === filter.user) &&
  (filter.verbs === undefined || filter.verbs.includes(verb)) &&
  (filter.since === undefined || receivedAt >= filter.since);

interface RawAuditEvent {
  readonly user: { readonly username?: string };
  readonly verb: string;
  readonly requestURI: string;
  readonly requestReceivedTimestamp: string;
  readonly userAgent?: string;
  readonly responseStatus?: { readonly code?: number };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
}

const toAuditEvent = (line: string): AuditEvent => {
  const raw: RawAuditEvent = JSON.parse(line);
  const { apiGroup, ...reference } = raw.objectRef ?? {};
  return {
    user: raw.user.username ?? '',
    verb: raw.verb,
    uri: raw.requestURI,
    status: raw.responseStatus?.code ?? 0,
    userAgent: raw.userAgent ?? '',
    receivedAt: Date.parse(raw.requestReceivedTimestamp),
    ...(apiGroup !== undefined && { group: apiGroup }),
    ...(reference.resource !== undefined && { resource: reference.resource }),
    ...(reference.subresource !== undefined && { subresource: reference.subresource }),
    ...(reference.namespace !== undefined && { namespace: reference.namespace }),
    ...(reference.name !== undefined && { name: reference.name }),
  };
};

/** Gives back all events of the log so far; reads only what is new since the last call. */
export const auditReader = (file: string): (() => Promise<readonly AuditEvent[]>) => {
  const events: AuditEvent[] = [];
  let offset = 0;
  let reading: Promise<void> = Promise.resolve();
  const readOn = async (): Promise<void> => {
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - offset), 0, size - offset, offset);
      // The last line may be half written.
      const complete = buffer.subarray(0, bytesRead).lastIndexOf('\n') + 1;
      offset += complete;
      const lines = buffer.toString('utf8', 0, complete).split('\n').filter(Boolean);
      for (const line of lines) events.push(toAuditEvent(line));
    } finally {
      await handle.close();
    }
  };
  return async () => {
    // One reader at a time, since they share the offset.
    reading = reading.then(readOn, readOn);
    await reading;
    return events;
  };
};
