import type { JSX } from 'preact';
import type { ShadowView } from '../../../src/console/wire.ts';
import { number, percentage, plural } from '../format.ts';
import { VERDICTS } from '../words.ts';
import { Panel } from './panel.tsx';
import { State } from './state.tsx';

/** What would change for whom, by live requests that both revisions answered. */
export function ShadowPanel({ shadow, title }: { readonly shadow: ShadowView; readonly title: string }): JSX.Element {
  return (
    <Panel title={title} aside={<State {...VERDICTS[shadow.verdict]} />}>
      <div class="panel-body">
        <p>
          {shadow.message}
          {shadow.dropped === 0 ? '' : ` ${plural(shadow.dropped, 'request')} of the sample could not be compared.`}
        </p>
        <dl class="shadow">
          <Change name="Grant becomes denial" part={shadow.grantToDeny} whole={shadow.total} />
          <Change name="Denial becomes grant" part={shadow.denyToGrant} whole={shadow.total} />
          <Change name="Answer becomes error" part={shadow.errors} whole={shadow.total} />
          <div>
            <dt>Compared</dt>
            <dd>{number(shadow.total)}</dd>
          </div>
        </dl>
      </div>
      {shadow.samples.length === 0 ? undefined : (
        <table class="cards">
          <caption class="panel-body quiet">
            {plural(shadow.samples.length, 'example')}; the PDPs have taken out what is personal
          </caption>
          <thead>
            <tr>
              <th scope="col">Change</th>
              <th scope="col">Principal</th>
              <th scope="col">Operation</th>
              <th scope="col">Resource</th>
            </tr>
          </thead>
          <tbody>
            {shadow.samples.map(({ difference, principal, operation, resource }, index) => (
              <tr key={index}>
                <th scope="row">{differenceText(difference)}</th>
                <td data-head="Principal" class="wrap mono">
                  {principal}
                </td>
                <td data-head="Operation" class="wrap mono">
                  {operation}
                </td>
                <td data-head="Resource" class="wrap mono">
                  {resource}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Change({
  name,
  part,
  whole,
}: {
  readonly name: string;
  readonly part: number;
  readonly whole: number;
}): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {part === 0 ? <span class="quiet">0</span> : <State tone="warn" text={number(part)} />}{' '}
        {part === 0 ? undefined : <small class="quiet">{percentage(part, whole)}</small>}
      </dd>
    </div>
  );
}

const DIFFERENCES: Readonly<Partial<Record<string, string>>> = {
  'grant-to-deny': 'grant → denial',
  'deny-to-grant': 'denial → grant',
  error: 'answer → error',
};

function differenceText(difference: string): string {
  return DIFFERENCES[difference] ?? difference;
}
