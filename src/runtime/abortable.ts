/**
 * What the promise gives, or the signal's reason as soon as the signal aborts. The work behind the promise goes on: this is for work that
 * several share, where one who leaves must not take it from the others.
 */
export const abortable = <Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> =>
  new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
