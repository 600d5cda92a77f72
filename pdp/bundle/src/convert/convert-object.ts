import { isDeepStrictEqual } from 'node:util';
import { canonicalJson } from '../canonical-json.ts';
import { nodeOfObject, type JsonValue } from '../read/object-node.ts';
import { ConvertError } from './convert-error.ts';
import {
  annotationPlaces,
  isRecord,
  keptMembers,
  KEPT_ANNOTATION,
  printKept,
  readKept,
  type AnnotationPlace,
  type Kept,
  type KeptAnnotation,
  type Members,
} from './kept-annotation.ts';

/** Versions of Manetu's group, oldest first. The last is the one that objects are stored in: it can say most. */
export const manetuVersions = ['v1alpha3', 'v1alpha4', 'v1beta1'] as const;
/** One of {@link manetuVersions}. */
export type ManetuVersion = (typeof manetuVersions)[number];
type Spoke = Exclude<ManetuVersion, 'v1beta1'>;

/** Manetu's API group. */
export const MANETU_API_GROUP = 'iamlite.manetu.io';

/** The version that an apiVersion of Manetu's group names; undefined for any other text. */
export function manetuVersionOf(apiVersion: unknown): ManetuVersion | undefined {
  return manetuVersions.find((version) => apiVersion === `${MANETU_API_GROUP}/${version}`);
}

/**
 * Converts a PolicyDomain object between Manetu's versions. What it means stays, so far as the target can say it; what it
 * cannot is kept in annotation {@link KEPT_ANNOTATION} and comes back on the way back, members without meaning (such as the
 * resources of a v1alpha3) included: there and back is the same object. After an edit in between, what was kept comes
 * back where the annotation that it belongs to is still there and says what it said. Pure: the object is not changed.
 * Integers beyond 2^53 are to be `bigint` (`parseExactJson`).
 * @throws ConvertError if more would have to be kept than fits an annotation, or what is kept cannot be read
 */
export function convertObject(object: Members, from: ManetuVersion, to: ManetuVersion): Members {
  if (from === to) return object;
  const hub = from === 'v1beta1' ? object : toHub(object, from);
  return to === 'v1beta1' ? hub : fromHub(hub, to);
}

function toHub(object: Members, from: Spoke): Members {
  const kept = readKept(object);
  if (kept === undefined) {
    throw new ConvertError(
      'kept-unreadable',
      `annotation ${KEPT_ANNOTATION} is not what a conversion wrote: remove it`,
    );
  }
  const { spec, taken } = rewrite(object['spec'], from, hubValue);
  return withSpec(object, 'v1beta1', restore(spec, kept['v1beta1'], spokeValue), {
    ...kept,
    v1beta1: {},
    [from]: taken,
  });
}

function fromHub(object: Members, to: Spoke): Members {
  // A stored object must be readable in every version: what nobody can read is as if it were not there.
  const kept = readKept(object) ?? {};
  const { spec, taken } = rewrite(object['spec'], to, spokeValue);
  return withSpec(object, to, restore(spec, kept[to], hubValue), { ...kept, [to]: {}, v1beta1: taken });
}

function withSpec(
  object: Members,
  version: ManetuVersion,
  spec: JsonValue | undefined,
  kept: Readonly<Partial<Record<ManetuVersion, Kept>>>,
): Members {
  const { metadata } = object;
  const text = printKept(kept);
  return {
    ...object,
    apiVersion: `${MANETU_API_GROUP}/${version}`,
    ...(isRecord(metadata) || text !== undefined ? { metadata: withKept(metadata, text) } : {}),
    ...(spec === undefined ? {} : { spec }),
  };
}

function withKept(metadata: JsonValue | undefined, text: string | undefined): Members {
  const { annotations, ...rest } = isRecord(metadata) ? metadata : {};
  const { [KEPT_ANNOTATION]: _before, ...others } = isRecord(annotations) ? annotations : {};
  const all = text === undefined ? others : { ...others, [KEPT_ANNOTATION]: text };
  return Object.keys(all).length === 0 ? rest : { ...rest, annotations: all };
}

/** How a value of an annotation is written in the other version; undefined for none, on either side. */
type ValueForm = (value: JsonValue | undefined) => JsonValue | undefined;

/** As v1beta1 writes what an older version means: a scalar is its text there, and nothing is empty text. */
function hubValue(value: JsonValue | undefined): JsonValue | undefined {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string' || typeof value === 'object') return value; // no list or map is valid there: it stays wrong
  const node = nodeOfObject(value);
  return node.kind === 'scalar' ? node.value : value;
}

/** As an older version writes what v1beta1 means: text is the same in both, anything else is JSON text. */
function spokeValue(value: JsonValue | undefined): JsonValue | undefined {
  return typeof value === 'string' ? value : canonicalJson(value ?? null);
}

/** The spec for the other side of a hop between v1beta1 and `spoke`, and what of it has no place there. */
function rewrite(
  spec: JsonValue | undefined,
  spoke: Spoke,
  form: ValueForm,
): { readonly spec: JsonValue | undefined; readonly taken: Kept } {
  if (!isRecord(spec)) return { spec, taken: {} };
  const isFirst = spoke === 'v1alpha3';
  const gone = isFirst ? keptMembers.filter((member) => spec[member] !== undefined) : [];
  const staying = Object.fromEntries(Object.entries(spec).filter(([member]) => !gone.some((name) => name === member)));
  const annotations: KeptAnnotation[] = [];
  const rewritten = mapAnnotations(staying, (entry, place) => {
    const { merge, ...rest } = entry;
    const value = form(entry['value']);
    const isSame = isDeepStrictEqual(value, entry['value']);
    const dropsMerge = isFirst && merge !== undefined;
    if (isSame && !dropsMerge) return entry;
    annotations.push({
      at: place,
      ...(isSame ? {} : entry['value'] === undefined ? { noValue: true } : { value: entry['value'] }),
      ...(dropsMerge ? { merge } : {}),
    });
    return { ...(dropsMerge ? rest : entry), ...(value === undefined ? {} : { value }) };
  });
  const members = Object.fromEntries(gone.map((member) => [member, spec[member] ?? null]));
  return { spec: rewritten, taken: { ...members, ...(annotations.length === 0 ? {} : { annotations }) } };
}

/** Puts back what was taken on the way here. `form` is how that way wrote values: who says something else by now stays. */
function restore(spec: JsonValue | undefined, kept: Kept | undefined, form: ValueForm): JsonValue | undefined {
  if (kept === undefined || Object.keys(kept).length === 0) return spec;
  const { annotations = [], ...members } = kept;
  const byPlace = new Map(annotations.map((entry) => [placeText(entry.at), entry]));
  const base = isRecord(spec) ? spec : {};
  const restored = mapAnnotations(base, (entry, place) => {
    const before = byPlace.get(placeText(place));
    if (before === undefined) return entry;
    const hadOther = before.noValue === true || before.value !== undefined;
    const isAsWritten = hadOther && isDeepStrictEqual(form(before.value), entry['value']);
    const { value, ...rest } = entry;
    return {
      ...rest,
      ...(isAsWritten
        ? before.value === undefined
          ? {}
          : { value: before.value }
        : value === undefined
          ? {}
          : { value }),
      ...(before.merge === undefined ? {} : { merge: before.merge }),
    };
  });
  return { ...restored, ...members };
}

function placeText(place: AnnotationPlace): string {
  return JSON.stringify(place);
}

/** A spec with every annotation of its entities replaced; parts of other shapes stay as they are. */
function mapAnnotations(spec: Members, change: (entry: Members, place: AnnotationPlace) => Members): Members {
  const sections = annotationPlaces(spec);
  if (sections.length === 0) return spec;
  const changed: Record<string, JsonValue | undefined> = { ...spec };
  for (const { section, entities } of sections) {
    const list = [...(spec[section] as readonly JsonValue[])];
    for (const { index, entity, annotations } of entities) {
      const entries = [...(entity['annotations'] as readonly JsonValue[])];
      for (const { index: at, entry, place } of annotations) entries[at] = change(entry, place);
      list[index] = { ...entity, annotations: entries };
    }
    changed[section] = list;
  }
  return changed;
}
