import { absentIfNotFound, readRaw, resourceIn, type Session } from './session.ts';

/** User-assigned managed identities, read only. Every call throws ReconcileError, and nothing else, for what Azure can answer. */
export interface Identities {
  /** The principal of an identity, in lower case; undefined when the identity, or its resource group, isn't there. */
  observe(id: string, signal: AbortSignal): Promise<string | undefined>;
}

const apiVersion = '2023-01-31';

interface Identity {
  readonly id?: string;
  readonly properties?: { readonly principalId?: string };
}

export const createIdentities = (session: Session): Identities => ({
  observe: async (id, signal) => {
    const what = { path: id, apiVersion, operation: 'userAssignedIdentities.get', doing: `read the user-assigned identity ${id}`, signal };
    return absentIfNotFound(
      readRaw(session, what, (answer) => {
        const { principalId } = resourceIn(answer as Identity | undefined).properties ?? {};
        if (typeof principalId !== 'string') throw new TypeError('the answer holds no principal');
        return principalId.toLowerCase();
      }),
    );
  },
});
