import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { writeManifests } from './manifests/write-manifests.ts';

const USAGE = `npm run manifests -- [--namespace NAME] [--out FOLDER] [--set NAME=VALUE]... [--values FILE]...
  Writes plain YAML of the chart, one file for each preset, for kubectl apply --server-side.`;

const { values } = parseArgs({
  options: {
    namespace: { type: 'string', default: 'edict-system' },
    out: { type: 'string', default: path.resolve(import.meta.dirname, '../dist/manifests') },
    set: { type: 'string', multiple: true, default: [] },
    values: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(USAGE);
} else {
  const files = await writeManifests({
    namespace: values.namespace,
    args: [...values.values.flatMap((file) => ['--values', file]), ...values.set.flatMap((set) => ['--set', set])],
  });
  await rm(values.out, { recursive: true, force: true });
  await mkdir(values.out, { recursive: true });
  for (const { name, text } of files) {
    const file = path.join(values.out, name);
    await writeFile(file, text);
    console.log(path.relative(process.cwd(), file));
  }
}
