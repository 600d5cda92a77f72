import { extname } from 'node:path';
import { BundleError, buildReference, formatProblem, readDomain, renderBundle } from '@edict/bundle';
import { readBytes, readRegoFile, writeBytes } from '../files.ts';
import { CommandError, printJson, type Io, type OutputFormat } from '../io.ts';
import { referencePlaces } from '../reference-places.ts';

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

/** Built text may hold what its author would not show to everybody. */
const PRIVATE = 0o600;

/** `edict build`: puts the Rego of a PolicyDomainReference in, or renders the OPA bundle. One bad file does not stop the others. */
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
  const source = await readBytes(file);
  const built = buildReference(source, file, readRegoFile);
  if (!built.ok) throw new CommandError(built.problems.map(formatProblem).join('\n'));
  const suffix = extname(file);
  const stem = file.slice(0, file.length - suffix.length);
  if (format === 'domain') {
    const written = outputFile ?? `${stem}-built${suffix}`;
    await writeBytes(written, built.text, PRIVATE);
    return { file, written };
  }
  const read = readDomain(built.text, file);
  if (!read.ok) throw new CommandError(read.problems.map(referencePlaces(source, file)).map(formatProblem).join('\n'));
  const bundle = render(file, read.domain);
  const written = outputFile ?? `${stem}.tar.gz`;
  await writeBytes(written, bundle.gzip, PRIVATE);
  return { file, written, digest: bundle.digest };
}

function render(file: string, domain: Parameters<typeof renderBundle>[0]): ReturnType<typeof renderBundle> {
  try {
    return renderBundle(domain);
  } catch (error) {
    if (error instanceof BundleError) throw new CommandError(`${file}: ${error.message}`);
    throw error;
  }
}

function describe({ file, written, digest, error }: Built): string {
  if (error !== undefined) return `✗ ${file}\n  ${error}`;
  return `✓ ${file} → ${written ?? ''}${digest === undefined ? '' : `  ${digest}`}`;
}
