import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { buildReference, formatProblem, readDomain, renderBundle } from '@edict/bundle';
import { readBytes } from '../bundle-files.ts';
import { CommandError, printJson, type Io, type OutputFormat } from '../io.ts';

export interface BuildOptions {
  readonly file: readonly string[];
  readonly outputFile?: string;
  /** `domain`: a PolicyDomain with the Rego put in. `bundle`: the rendered OPA bundle. */
  readonly format: 'domain' | 'bundle';
  readonly output: OutputFormat;
}

interface Built {
  readonly file: string;
  readonly written?: string;
  readonly digest?: string;
  readonly error?: string;
}

/** `edict build`: puts the Rego of a PolicyDomainReference in, or renders the OPA bundle. */
export async function build(io: Io, options: BuildOptions): Promise<void> {
  if (options.outputFile !== undefined && options.file.length > 1) {
    throw new CommandError('cannot specify --output-file when building multiple files');
  }
  const results: Built[] = [];
  for (const file of options.file) {
    try {
      results.push(await buildOne(file, options));
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      results.push({ file, error: error.message });
    }
  }
  if (options.output === 'json') printJson(io, results);
  else for (const result of results) io.stdout(`${describe(result)}\n`);
  if (results.some(({ error }) => error !== undefined)) throw new CommandError('build failed for one or more files');
}

async function buildOne(file: string, { outputFile, format }: BuildOptions): Promise<Built> {
  const built = buildReference(await readBytes(file), file, (path) => readFileSync(path, 'utf8'));
  if (!built.ok) throw new CommandError(built.problems.map(formatProblem).join('\n'));
  const suffix = extname(file);
  const stem = file.slice(0, file.length - suffix.length);
  if (format === 'domain') {
    const written = outputFile ?? `${stem}-built${suffix}`;
    await writeFile(written, built.text, { mode: 0o600 });
    return { file, written };
  }
  const read = readDomain(built.text, file);
  if (!read.ok) throw new CommandError(read.problems.map(formatProblem).join('\n'));
  const bundle = renderBundle(read.domain);
  const written = outputFile ?? `${stem}.tar.gz`;
  await writeFile(written, bundle.gzip);
  return { file, written, digest: bundle.digest };
}

function describe({ file, written, digest, error }: Built): string {
  if (error !== undefined) return `✗ ${file}\n  ${error}`;
  return `✓ ${file} → ${written ?? ''}${digest === undefined ? '' : `  ${digest}`}`;
}
