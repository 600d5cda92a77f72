/** What the set-up hands to the test files: they run in another JavaScript realm, so it travels as text. */
export interface Environment {
  readonly kubeconfig: string;
  /** State directory of the node. */
  readonly nodeDirectory: string;
  /** Where the operator is installed. */
  readonly operatorNamespace: string;
  /** The Helm release. */
  readonly release: string;
  /** Tag of the images that the node holds. */
  readonly imageTag: string;
}

const VARIABLE = 'EDICT_E2E_ENVIRONMENT';

/** Makes the environment known to the test files. */
export function publishEnvironment(environment: Environment): void {
  process.env[VARIABLE] = JSON.stringify(environment);
}

/** The environment that the set-up published. */
export function readEnvironment(): Environment {
  const text = process.env[VARIABLE];
  if (text === undefined) throw new Error('the e2e set-up has not run: start these tests by "npm run test:e2e"');
  return JSON.parse(text) as Environment;
}
