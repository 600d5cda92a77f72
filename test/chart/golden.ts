import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { GOLDEN, render, RENDERINGS } from './renderings.ts';
import { RIGHTS_FILE, rightsFile } from './rights-file.ts';

/** `npm run golden`: renders the chart anew for test/chart, and lists the operator's rights for `edict doctor`. Read the diff. */
await mkdir(GOLDEN, { recursive: true });
for (const file of await readdir(GOLDEN)) {
  if (RENDERINGS[file.replace(/\.yaml$/, '')] === undefined) await rm(path.join(GOLDEN, file));
}
for (const [name, args] of Object.entries(RENDERINGS)) {
  await writeFile(path.join(GOLDEN, `${name}.yaml`), await render(...args));
}
await writeFile(RIGHTS_FILE, await rightsFile(await render()));
