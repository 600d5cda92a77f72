import type { JSX } from 'preact';
import { number } from '../format.ts';

/** So many of so many, as a bar and in figures. The figures are what screen readers read. */
export function Meter({
  part,
  whole,
  label,
}: {
  readonly part: number;
  readonly whole: number;
  readonly label: string;
}): JSX.Element {
  if (whole === 0) return <span class="quiet">none required</span>;
  const share = Math.min(1, part / whole);
  return (
    <span class="nowrap">
      <svg
        class={share === 1 ? 'meter whole' : 'meter'}
        viewBox="0 0 100 8"
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <rect class="meter-track" width="100" height="8" />
        <rect class="meter-fill" width={share * 100} height="8" />
      </svg>
      {number(part)}
      <span class="quiet">
        <span aria-hidden="true">/</span>
        <span class="unseen"> of </span>
        {number(whole)}
        <span class="unseen"> {label}</span>
      </span>
    </span>
  );
}
