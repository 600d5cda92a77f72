import { convertText, formatProblem, type ApiVersion } from '@edict/bundle';
import { load } from 'js-yaml';
import { readBytes, writeBytes } from '../files.ts';
import { CommandError, type Io } from '../io.ts';

export interface ConvertOptions {
  readonly file: readonly string[];
  readonly to: ApiVersion;
  /** Write to this file instead of standard output. */
  readonly outputFile?: string;
  readonly output: 'yaml' | 'json';
}

/** `edict convert`: any supported version of a PolicyDomain to another, with its meaning kept; what cannot be kept is told on stderr. */
export async function convert(io: Io, options: ConvertOptions): Promise<void> {
  const texts: string[] = [];
  for (const file of options.file) {
    const result = convertText(await readBytes(file), file, options.to);
    if (!result.ok) throw new CommandError(result.problems.map(formatProblem).join('\n'));
    for (const loss of result.losses) io.stderr(`${file}: lost: ${loss}\n`);
    texts.push(result.text);
  }
  const text = options.output === 'json' ? jsonOf(texts) : texts.join('---\n');
  if (options.outputFile === undefined) io.stdout(text);
  else await writeBytes(options.outputFile, text);
}

/** One object as itself, several as a list. */
function jsonOf(texts: readonly string[]): string {
  const objects = texts.map((text) => load(text));
  return `${JSON.stringify(objects.length === 1 ? objects[0] : objects, null, 2)}\n`;
}
