import type { ComponentChildren, JSX } from 'preact';
import type { ApiProblem } from '../client/problem.ts';
import { useUser, type Resource } from '../hooks.ts';
import { addressed } from '../format.ts';
import type { Tone } from '../words.ts';
import { Shape } from './state.tsx';

/** Something that the reader must not miss. */
export function Note(props: {
  readonly tone: Tone;
  readonly children: ComponentChildren;
  readonly end?: ComponentChildren;
  /** Read out when it appears. */
  readonly isAlert?: boolean;
}): JSX.Element {
  return (
    <div class={`note ${props.tone}`} {...(props.isAlert === true ? { role: 'alert' } : {})}>
      <span class={`state ${props.tone}`}>
        <Shape tone={props.tone} />
      </span>
      <div class="grow">{props.children}</div>
      {props.end}
    </div>
  );
}

/** What went wrong with a question. */
export function ProblemNote({
  problem,
  isOld,
}: {
  readonly problem: ApiProblem;
  readonly isOld: boolean;
}): JSX.Element {
  const user = useUser();
  return (
    <Note tone={problem.status === 404 ? 'idle' : 'bad'} isAlert>
      {addressed(problem.message, user)}
      {isOld ? ' What is shown is from before.' : ''}
    </Note>
  );
}

/** Draws a resource: while it loads, when it cannot be had, and what came. */
export function Loaded<T>(props: {
  readonly resource: Resource<T>;
  readonly what: string;
  readonly children: (data: T) => ComponentChildren;
}): JSX.Element {
  const { data, problem } = props.resource;
  return (
    <>
      {problem === undefined ? undefined : <ProblemNote problem={problem} isOld={data !== undefined} />}
      {data === undefined && problem === undefined ? (
        <p class="quiet" role="status">
          Loading {props.what} …
        </p>
      ) : undefined}
      {data === undefined ? undefined : props.children(data)}
    </>
  );
}
