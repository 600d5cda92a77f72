import { writeFile } from 'node:fs/promises';
import { convertDomain, formatProblem, type ApiVersion } from '@edict/bundle';
import { readBytes } from '../bundle-files.ts';
import { CommandError, type Io } from '../io.ts';

export interface ConvertOptions {
  readonly file: readonly string[];
  readonly to: ApiVersion;
  readonly namespace?: string;
  /** Write to this file instead of standard output. */
  readonly outputFile?: string;
  readonly output: 'yaml' | 'json';
}

/** `edict convert`: any supported version of a PolicyDomain to another, with its meaning kept. */
export async function convert(io: Io, options: ConvertOptions): Promise<void> {
  const texts: string[] = [];
  for (const file of options.file) {
    const result = convertDomain(await readBytes(file), file, {
      to: options.to,
      format: options.output,
      ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    });
    if (!result.ok) throw new CommandError(result.problems.map(formatProblem).join('\n'));
    for (const warning of result.warnings) io.stderr(`${formatProblem(warning)}\n`);
    texts.push(result.text);
  }
  const text = texts.join(options.output === 'yaml' ? '---\n' : '');
  if (options.outputFile === undefined) io.stdout(text);
  else await writeFile(options.outputFile, text);
}
