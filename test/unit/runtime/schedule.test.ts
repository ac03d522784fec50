import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { Schedule } from '../../../src/runtime/schedule.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const step = fc.oneof(fc.record({ put: key, due: fc.nat(30) }), fc.record({ take: fc.nat(30) }));

it('gives what a plain list of pairs would give: the earliest deadline per key, in the order of deadlines', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const schedule = new Schedule();
      let plain: { readonly key: string; readonly due: number }[] = [];
      for (const one of steps) {
        let due: typeof plain = [];
        let taken: readonly string[] = [];
        if ('put' in one) {
          const before = plain.find((entry) => entry.key === one.put);
          if (!before || one.due < before.due) {
            plain = [...plain.filter((entry) => entry !== before), { key: one.put, due: one.due }].toSorted((x, y) => x.due - y.due);
          }
          schedule.put(one.put, one.due);
        } else {
          due = plain.filter((entry) => entry.due <= one.take);
          plain = plain.filter((entry) => entry.due > one.take);
          taken = schedule.takeDue(one.take);
        }
        expect(taken).toEqual(due.map((entry) => entry.key));
        expect(schedule.size).toBe(plain.length);
        expect(schedule.next()).toBe(plain[0]?.due);
      }
    }),
    { numRuns: 500 },
  );
});
