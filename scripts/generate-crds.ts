import { mkdirSync, writeFileSync } from 'node:fs';
import { dump } from 'js-yaml';
import { KINDS, manetuCrd, toCrd } from '../crds/src/index.ts';
import { writeChartSchema } from './generate-chart-schema.ts';

/** Writes crds/generated/*.yaml, the chart's copy of them and the schema of its values from the zod schemas. */
const targets = ['../crds/generated/', '../helm/crds/'].map((path) => new URL(path, import.meta.url));
for (const target of targets) {
  mkdirSync(target, { recursive: true });
  for (const definition of KINDS) {
    const crd = toCrd(definition);
    const text = `# Made from crds/src by "npm run generate". Do not edit.\n${dump(crd, { noRefs: true, lineWidth: 120 })}`;
    writeFileSync(new URL(`edict.dev_${definition.plural}.yaml`, target), text);
  }
}

/** Not among the chart's CRDs: those are always installed, this one is an option that a template takes. */
const manetu = `# Made from crds/src by "npm run generate". Do not edit.\n${dump(manetuCrd(), { noRefs: true, lineWidth: 120 })}`;
const optional = new URL('../helm/optional/', import.meta.url);
mkdirSync(optional, { recursive: true });
writeFileSync(new URL('iamlite.manetu.io_policydomains.yaml', optional), manetu);
await writeChartSchema();
