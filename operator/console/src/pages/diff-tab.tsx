import type { JSX } from 'preact';
import type { DomainDiff, EntityDiff, RevisionDiff, RevisionList } from '../../../src/console/wire.ts';
import { plural } from '../format.ts';
import { useResource } from '../hooks.ts';
import { Loaded, Note } from '../parts/note.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { ShadowPanel } from '../parts/shadow-panel.tsx';
import { hrefOf, type Query } from '../route.ts';

const SIGNS: Readonly<Record<DomainDiff['change'], string>> = { Added: '+', Removed: '−', Changed: '±' };

/** What changes between two revisions, and for whom. */
export function DiffTab(props: {
  readonly namespace: string;
  readonly name: string;
  readonly query: Query;
  readonly path: string;
  readonly change: number;
}): JSX.Element {
  const { path, query, change } = props;
  const list = useResource<RevisionList>(`${path}/revisions?limit=200`, change);
  const revisions = list.data?.revisions ?? [];
  const wanted = new URLSearchParams(
    ['from', 'to'].flatMap((end) => (/^[0-9]{1,16}$/.test(query[end] ?? '') ? [[end, query[end] ?? '']] : [])),
  ).toString();
  return (
    <Loaded resource={list} what="the revisions">
      {() =>
        revisions.length < 2 ? (
          <Panel title="Compare two revisions">
            <Empty>
              <p>There is nothing to compare yet: it takes two revisions.</p>
            </Empty>
          </Panel>
        ) : (
          <Compared {...props} revisions={revisions.map(({ n }) => n)} wanted={wanted} />
        )
      }
    </Loaded>
  );
}

function Compared(props: {
  readonly namespace: string;
  readonly name: string;
  readonly query: Query;
  readonly path: string;
  readonly revisions: readonly number[];
  readonly wanted: string;
}): JSX.Element {
  const { namespace, name, query, path, revisions, wanted } = props;
  // Revisions do not change: only another choice is asked for.
  const diff = useResource<RevisionDiff>(`${path}/diff${wanted === '' ? '' : `?${wanted}`}`, 0);
  const from = diff.data?.from ?? Number(query['from'] ?? revisions[1]);
  const to = diff.data?.to ?? Number(query['to'] ?? revisions[0]);
  const go = (change: Query): void => {
    const both = { from: String(from), to: String(to), ...change };
    location.replace(hrefOf({ page: 'set', namespace, name, tab: 'diff', query: both }));
  };
  return (
    <>
      <section class="panel" aria-label="Revisions to compare">
        <form class="filters" onSubmit={(event) => event.preventDefault()}>
          <End name="From" value={from} revisions={revisions} onChange={(n) => go({ from: n })} />
          <End name="To" value={to} revisions={revisions} onChange={(n) => go({ to: n })} />
        </form>
      </section>
      <Loaded resource={diff} what="what differs">
        {(data) => <Differences diff={data} />}
      </Loaded>
    </>
  );
}

function End(props: {
  readonly name: string;
  readonly value: number;
  readonly revisions: readonly number[];
  readonly onChange: (n: string) => void;
}): JSX.Element {
  const { name, value, revisions, onChange } = props;
  return (
    <label class="field">
      <span>{name}</span>
      <select value={String(value)} onChange={(event) => onChange(event.currentTarget.value)}>
        {(revisions.includes(value) ? revisions : [value, ...revisions]).map((n) => (
          <option key={n} value={String(n)}>
            Revision {n}
          </option>
        ))}
      </select>
    </label>
  );
}

function Differences({ diff }: { readonly diff: RevisionDiff }): JSX.Element {
  const settings = [
    diff.testsChanged ? 'the test suites' : undefined,
    diff.servingChanged ? 'how the set is served' : undefined,
    diff.consistencyChanged ? 'the consistency' : undefined,
  ].filter((each) => each !== undefined);
  return (
    <>
      {diff.isSameContent ? (
        <Note tone="good">
          Revisions {diff.from} and {diff.to} have the same content.
        </Note>
      ) : undefined}
      {settings.length === 0 ? undefined : <Note tone="warn">Different, too: {settings.join(', ')}.</Note>}
      {diff.shadow === undefined ? undefined : (
        <ShadowPanel shadow={diff.shadow} title={`For whom: revision ${diff.to} against ${diff.shadow.against}`} />
      )}
      {diff.domains.map((domain) => (
        <Domain key={`${domain.namespace}/${domain.name}`} domain={domain} />
      ))}
    </>
  );
}

function Domain({ domain }: { readonly domain: DomainDiff }): JSX.Element {
  const { entities } = domain;
  return (
    <Panel title={`${domain.namespace}/${domain.name}`} aside={<Change change={domain.change} />}>
      {entities === undefined && domain.change !== 'Changed' ? undefined : entities === undefined ? (
        <Empty>
          <p>
            What changed in it cannot be told: one of its bundles is gone, or there are too many domains to compare.
          </p>
        </Empty>
      ) : entities.length === 0 ? (
        <Empty>
          <p>None of its entities differs.</p>
        </Empty>
      ) : (
        <ul class="entities">
          {entities.map((entity) => (
            <Entity key={`${entity.section} ${entity.id}`} entity={entity} />
          ))}
        </ul>
      )}
      {domain.isCut === true ? (
        <p class="panel-body quiet">
          There are more than the {plural(entities?.length ?? 0, 'entity', 'entities')} listed.
        </p>
      ) : undefined}
    </Panel>
  );
}

function Entity({ entity }: { readonly entity: EntityDiff }): JSX.Element {
  const { section, id, change, lines, members } = entity;
  return (
    <li>
      <div class="entity-head">
        <Change change={change} />
        <span class="quiet">{section}</span>
        <code class="wrap">{id}</code>
      </div>
      {members === undefined || members.length === 0 ? undefined : <p class="quiet">Differs in {members.join(', ')}</p>}
      {lines === undefined || lines.length === 0 ? undefined : (
        <pre class="lines" tabIndex={0} aria-label={`Lines of ${id} that differ`}>
          {lines.map((text, index) => (
            <span key={index} class={text.startsWith('+') ? 'added' : text.startsWith('-') ? 'removed' : ''}>
              {`${text}\n`}
            </span>
          ))}
        </pre>
      )}
    </li>
  );
}

function Change({ change }: { readonly change: DomainDiff['change'] }): JSX.Element {
  return (
    <span class={`change ${change.toLowerCase()}`}>
      <span aria-hidden="true">{SIGNS[change]}</span>
      {change}
    </span>
  );
}
