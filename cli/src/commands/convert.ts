import { writeFile } from 'node:fs/promises';
import { convertText, formatProblem, type ApiVersion } from '@edict/bundle';
import { load } from 'js-yaml';
import { readBytes } from '../bundle-files.ts';
import { CommandError, printJson, type Io } from '../io.ts';

export interface ConvertOptions {
  readonly file: readonly string[];
  readonly to: ApiVersion;
  /** Write to this file instead of standard output. */
  readonly outputFile?: string;
  readonly output: 'yaml' | 'json';
}

/** `edict convert`: any supported version of a PolicyDomain to another, with its meaning kept. */
export async function convert(io: Io, options: ConvertOptions): Promise<void> {
  const texts: string[] = [];
  for (const file of options.file) {
    const result = convertText(await readBytes(file), file, options.to);
    if (!result.ok) throw new CommandError(result.problems.map(formatProblem).join('\n'));
    for (const loss of result.losses) io.stderr(`${file}: lost: ${loss}\n`);
    texts.push(result.text);
  }
  if (options.output === 'json') {
    const objects = texts.map((text) => load(text));
    printJson(io, objects.length === 1 ? objects[0] : objects);
    return;
  }
  const text = texts.join('---\n');
  if (options.outputFile === undefined) io.stdout(text);
  else await writeFile(options.outputFile, text);
}
