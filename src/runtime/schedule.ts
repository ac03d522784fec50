/**
 * Keys that are due later: at most one deadline per key, the earliest asked for. Pure: it holds no timer and knows no clock.
 *
 * A sorted array, not a heap: at ten thousand keys an insertion moves some kilobytes of pointers, which is microseconds, and taking
 * from the front and replacing a key's deadline stay obvious.
 */
export class Schedule {
  readonly #dueOf = new Map<string, number>();
  readonly #order: string[] = [];

  get size(): number {
    return this.#dueOf.size;
  }

  /** Remembers `key` for `due`; an earlier deadline of the same key stays, a later one gives way. Keys with equal deadlines keep their order. */
  put(key: string, due: number): void {
    const before = this.#dueOf.get(key);
    if (before !== undefined) {
      if (before <= due) return;
      this.#order.splice(this.#order.indexOf(key, this.#firstAfter(before, -1)), 1);
    }
    this.#dueOf.set(key, due);
    this.#order.splice(this.#firstAfter(due, 0), 0, key);
  }

  /** Forgets `key`; nothing happens when it isn't scheduled. */
  remove(key: string): void {
    const due = this.#dueOf.get(key);
    if (due === undefined) return;
    this.#order.splice(this.#order.indexOf(key, this.#firstAfter(due, -1)), 1);
    this.#dueOf.delete(key);
  }

  /** The earliest deadline, or undefined when nothing is scheduled. */
  next(): number | undefined {
    const first = this.#order[0];
    return first === undefined ? undefined : this.#dueOf.get(first);
  }

  /** Removes and returns the keys whose deadline is at or before `now`, earliest first. */
  takeDue(now: number): readonly string[] {
    const due = this.#order.splice(0, this.#firstAfter(now, 0));
    for (const key of due) this.#dueOf.delete(key);
    return due;
  }

  clear(): void {
    this.#dueOf.clear();
    this.#order.length = 0;
  }

  /** The first index whose deadline is later than `due` (side 0), or not earlier than it (side -1). */
  #firstAfter(due: number, side: 0 | -1): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#dueOf.get(this.#order[middle] ?? '') ?? Infinity;
      if (other < due || (side === 0 && other === due)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
