import { writeFileSync } from 'node:fs';
import { chartPage, generatedPages } from './docs/pages.ts';

/** Writes the pages that are made from the code: docs/cli.md, docs/conditions.md, docs/api/resources.md, docs/doctor.md; and the chart's values. */
for (const [name, text] of generatedPages()) writeFileSync(new URL(`../docs/${name}`, import.meta.url), text);
writeFileSync(new URL('../helm/README.md', import.meta.url), chartPage());
