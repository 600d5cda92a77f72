import { diffRevisions, type DomainDiff, type RevisionDiff } from '@edict/operator/views';
import { CommandError, counted, type FleetOutput, type Io } from '../io.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { printObject } from '../render/print-object.ts';
import { chooseSet, sightOf } from './choose-set.ts';

export interface DiffOptions {
  readonly from: number;
  readonly to: number;
  readonly set?: string;
  readonly output: FleetOutput;
}

/** `edict diff`: what changes from one revision to another, and for whom, where live requests showed that. */
export async function diff(io: Io, fleet: Fleet, { from, to, set: wanted, output }: DiffOptions): Promise<void> {
  const set = await chooseSet(fleet, wanted);
  const sight = sightOf(set, await fleet.revisions());
  const [before, after] = [from, to].map((n) => {
    const found = sight.revisions.find(({ spec }) => spec.n === n);
    if (found === undefined) throw new CommandError(`${set.metadata.name} has no revision ${n} (any more)`);
    return found;
  });
  if (before === undefined || after === undefined) return;
  const found = await diffRevisions(sight, before, after, fleet.readBundle, new Date().toISOString());
  if (output !== 'text') {
    printObject(io, found, output);
    return;
  }
  io.stdout(linesOf(found).join('\n') + '\n');
}

function linesOf(found: RevisionDiff): readonly string[] {
  const { from, to, isSameContent, domains, shadow, testsChanged, servingChanged, consistencyChanged } = found;
  if (isSameContent) return [`revisions ${from} and ${to} have the same content`];
  const also = [
    ...(testsChanged ? ['the test suites differ'] : []),
    ...(servingChanged ? ['the APIs that it is served by differ'] : []),
    ...(consistencyChanged ? ['what is promised about agreement differs'] : []),
  ];
  const whom =
    shadow === undefined
      ? []
      : [
          `for whom, by ${counted(shadow.total, 'live request')} against revision ${shadow.against}: ${shadow.grantToDeny} grants to denials, ${shadow.denyToGrant} denials to grants, ${counted(shadow.errors, 'error')}`,
          ...shadow.samples.map(
            ({ difference, principal, operation, resource }) =>
              `  ${difference}  ${principal}  ${operation}  ${resource}`,
          ),
        ];
  return [...domains.flatMap(domainLines), ...also, ...whom];
}

function domainLines({ name, change, entities, isCut }: DomainDiff): readonly string[] {
  const head = `${change === 'Changed' ? 'domain' : `${change.toLowerCase()} domain`} ${name}`;
  if (entities === undefined) return [`${head}: its bundle is gone, so what differs cannot be said`];
  const rows = entities.flatMap(({ section, id, change: how, members = [], lines = [] }) => [
    `  ${how.toLowerCase()} ${section} ${id}${members.length === 0 ? '' : ` (${members.join(', ')})`}`,
    ...lines.map((line) => `    ${line}`.trimEnd()),
  ]);
  return [head, ...rows, ...(isCut === true ? ['  ... and more'] : [])];
}
