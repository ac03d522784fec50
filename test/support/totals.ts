import type { Reporter, TestModule } from 'vitest/node';

/** Prints vitest's totals as one line, `N passed, N failed`, which CI reads. A skipped test or a run without tests counts as a failure. */
export default class Totals implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state));
    const broken = modules.filter((module) => module.state() === 'failed' && module.errors().length > 0).length;
    const count = (state: string): number => states.filter((each) => each === state).length;
    const unrun = count('skipped') + count('pending') + (states.length === 0 ? 1 : 0);
    if (unrun > 0) {
      process.exitCode = 1;
      process.stdout.write(`${unrun} tests were skipped or none ran: that counts as failed\n`);
    }
    process.stdout.write(`${count('passed')} passed, ${count('failed') + broken + unrun} failed\n`);
  }
}
