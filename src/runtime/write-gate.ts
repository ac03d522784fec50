/** A write was not begun: this process may not write now. Nothing was sent. */
export class WriteRefusedError extends Error {
  override readonly name = 'WriteRefusedError' as const;
}

/**
 * The one place that says whether a write may begin, and that knows which ones are on their way. The edges ask it at the last moment,
 * just before a request is handed to its socket: a process may have been stopped for a minute since it decided to write.
 */
export interface WriteGate {
  /**
   * Counts a write that begins now; call what it returns once the write has ended, however it ended.
   * @throws WriteRefusedError when none may begin
   */
  readonly begin: () => () => void;
  /** From now on no write begins. Resolves when those on their way have ended. */
  readonly close: (reason: string) => Promise<void>;
}

/** @param refusal why no write may begin at this moment; undefined: it may */
export const createWriteGate = (refusal: () => string | undefined): WriteGate => {
  let closed: string | undefined;
  let underWay = 0;
  const idle = Promise.withResolvers<void>();
  const settle = (): void => {
    if (closed !== undefined && underWay === 0) idle.resolve();
  };
  return {
    begin: () => {
      const why = closed ?? refusal();
      if (why !== undefined) throw new WriteRefusedError(why);
      underWay += 1;
      let hasEnded = false;
      return () => {
        if (hasEnded) return;
        hasEnded = true;
        underWay -= 1;
        settle();
      };
    },
    close: (reason) => {
      closed ??= reason;
      settle();
      return idle.promise;
    },
  };
};
