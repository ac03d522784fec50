import { isNotFound, malformedAnswer } from './failure.ts';
import { isComplete, resourcePath } from './object.ts';
import type { KubeObject } from './object.ts';
import type { KubeTransport } from './transport.ts';

/** A `coordination.k8s.io/v1` Lease, as far as an election needs it. */
export interface Lease extends KubeObject {
  readonly spec?: Partial<LeaseSpec>;
}

export interface LeaseSpec {
  /** Empty: released, anybody may take it at once. */
  readonly holderIdentity: string;
  readonly leaseDurationSeconds: number;
  /** Times have six digits behind the point; the API server refuses three (kubernetes-client/javascript#830). For people: no decision rests on them. */
  readonly acquireTime: string;
  readonly renewTime: string;
  /** How often the holder has changed. */
  readonly leaseTransitions: number;
}

/** The three calls of an election. Each rejects with KubeError: 409 when somebody else wrote first, 404 when the lease is gone. */
export interface LeaseClient {
  /** Undefined: there is none. */
  get(signal: AbortSignal): Promise<Lease | undefined>;
  create(spec: LeaseSpec, signal: AbortSignal): Promise<Lease>;
  /** Changes these fields, if the lease still is the version that was read. Others' fields, labels and annotations stay. */
  change(lease: Lease, spec: Partial<LeaseSpec>, signal: AbortSignal): Promise<Lease>;
}

export interface LeaseClientOptions {
  /** Its own, with one connection: a lease must never wait behind other requests. */
  readonly transport: KubeTransport;
  readonly namespace: string;
  readonly name: string;
  /** For each request, from the start to the last byte of the answer. */
  readonly timeoutSeconds: number;
}

const leases = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' } as const;

export const createLeaseClient = ({ transport, namespace, name, timeoutSeconds }: LeaseClientOptions): LeaseClient => {
  const path = resourcePath(leases, namespace, name);
  return {
    get: async (signal) => {
      try {
        return checked(await transport.request<Lease | undefined>({ method: 'GET', path, timeoutSeconds, signal }));
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    create: async (spec, signal) =>
      checked(
        await transport.request<Lease | undefined>({
          method: 'POST',
          path: resourcePath(leases, namespace),
          body: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace }, spec },
          timeoutSeconds,
          signal,
        }),
      ),
    // A patch, so that what others keep in the lease survives; its version makes it a compare-and-swap.
    change: async ({ metadata: { uid, resourceVersion } }, spec, signal) =>
      checked(
        await transport.request<Lease | undefined>({
          method: 'PATCH',
          path,
          body: { metadata: { uid, resourceVersion }, spec },
          timeoutSeconds,
          signal,
        }),
      ),
  };
};

const checked = (lease: Lease | undefined): Lease => {
  if (!lease || !isComplete(lease)) throw malformedAnswer('LEASE', 'the answer for the lease is no lease');
  return lease;
};

/** Wall time in milliseconds as the API's MicroTime: `2026-11-23T10:00:00.123000Z`. */
export const microTime = (milliseconds: number): string => new Date(milliseconds).toISOString().replace('Z', '000Z');
