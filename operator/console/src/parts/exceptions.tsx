import type { JSX } from 'preact';
import type { SetDetail } from '../../../src/console/wire.ts';
import { plural } from '../format.ts';
import { pdpWording } from '../words.ts';
import { Panel } from './panel.tsx';
import { State } from './state.tsx';

/** PDPs that are not where they should be, by name and reason. */
export function Exceptions(props: {
  readonly exceptions: SetDetail['exceptions'];
  readonly fleet: string;
}): JSX.Element {
  return (
    <Panel
      title={`${plural(props.exceptions.length, 'PDP')} not where ${props.exceptions.length === 1 ? 'it' : 'they'} should be`}
      aside={<a href={props.fleet}>Whole fleet</a>}
    >
      <table class="cards">
        <caption class="unseen">PDPs that are not where they should be, worst first</caption>
        <thead>
          <tr>
            <th scope="col">PDP</th>
            <th scope="col">State</th>
            <th scope="col" class="num">
              Serves
            </th>
            <th scope="col">Reason</th>
          </tr>
        </thead>
        <tbody>
          {props.exceptions.map(({ node, state, active, reason }) => (
            <tr key={node}>
              <th scope="row" class="wrap">
                {node}
              </th>
              <td data-head="State">
                <State {...pdpWording(state)} />
              </td>
              <td data-head="Serves" class="num">
                {active === 0 ? 'nothing' : active}
              </td>
              <td data-head="Reason" class="wrap">
                {reason}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
