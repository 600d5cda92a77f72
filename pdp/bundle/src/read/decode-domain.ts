import { ANNOTATION_MAX_DEPTH, AnnotationDepthError, decodeAnnotationText, isTooDeep } from './annotation-text.ts';
import { dataPlaces, decodeData } from './decode-data.ts';
import { regoRowPositions } from './rego-rows.ts';
import { dereference } from './yaml-node.ts';
import type { Decoder, FieldDecoder } from './decoder.ts';
import type { YamlNode } from './yaml-node.ts';
import type {
  AnnotationEntry,
  AnnotationValue,
  DomainModel,
  PolicyEntity,
  ResourceGroupEntity,
  RoleEntity,
} from '../model.ts';
import type { Position } from '../problem.ts';
import type { ApiVersion } from '../sourced-domain.ts';

/** A decoded document: the domain, and where its parts stand. */
export interface DecodedDomain {
  readonly domain: DomainModel;
  readonly places: ReadonlyMap<string, Position>;
  readonly regoRows: ReadonlyMap<string, readonly Position[]>;
}

/**
 * Decodes a whole document of a known version into the model. Problems are left in `decoder`; what is answered counts
 * only if there are none. `lines` are the document's lines, to place rows of Rego; empty for objects.
 */
export function decodeDomain(
  decoder: Decoder,
  root: YamlNode,
  apiVersion: ApiVersion,
  lines: readonly string[],
): DecodedDomain {
  const reader = new DomainReader(decoder, apiVersion, lines);
  const domain = reader.read(root);
  return { domain, places: reader.places, regoRows: reader.regoRows };
}

/** Fields of one entity while they are read; each kind of entity picks those that it has. */
interface Draft {
  mrn: string;
  name: string;
  description: string;
  rego: string;
  policy: string;
  group: string;
  default: boolean;
  dependencies: readonly string[];
  roles: readonly string[];
  selector: readonly string[];
  annotations: readonly AnnotationEntry[];
}

type EntityField = keyof Draft;

class DomainReader {
  readonly places = new Map<string, Position>();
  readonly regoRows = new Map<string, readonly Position[]>();
  readonly #decoder: Decoder;
  readonly #lines: readonly string[];
  readonly #nativeValues: boolean;
  readonly #merge: boolean;
  readonly #resources: boolean;
  readonly #hasData: boolean;

  constructor(decoder: Decoder, apiVersion: ApiVersion, lines: readonly string[]) {
    this.#decoder = decoder;
    this.#lines = lines;
    this.#nativeValues = apiVersion.endsWith('/v1beta1');
    this.#merge = !apiVersion.endsWith('/v1alpha3');
    this.#resources = this.#merge;
    this.#hasData = apiVersion === 'edict.dev/v1beta1';
  }

  read(root: YamlNode): DomainModel {
    const policy: readonly EntityField[] = ['mrn', 'name', 'description', 'rego', 'dependencies'];
    // Roles and scopes may carry `default`: it has to be a boolean, and means nothing.
    const role: readonly EntityField[] = ['mrn', 'name', 'description', 'policy', 'default', 'annotations'];
    const group: readonly EntityField[] = ['mrn', 'name', 'description', 'roles', 'annotations'];
    const resource: readonly EntityField[] = ['name', 'description', 'selector', 'group', 'annotations'];
    const sections: Record<string, { path: string; fields: readonly EntityField[] }> = {
      'policy-libraries': { path: 'libraries', fields: policy },
      policies: { path: 'policies', fields: policy },
      roles: { path: 'roles', fields: role },
      groups: { path: 'groups', fields: group },
      'resource-groups': { path: 'resourceGroups', fields: role },
      scopes: { path: 'scopes', fields: role },
      operations: { path: 'operations', fields: ['name', 'selector', 'policy'] },
      mappers: { path: 'mappers', fields: ['name', 'selector', 'rego'] },
    };
    if (this.#resources) sections['resources'] = { path: 'resources', fields: resource };

    let name = '';
    const read = new Map<string, readonly Draft[]>();
    const spec: Record<string, FieldDecoder> = {};
    for (const [key, { path, fields }] of Object.entries(sections)) {
      spec[key] = (node) => {
        const entities = this.#decoder.list(node, (item, index) =>
          this.#entity(item, `${path}/${String(index)}`, fields),
        );
        if (entities !== undefined) read.set(path, entities);
      };
    }
    if (this.#merge) spec['annotation-defaults'] = (node) => this.#defaults(node);
    let data: string | undefined;
    if (this.#hasData) {
      spec['data'] = (node) => {
        data = decodeData(this.#decoder, node);
        this.#place('data', node);
        dataPlaces(node, (path, position) => this.places.set(path, position));
      };
    }
    const metadata: Record<string, FieldDecoder> = {
      name: (node) => {
        name = this.#decoder.string(node) ?? name;
        this.#place('name', node);
      },
    };
    this.#decoder.struct(root, {
      apiVersion: (node) => void this.#decoder.string(node),
      kind: (node) => void this.#decoder.string(node),
      metadata: (node) => void this.#decoder.struct(node, metadata),
      spec: (node) => void this.#decoder.struct(node, spec),
    });
    const section = (path: string): readonly Draft[] => read.get(path) ?? [];
    return {
      name,
      policies: section('policies').map(policyEntity),
      libraries: section('libraries').map(policyEntity),
      roles: section('roles').map(roleEntity),
      groups: section('groups').map(({ mrn, name: label, description, roles, annotations }) => {
        return { mrn, name: label, description, roles, annotations };
      }),
      resourceGroups: section('resourceGroups').map(resourceGroupEntity),
      resources: section('resources').map(({ name: label, description, selector, group: target, annotations }) => {
        return { name: label, description, selector, group: target, annotations };
      }),
      scopes: section('scopes').map(roleEntity),
      operations: section('operations').map(({ name: label, selector, policy: target }) => {
        return { name: label, selector, policy: target };
      }),
      mappers: section('mappers').map(({ name: label, selector, rego }) => ({ name: label, selector, rego })),
      ...(data === undefined ? {} : { data }),
    };
  }

  #entity(node: YamlNode, path: string, fields: readonly EntityField[]): Draft | undefined {
    const draft: Draft = {
      ...{ mrn: '', name: '', description: '', rego: '', policy: '', group: '', default: false },
      ...{ dependencies: [], roles: [], selector: [], annotations: [] },
    };
    const decoders: Record<string, FieldDecoder> = {};
    for (const field of fields) {
      decoders[field] = (value) => {
        this.#place(`${path}/${field}`, value);
        this.#field(draft, field, value, `${path}/${field}`);
      };
    }
    this.#place(path, node);
    return this.#decoder.struct(node, decoders) ? draft : undefined;
  }

  #field(draft: Draft, field: EntityField, node: YamlNode, path: string): void {
    switch (field) {
      case 'mrn':
      case 'name':
      case 'description':
      case 'policy':
      case 'group':
        draft[field] = this.#decoder.string(node) ?? draft[field];
        return;
      case 'rego': {
        draft.rego = this.#decoder.string(node) ?? draft.rego;
        const rows = regoRowPositions(dereference(node), draft.rego, this.#lines);
        if (rows !== undefined) this.regoRows.set(path, rows);
        return;
      }
      case 'default':
        draft.default = this.#decoder.boolean(node) ?? draft.default;
        return;
      case 'dependencies':
      case 'roles':
      case 'selector':
        draft[field] = this.#strings(node, path) ?? [];
        return;
      case 'annotations':
        draft.annotations = this.#decoder.list(node, (item) => this.#annotation(item)) ?? [];
    }
  }

  #strings(node: YamlNode, path: string): readonly string[] | undefined {
    return this.#decoder.list(node, (item, index) => {
      const text = this.#decoder.string(item);
      if (text !== undefined) this.#place(`${path}/${String(index)}`, item);
      return text;
    });
  }

  #annotation(node: YamlNode): AnnotationEntry | undefined {
    let name = '';
    let merge = '';
    // A missing or null value is the empty string in the versions whose values are strings, and null in those with any.
    let value: AnnotationValue = this.#nativeValues ? null : '';
    const fields: Record<string, FieldDecoder> = {
      name: (field) => {
        name = this.#decoder.string(field) ?? name;
      },
      value: (field) => {
        const native = this.#nativeValues ? this.#decoder.any(field) : (this.#decoder.string(field) ?? '');
        value = this.#annotationValue(native, field);
      },
    };
    if (this.#merge) {
      fields['merge'] = (field) => {
        merge = this.#decoder.string(field) ?? merge;
      };
    }
    return this.#decoder.struct(node, fields) ? { name, value, merge } : undefined;
  }

  #annotationValue(native: AnnotationValue, field: YamlNode): AnnotationValue {
    try {
      const value = typeof native === 'string' ? decodeAnnotationText(native) : native;
      if (!isTooDeep(value)) return value;
    } catch (error) {
      if (!(error instanceof AnnotationDepthError)) throw error;
    }
    this.#decoder.report(`the value nests deeper than ${String(ANNOTATION_MAX_DEPTH)} levels`, field);
    return null;
  }

  #defaults(node: YamlNode): void {
    this.#decoder.struct(node, { merge: (field) => void this.#decoder.string(field) });
  }

  #place(path: string, node: YamlNode): void {
    if (node.source !== undefined) this.places.set(path, node.source.position);
  }
}

function policyEntity({ mrn, name, description, rego, dependencies }: Draft): PolicyEntity {
  return { mrn, name, description, rego, dependencies };
}

function roleEntity({ mrn, name, description, policy, annotations }: Draft): RoleEntity {
  return { mrn, name, description, policy, annotations };
}

function resourceGroupEntity(draft: Draft): ResourceGroupEntity {
  return { ...roleEntity(draft), default: draft.default };
}
