import { decide, mapRequest, toPorc } from '@edict/engine';
import { parseJson, stringify } from '@edict/rego/values';
import { inputName, readInput } from '../files.ts';
import { CommandError, type Io, type OutputFormat } from '../io.ts';
import { printDecision } from '../render/decision.ts';
import { decideContext, loadSnapshotOf } from '../snapshot-of-files.ts';

export interface TestMapperOptions {
  readonly bundle: readonly string[];
  /** A file of attributes as JSON, or `-` for standard input. */
  readonly input: string;
  /** The domain whose mapper to use; needed where several domains have one. */
  readonly name?: string;
}

/** `edict test mapper`: what the mapper makes of attributes, as JSON. Exit code 1 if it makes nothing of them. */
export async function testMapper(io: Io, options: TestMapperOptions): Promise<void> {
  const { value } = await mapInput(io, options);
  io.stdout(`${stringify(value, { indentation: { prefix: '', indent: '  ' } })}\n`);
}

/** `edict test envoy`: the mapper's PORC decided, as an Envoy authorization request would be. */
export async function testEnvoy(io: Io, options: TestMapperOptions & { readonly output: OutputFormat }): Promise<void> {
  const { value, snapshot } = await mapInput(io, options);
  const porc = toPorc(value);
  if (!porc.ok) throw new CommandError(`the mapper's answer is no PORC: ${porc.message}`);
  printDecision(io, decide(snapshot, porc.porc, decideContext()), options.output);
}

/** Numbers keep their text on the way in and out: a mapper may copy identifiers that no double can hold. */
async function mapInput(io: Io, { bundle, input, name }: TestMapperOptions) {
  const bytes = await readInput(input, io.stdin);
  const text = bytes.toString();
  const attributes = parseJson(text);
  if (!attributes.ok) {
    const { message, offset } = attributes.problem;
    throw new CommandError(`${inputName(input)}:${placeOf(text, offset)}: not valid JSON: ${message}`);
  }
  const snapshot = await loadSnapshotOf(bundle);
  const mapped = mapRequest(snapshot, attributes.value, { domain: name });
  if (!mapped.ok) throw new CommandError(mapped.code === 'AmbiguousMapper' ? `${mapped.message} (-n)` : mapped.message);
  return { value: mapped.value, snapshot };
}

function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset);
  return `${before.split('\n').length}:${offset - before.lastIndexOf('\n')}`;
}
