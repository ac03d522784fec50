/** Provides the CRDs of Flux and Argo CD, from the same Go modules as their programs, pinned by version and checksum. */
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cacheDirectory, go, ToolError } from './provide.ts';

const sources = [
  {
    module: 'github.com/fluxcd/source-controller@v1.9.0',
    sum: 'h1:5msg2yyjVYDULZos+2ve8MZzcSqTpusiXmrOeBhc9yY=',
    files: [
      'config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml',
      'config/crd/bases/source.toolkit.fluxcd.io_ocirepositories.yaml',
    ],
  },
  {
    module: 'github.com/fluxcd/kustomize-controller@v1.9.5',
    sum: 'h1:/XY2zy3K7fntyppEXIHG7oRMzmfgIt50eJzUfaPX1Kc=',
    files: ['config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml'],
  },
  {
    module: 'github.com/fluxcd/helm-controller@v1.6.0',
    sum: 'h1:jlS5X11SG26gspubB5aLrdVSCm0q0tA4ULsY+vwSkL0=',
    files: ['config/crd/bases/helm.toolkit.fluxcd.io_helmreleases.yaml'],
  },
  {
    module: 'github.com/argoproj/argo-cd/v3@v3.2.12',
    sum: 'h1:XbOyqcoPIjMhiP+y05Zi2U+HfG3b2TNfGJgVuK5Y8g0=',
    files: ['manifests/crds/application-crd.yaml'],
  },
];

/** The folder that a module was unpacked to. */
const download = async (module: string, sum: string, directory: string): Promise<string> => {
  const { code, output } = await go(['mod', 'download', '-json', module], directory, () => undefined);
  const said = code === 0 ? (JSON.parse(output) as { readonly Dir: string; readonly Sum: string }) : undefined;
  if (!said) throw new ToolError(`go could not download ${module}:\n${output}`);
  if (said.Sum !== sum) throw new ToolError(`${module} has the checksum ${said.Sum}, not ${sum}`);
  return said.Dir;
};

/**
 * A folder with the CRDs of Flux and Argo CD, one a file; the first time they are downloaded.
 * @throws ToolError with what the go command said
 */
export const provideCrds = async (): Promise<string> => {
  const names = sources.flatMap(({ files }) => files.map((file) => basename(file)));
  const home = join(cacheDirectory('crds'), sources.map(({ module }) => /@v(.*)/.exec(module)?.[1]).join('-'));
  await mkdir(home, { recursive: true });
  const kept = await readdir(home);
  if (names.every((name) => kept.includes(name))) return home;
  process.stderr.write('tools: downloading the CRDs of Flux and Argo CD, once; that takes up to a minute …\n');
  for (const { module, sum, files } of sources) {
    const directory = await download(module, sum, home);
    for (const file of files) await copyFile(join(directory, file), join(home, basename(file)));
  }
  return home;
};
