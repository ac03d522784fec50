/** The pocket kubelet's calls to the API server, under its own name. */
import type { ControlPlane, Method } from '../control-plane.ts';
import { type PodFacts, fieldValue } from './spec.ts';
import type { Meta } from './types.ts';
import type { Contents } from './volumes.ts';

/** The API server answered, and not with success. */
export class ApiError extends Error {
  override readonly name = 'ApiError' as const;
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface Api {
  /** @throws ApiError for any status from 300 */
  call<Body>(method: Method, path: string, body?: unknown): Promise<Body>;
  /** Like a GET by `call`, but `undefined` for an object that isn't there. */
  find<Body>(path: string): Promise<Body | undefined>;
}

/** Calls as the user `pocket-kubelet`. */
export const apiOf = (plane: ControlPlane): Api => {
  const call: Api['call'] = async <Body>(method: Method, path: string, body?: unknown): Promise<Body> => {
    const answer = await plane.request<Body>(method, path, { token: plane.kubeletToken, ...(body !== undefined && { body }) });
    if (answer.status < 300) return answer.body;
    throw new ApiError(answer.status, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  };
  const find: Api['find'] = async <Body>(path: string) =>
    call<Body>('GET', path).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    });
  return { call, find };
};

/** Objects as they come from the API have these. */
export const metaOf = ({ metadata }: { readonly metadata?: Meta }): { name: string; namespace: string; uid: string } => {
  const { name, namespace, uid } = metadata ?? {};
  if (name === undefined || namespace === undefined || uid === undefined) throw new Error('an object without name, namespace or uid');
  return { name, namespace, uid };
};

/** A ConfigMap or a Secret. */
interface StoredData {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

const decoded = (data: Readonly<Record<string, string>> | undefined): Record<string, Buffer> =>
  Object.fromEntries(Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]));

/** ConfigMaps, Secrets and fields as a pod's volumes may ask for them. */
export const contentsFor = (api: Api, facts: PodFacts, ca: string): Contents => {
  const core = `/api/v1/namespaces/${facts.namespace}`;
  return {
    configMap: async (name) => {
      const found = await api.find<StoredData>(`${core}/configmaps/${name}`);
      // A controller puts this one into every namespace of a whole cluster.
      if (!found) return name === 'kube-root-ca.crt' ? { 'ca.crt': Buffer.from(ca) } : undefined;
      const texts = Object.entries(found.data ?? {}).map(([key, value]): [string, Buffer] => [key, Buffer.from(value)]);
      return { ...decoded(found.binaryData), ...Object.fromEntries(texts) };
    },
    secret: async (name) => {
      const found = await api.find<StoredData>(`${core}/secrets/${name}`);
      return found && decoded(found.data);
    },
    field: (fieldPath) => fieldValue(fieldPath, facts),
  };
};
