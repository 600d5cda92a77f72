import type { JSX } from 'preact';
import { useId, useRef, useState } from 'preact/hooks';
import type { ApiProblem } from '../client/problem.ts';
import { capital } from '../format.ts';
import { useClient } from '../hooks.ts';
import { Note } from '../parts/note.tsx';

/** Takes a token. It stays in this tab and ends with it. */
export function SignIn({ notice }: { readonly notice: string | undefined }): JSX.Element {
  const client = useClient();
  const field = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState<string>();
  const [isAsking, setAsking] = useState(false);
  const hint = useId();
  const submit = (event: Event): void => {
    event.preventDefault();
    const token = field.current?.value.trim() ?? '';
    if (isAsking) return;
    if (token === '') return setProblem('Paste a token first.');
    setAsking(true);
    void client.signIn(token).then((refused) => {
      setAsking(false);
      setProblem(refused);
    });
  };
  const text = problem ?? notice;
  return (
    <section class="panel sign-in" aria-labelledby="sign-in-title">
      <form onSubmit={submit}>
        <h1 id="sign-in-title" tabIndex={-1}>
          Sign in
        </h1>
        {text === undefined ? undefined : (
          <p class="problem" role="alert">
            {text}
          </p>
        )}
        <label class="field">
          <span>Token</span>
          {/* No form of the page is sent by the browser itself, and no password is to be kept by it. */}
          <input ref={field} type="password" autocomplete="off" spellcheck={false} aria-describedby={hint} />
        </label>
        <div id={hint} class="quiet">
          <p>
            A Kubernetes token; what you see and may do follows from your rights in the cluster. It is kept in this tab
            alone, until you close it.
          </p>
        </div>
        <pre tabIndex={0} aria-label="Command that makes a token">
          kubectl create token NAME --duration=1h
        </pre>
        <div class="dialog-end">
          <button type="submit" class="button primary" aria-disabled={isAsking}>
            {isAsking ? 'Signing in …' : 'Sign in'}
          </button>
        </div>
      </form>
    </section>
  );
}

/** Nobody could be asked who the user is. */
export function Away({ problem }: { readonly problem: ApiProblem }): JSX.Element {
  const client = useClient();
  return (
    <>
      <h1 tabIndex={-1}>No answer from the operator</h1>
      <Note
        tone="bad"
        isAlert
        end={
          <button type="button" class="button" onClick={() => void client.start()}>
            Try again
          </button>
        }
      >
        {capital(problem.message)}
      </Note>
    </>
  );
}
