import { join } from 'node:path';
import { provideTool } from '../../tools/provide.ts';
import { run } from './process.ts';

/** The settings that we tell people to give Argo CD. */
export const argocdConfigPath = join(import.meta.dirname, '..', '..', 'examples', 'argocd', 'argocd-cm.yaml');

/** What Argo CD shows of an object, what it offers to do with it, and what becomes of the object when somebody does it. */
export interface ArgoAnswer {
  readonly health: {
    readonly status: 'Healthy' | 'Progressing' | 'Degraded' | 'Suspended' | 'Missing' | 'Unknown';
    readonly message: string;
  };
  readonly actions: readonly { readonly name: string; readonly disabled?: boolean }[];
  readonly result?: unknown;
}

/** Asks Argo CD's own code, with our Lua in its settings. */
export const askArgo = async (
  questions: readonly { readonly object: unknown; readonly action?: string }[],
): Promise<readonly ArgoAnswer[]> => {
  const input = questions.map((each) => `${JSON.stringify(each)}\n`).join('');
  const { code, stdout, stderr } = await run(await provideTool('argocd-parts'), ['lua', argocdConfigPath], { env: {}, input });
  if (code !== 0) throw new Error(`argocd-parts failed: ${stderr}`);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ArgoAnswer);
};
