import type { JSX } from 'preact';
import { useId } from 'preact/hooks';
import { duration } from '../format.ts';
import { Empty } from '../parts/panel.tsx';
import { labelled, line, places, ticks } from './scale.ts';

/** One figure of one revision, in milliseconds. */
export interface PlotPoint {
  readonly n: number;
  readonly value: number;
}

const SIZE = { width: 440, height: 130 };
const LEFT = 62;
const TOP = 10;
const BOTTOM = 24;
const RIGHT = 14;

/** A figure over revisions: a picture, a sentence that says what it shows, and the same as a table. */
export function Plot(props: {
  readonly title: string;
  readonly description: string;
  readonly points: readonly PlotPoint[];
}): JSX.Element {
  const { title, description, points } = props;
  const id = useId();
  return (
    <figure class="panel plot" aria-labelledby={id}>
      <figcaption class="panel-head">
        <h2 id={id}>{title}</h2>
        <span class="quiet">{description}</span>
      </figcaption>
      {points.length === 0 ? (
        <Empty>
          <p>There are no figures yet.</p>
        </Empty>
      ) : (
        <>
          <Picture title={title} points={points} />
          <details class="panel-body">
            <summary>Figures of {title.toLowerCase()} as a table</summary>
            <table>
              <caption class="unseen">
                {title}: {description}
              </caption>
              <thead>
                <tr>
                  <th scope="col">Revision</th>
                  <th scope="col" class="num">
                    {title}
                  </th>
                </tr>
              </thead>
              <tbody>
                {points.toReversed().map(({ n, value }) => (
                  <tr key={n}>
                    <th scope="row">{n}</th>
                    <td class="num">{duration(value)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </details>
        </>
      )}
    </figure>
  );
}

function Picture({ title, points }: { readonly title: string; readonly points: readonly PlotPoint[] }): JSX.Element {
  const values = points.map(({ value }) => value);
  const lines = ticks(Math.max(...values));
  const top = lines.at(-1) ?? 1;
  const at = places(values, top, SIZE);
  const last = points.at(-1);
  const summary = `${title} of ${points.length === 1 ? 'one revision' : `${points.length} revisions`}: ${duration(Math.min(...values))} to ${duration(Math.max(...values))}, last ${duration(last?.value ?? 0)}.`;
  return (
    <svg
      role="img"
      aria-label={summary}
      viewBox={`0 0 ${LEFT + SIZE.width + RIGHT} ${TOP + SIZE.height + BOTTOM}`}
      class="plot-picture"
    >
      <g transform={`translate(${LEFT} ${TOP})`}>
        {lines.map((value) => {
          const y = SIZE.height - (value / top) * SIZE.height;
          return (
            <g key={value}>
              <line class="plot-grid" x1="0" x2={SIZE.width} y1={y} y2={y} />
              <text class="plot-label" x="-8" y={y + 4} text-anchor="end">
                {value === 0 ? '0' : duration(value)}
              </text>
            </g>
          );
        })}
        {labelled(points.length, 6).map((index) => (
          <text key={index} class="plot-label" x={at[index]?.x ?? 0} y={SIZE.height + 18} text-anchor="middle">
            {points[index]?.n}
          </text>
        ))}
        <polyline class="plot-line" points={line(at)} />
        {at.map(({ x, y }, index) => (
          <circle key={points[index]?.n} class="plot-point" cx={x} cy={y} r={at.length > 60 ? 1.5 : 3}>
            <title>{`revision ${points[index]?.n ?? ''}: ${duration(points[index]?.value ?? 0)}`}</title>
          </circle>
        ))}
      </g>
    </svg>
  );
}
