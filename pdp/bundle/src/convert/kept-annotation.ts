import { parseExactJson, printExactJson } from '../exact-json.ts';
import { ConvertError } from './convert-error.ts';
import type { JsonValue } from '../read/object-node.ts';

/** Members of a JSON object. */
export type Members = { readonly [key: string]: JsonValue | undefined };

/** Annotation of a converted object with what its version cannot say, by the version that can. JSON. */
export const KEPT_ANNOTATION = 'edict.dev/kept-by-conversion';

/** Largest text of that annotation, bytes: Kubernetes takes 256 KiB for all annotations of an object. */
export const KEPT_MAX_BYTES = 131_072;

/** Members of a spec that v1alpha3 reads over. */
export const keptMembers = ['resources', 'annotation-defaults'] as const;

/** Sections whose entities have annotations. */
const annotated = ['roles', 'groups', 'resource-groups', 'resources', 'scopes'] as const;

/** Which annotation it is: section, id of the entity, which of those with that id, name of the annotation, which of these. */
export type AnnotationPlace = readonly [section: string, entity: string, nth: number, name: string, nth: number];

/** How one annotation was written. `noValue`: it had no value at all. Absent members are as they are everywhere. */
export interface KeptAnnotation {
  readonly at: AnnotationPlace;
  readonly value?: JsonValue;
  readonly noValue?: boolean;
  readonly merge?: JsonValue;
}

/** What one version said that the present one cannot. */
export interface Kept {
  readonly resources?: JsonValue;
  readonly 'annotation-defaults'?: JsonValue;
  readonly annotations?: readonly KeptAnnotation[];
}

/** What an object carries for its other versions; undefined if the annotation is not what a conversion writes. */
export function readKept(object: Members): Readonly<Record<string, Kept>> | undefined {
  const metadata = object['metadata'];
  const annotations = isRecord(metadata) ? metadata['annotations'] : undefined;
  const text = isRecord(annotations) ? annotations[KEPT_ANNOTATION] : undefined;
  if (text === undefined) return {};
  if (typeof text !== 'string') return undefined;
  let parsed: JsonValue;
  try {
    parsed = parseExactJson(text);
  } catch {
    return undefined; // parsing throws for nothing but text that is not JSON
  }
  if (!isRecord(parsed)) return undefined;
  const entries = Object.entries(parsed);
  return entries.every(([, kept]) => isKept(kept)) ? (Object.fromEntries(entries) as Record<string, Kept>) : undefined;
}

/** The annotation's text; undefined where nothing is kept. */
export function printKept(kept: Readonly<Partial<Record<string, Kept>>>): string | undefined {
  const entries = Object.entries(kept).filter(([, one]) => one !== undefined && Object.keys(one).length > 0);
  if (entries.length === 0) return undefined;
  const text = printExactJson(Object.fromEntries(entries));
  const bytes = Buffer.byteLength(text);
  if (bytes <= KEPT_MAX_BYTES) return text;
  const message = `${String(bytes)} bytes of the object have no place in the other version, and no more than ${String(KEPT_MAX_BYTES)} can be kept beside it: use v1beta1`;
  throw new ConvertError('kept-too-large', message);
}

function isKept(value: JsonValue | undefined): boolean {
  if (!isRecord(value)) return false;
  const { annotations = [] } = value;
  return Array.isArray(annotations) && (annotations as readonly JsonValue[]).every(isKeptAnnotation);
}

function isKeptAnnotation(value: JsonValue): boolean {
  if (!isRecord(value)) return false;
  const { at, noValue = false } = value;
  if (!Array.isArray(at) || typeof noValue !== 'boolean') return false;
  const kinds = (at as readonly JsonValue[]).map((part) => typeof part).join();
  return kinds === 'string,string,number,string,number';
}

/** True for JSON objects. */
export function isRecord(value: JsonValue | undefined): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface FoundAnnotation {
  readonly index: number;
  readonly entry: Members;
  readonly place: AnnotationPlace;
}

interface FoundSection {
  readonly section: string;
  readonly entities: readonly {
    readonly index: number;
    readonly entity: Members;
    readonly annotations: readonly FoundAnnotation[];
  }[];
}

/** Every annotation of a spec's entities with its place, by section and entity; those without any are left out. */
export function annotationPlaces(spec: Members): readonly FoundSection[] {
  return annotated.flatMap((section) => {
    const list = spec[section];
    if (!Array.isArray(list)) return [];
    const countEntity = counter();
    const entities = (list as readonly JsonValue[]).flatMap((entity, index) => {
      if (!isRecord(entity)) return [];
      const id = textOf(entity['mrn'] ?? entity['name']);
      const nth = countEntity(id);
      const entries = entity['annotations'];
      if (!Array.isArray(entries)) return [];
      const countName = counter();
      const annotations = (entries as readonly JsonValue[]).flatMap((entry, at): readonly FoundAnnotation[] => {
        if (!isRecord(entry)) return [];
        const name = textOf(entry['name']);
        return [{ index: at, entry, place: [section, id, nth, name, countName(name)] }];
      });
      return [{ index, entity, annotations }];
    });
    return entities.length === 0 ? [] : [{ section, entities }];
  });
}

/** Numbers the uses of each text, from 0. */
function counter(): (text: string) => number {
  const used = new Map<string, number>();
  return (text) => {
    const count = used.get(text) ?? 0;
    used.set(text, count + 1);
    return count;
  };
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : printExactJson(value ?? '');
}
