import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { printDomainObject, toDomainObject } from '@edict/bundle';
import { craneDomain } from './revisions.ts';

/** The file of a domain of cranes that lift up to `limit` tons. */
export function craneFile(limit: number): string {
  return printDomainObject(toDomainObject(craneDomain(limit)));
}

/** Puts files where Kubernetes would mount them: in a folder of their own, which the link `..data` is swapped to. */
export async function mountFiles(
  folder: string,
  version: number,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  const data = `..version-${version}`;
  await mkdir(join(folder, data), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, data, name), text);
  await symlink(data, join(folder, '..data_tmp'));
  await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  for (const name of Object.keys(files)) {
    await symlink(join('..data', name), join(folder, name)).catch(() => undefined); // it is there since the first version
  }
}
