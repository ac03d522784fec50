/** What a call did to a resource; `list` is a read of a collection, `action` a POST. */
export type Operation = 'read' | 'write' | 'delete' | 'list' | 'action';

/** One answered request, as plain data. Tokens and assertions never get in here: headers aren't kept, and sign-in bodies neither. */
export interface Call {
  /** 1 for the first call; goes on counting after `clear()`. */
  readonly sequence: number;
  /** When it was answered, by the emulator's clock, ISO 8601. */
  readonly at: string;
  readonly kind: 'token' | 'metadata' | 'arm';
  readonly method: string;
  /** As it was sent, but with repeated slashes folded and without the query. */
  readonly path: string;
  /** `Microsoft.Insights/scheduledQueryRules`, in the emulator's own casing when the type is known to it. */
  readonly type?: string | undefined;
  readonly operation?: Operation | undefined;
  readonly subscriptionId?: string | undefined;
  /** The name of the resource, also of the one that an action is asked of; for a token request the client id. */
  readonly name?: string | undefined;
  readonly apiVersion?: string | undefined;
  /** What was sent; 0 when no answer was. */
  readonly status: number;
  /** ARM's code, `AADSTS…` with the number, or `reset` or `hang` when no answer was sent. */
  readonly errorCode?: string | undefined;
  /** The `Retry-After` that was sent. */
  readonly retryAfterSeconds?: number | undefined;
  /** The object id that the caller signed in as. */
  readonly principalId?: string | undefined;
  /** The fault that met this call: what it did, or the name of the error that it sent. Absent when the emulator answered of itself. */
  readonly fault?: string | undefined;
  readonly requestBody?: unknown;
  readonly responseBody?: unknown;
}

const filterable = [
  'kind',
  'method',
  'type',
  'operation',
  'subscriptionId',
  'name',
  'status',
  'errorCode',
  'principalId',
  'fault',
] as const;

const countable = ['method', 'type'] as const;

/** Every given field must be equal, texts without regard to case. */
type CallFilter = Partial<Pick<Call, (typeof filterable)[number]>>;

/** What was asked and answered, oldest first. */
export interface Journal {
  readonly calls: (filter?: CallFilter) => readonly Call[];
  /** How many calls there were since the start or the last `clear`, also those that the journal no longer keeps. Quicker than `calls`. */
  readonly count: (of?: Partial<Pick<Call, (typeof countable)[number]>>) => number;
  readonly clear: () => void;
}

const folded = (value: unknown): unknown => (typeof value === 'string' ? value.toLowerCase() : value);

/** Starts a journal that keeps the newest `limit` calls. Returns the door for readers, and the one for the server to write through. */
export const createJournal = (limit: number): { journal: Journal; record: (call: Omit<Call, 'sequence'>) => void } => {
  let kept: Call[] = [];
  let sequence = 0;
  const counters = new Map<string, { method: string; type: string | undefined; count: number }>();
  return {
    journal: {
      calls: (filter = {}) => {
        const wanted = filterable.filter((field) => filter[field] !== undefined);
        return kept.filter((call) => wanted.every((field) => folded(call[field]) === folded(filter[field])));
      },
      count: (of = {}) => {
        const wanted = countable.filter((field) => of[field] !== undefined);
        return [...counters.values()]
          .filter((counter) => wanted.every((field) => folded(counter[field]) === folded(of[field])))
          .reduce((sum, { count }) => sum + count, 0);
      },
      clear: () => {
        counters.clear();
        kept = [];
      },
    },
    record: (call) => {
      sequence += 1;
      kept.push({ sequence, ...call });
      const { method, type } = call;
      const key = `${method} ${type ?? ''}`;
      counters.set(key, { method, type, count: (counters.get(key)?.count ?? 0) + 1 });
      // Cut in big steps, so that a long run doesn't move the whole list with every call.
      if (kept.length >= limit * 2) kept = kept.slice(-limit);
    },
  };
};
