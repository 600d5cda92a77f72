import { compileSelector } from '../selector.ts';
import { lintSections } from './sections.ts';
import { itemsOf, mappingOf, memberOf, textOf } from '../read/tree.ts';
import type { Problem, ProblemClass } from '../problem.ts';
import type { YamlNode } from '../read/yaml-node.ts';
import type { LintSection } from './sections.ts';

/** An entity as written: in a list, or under a key of a map-style section. */
interface WrittenEntity {
  readonly section: LintSection;
  readonly index: number;
  readonly id: string;
  readonly idField: 'mrn' | 'name';
  readonly node: YamlNode;
  /** Where the entity is named, for duplicates. */
  readonly place: YamlNode;
}

/**
 * What is wrong with the form of a document, found without loading it: a domain without a name, entities without id,
 * without Rego or selectors, ids that are defined twice, selectors that are no expressions. `root` need not be a valid
 * domain: what cannot be read is passed over, and reported by reading.
 */
export function structureProblems(root: YamlNode | null, file: string): readonly Problem[] {
  if (root === null || mappingOf(root) === undefined) return [];
  const metadata = memberOf(root, 'metadata');
  const domain = textOf(memberOf(metadata, 'name')) ?? '';
  const report = new Report(file, domain);
  if (domain === '') {
    const message = metadata === undefined ? 'metadata is missing' : 'metadata.name is missing or empty';
    report.add('schema', 'structure', message, metadata ?? root);
  }
  const spec = memberOf(root, 'spec');
  for (const section of lintSections) {
    const entities = entitiesOf(section, memberOf(spec, section.key));
    for (const entity of entities) checkEntity(entity, report);
    checkDuplicates(entities, report);
  }
  return report.problems;
}

function entitiesOf(section: LintSection, node: YamlNode | undefined): readonly WrittenEntity[] {
  const mapping = mappingOf(node);
  if (mapping !== undefined) {
    return mapping.pairs.flatMap(([key, value], index) => {
      const id = textOf(key);
      if (id === undefined || mappingOf(value) === undefined) return [];
      return [{ section, index, id, idField: 'name' as const, node: value, place: key }];
    });
  }
  return itemsOf(node).flatMap((item, index) => {
    if (mappingOf(item) === undefined) return [];
    const mrn = textOf(memberOf(item, 'mrn')) ?? '';
    const id = mrn === '' ? (textOf(memberOf(item, 'name')) ?? '') : mrn;
    return [
      { section, index, id, idField: mrn === '' ? ('name' as const) : ('mrn' as const), node: item, place: item },
    ];
  });
}

function checkEntity(entity: WrittenEntity, report: Report): void {
  const { section, id, node } = entity;
  if (id === '') report.entity('schema', 'structure', entity, 'mrn', 'neither mrn nor name is given');
  for (const field of section.demands) {
    const value = memberOf(node, field);
    const missing =
      field === 'rego' ? (textOf(value) ?? '') === '' && !isCollection(value) : itemsOf(value).length === 0;
    // A selector that is not a list, or Rego that is not text, is a type error: reading reports it.
    if (missing && !(field === 'selector' && value !== undefined && !isEmpty(value) && !isList(value))) {
      report.entity('schema', 'structure', entity, field, `the required field ${field} is missing or empty`);
    }
  }
  for (const item of itemsOf(memberOf(node, 'selector'))) {
    const text = textOf(item);
    if (text === undefined) continue;
    const compiled = compileSelector(text);
    if (compiled.ok) continue;
    const message = `selector '${text}' is not a valid expression: ${compiled.error}`;
    report.entity('selector', 'selector-regex', entity, 'selector', message, item);
  }
}

function checkDuplicates(entities: readonly WrittenEntity[], report: Report): void {
  const first = new Map<string, WrittenEntity>();
  for (const entity of entities) {
    if (entity.id === '') continue;
    const earlier = first.get(entity.id);
    if (earlier === undefined) {
      first.set(entity.id, entity);
      continue;
    }
    const line = earlier.place.source?.position.line;
    const where = line === undefined ? '' : ` (first at line ${String(line)})`;
    report.entity(
      'duplicate',
      'duplicate',
      entity,
      entity.idField,
      `'${entity.id}' is defined twice${where}`,
      entity.place,
    );
  }
}

function isCollection(node: YamlNode | undefined): boolean {
  return mappingOf(node) !== undefined || isList(node);
}

function isList(node: YamlNode | undefined): boolean {
  return itemsOf(node).length > 0;
}

function isEmpty(node: YamlNode): boolean {
  return textOf(node) === '' || (textOf(node) === undefined && mappingOf(node) === undefined && !isList(node));
}

class Report {
  readonly problems: Problem[] = [];
  readonly #file: string;
  readonly #domain: string;

  constructor(file: string, domain: string) {
    this.#file = file;
    this.#domain = domain;
  }

  add(source: Problem['source'], problemClass: ProblemClass, message: string, node: YamlNode): void {
    const base = { source, severity: 'error', class: problemClass, file: this.#file, message } as const;
    this.problems.push({ ...base, ...(this.#domain === '' ? {} : { domain: this.#domain }), ...node.source?.position });
  }

  entity(
    source: Problem['source'],
    problemClass: ProblemClass,
    { section, index, id, node: entityNode }: WrittenEntity,
    field: string,
    message: string,
    node: YamlNode = entityNode,
  ): void {
    const base = { source, severity: 'error', class: problemClass, file: this.#file, domain: this.#domain } as const;
    const mrn = id === '' ? `${section.key}[${String(index)}]` : id;
    this.problems.push({ ...base, kind: section.kind, mrn, field, message, ...node.source?.position });
  }
}
