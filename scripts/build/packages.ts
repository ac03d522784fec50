/** The npm packages that the bundle is made of. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Package {
  /** Where it is. */
  readonly directory: string;
  readonly name: string;
  readonly version: string;
  readonly license: string | undefined;
}

const directoryOf = (input: string): string | undefined => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];

/** The packages that these files belong to, each once, by folder. */
export const packagesOf = async (inputs: readonly string[]): Promise<readonly Package[]> => {
  const directories = [...new Set(inputs.map(directoryOf).filter((each) => each !== undefined))].toSorted();
  return Promise.all(
    directories.map(async (directory) => {
      const { name, version, license } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as Package;
      return { directory, name, version, license };
    }),
  );
};
