/** One of the two versions, as it is installed. */
export interface Version {
  /** Tag of its images, which the node holds. */
  readonly tag: string;
  /** Folder of its chart; its CRDs are below `crds`. */
  readonly chart: string;
}

/** What the set-up hands to the tests: they run in another JavaScript realm, so it travels as text. */
export interface UpgradeEnvironment {
  readonly kubeconfig: string;
  readonly nodeDirectory: string;
  readonly before: Version;
  readonly after: Version;
}

/** Which version to upgrade from, as `--from` names it. */
export const FROM_VARIABLE = 'EDICT_UPGRADE_FROM';
const VARIABLE = 'EDICT_UPGRADE_ENVIRONMENT';

/** Makes the environment known to the tests. */
export function publishEnvironment(environment: UpgradeEnvironment): void {
  process.env[VARIABLE] = JSON.stringify(environment);
}

/** The environment that the set-up published. */
export function readEnvironment(): UpgradeEnvironment {
  const text = process.env[VARIABLE];
  if (text === undefined) throw new Error('the set-up has not run: start these tests by "npm run test:upgrade"');
  return JSON.parse(text) as UpgradeEnvironment;
}
