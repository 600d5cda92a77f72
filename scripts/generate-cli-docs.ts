import { writeFileSync } from 'node:fs';
import { generatedPages } from './docs/pages.ts';

/** Writes docs/cli.md from the commands and docs/conditions.md from the condition types. */
for (const [name, text] of generatedPages()) writeFileSync(new URL(`../docs/${name}`, import.meta.url), text);
