/** The parts of an image's name, as the chart has them. */
export interface ImageName {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

/**
 * Takes `<repository>[:<tag>][@<digest>]` apart.
 * @throws Error when it is nothing of the kind
 */
export const readImageName = (text: string): ImageName => {
  const [, repository = '', tag = '', digest = ''] = /^([^@\s]+?)(?::([^:/@\s]+))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(text) ?? [];
  if (repository === '') throw new Error(`--image is "${text}": write <repository>:<tag> or <repository>@sha256:<64 digits>.`);
  return { repository, tag, digest };
};
