import type { PolicyRevision, PolicySet } from '@edict/crds';
import { rfc3339Millis, type Clock } from '../../clock.ts';
import { carries, type World } from '../../controllers/world.ts';
import type { OperatorLog } from '../../observability/log.ts';
import { compareKeys, keyOf, keyText } from '../../store/object-key.ts';
import type { Access, AccessQuestion, ConsoleUser } from '../access/access.ts';
import { performAction } from '../actions/perform-action.ts';
import { ACTION_KINDS, planAction } from '../actions/plan-action.ts';
import { sightOf, type ConsoleSource } from '../source.ts';
import { explainPdp, summarizeFindings } from '../views/explain-pdp.ts';
import { sightPdps, type PdpSight } from '../views/pdp-sight.ts';
import { pdpView } from '../views/pdp-view.ts';
import { diffRevisions } from '../views/revision-diff.ts';
import { revisionDetail, revisionSummary, seriesOf } from '../views/revision-view.ts';
import { setDetail, setSummary } from '../views/set-view.ts';
import type { SetSight } from '../views/sight.ts';
import {
  ACTIONS,
  PDP_STATES,
  type ActionName,
  type ActionRight,
  type PdpList,
  type PdpState,
  type PdpView,
  type PdpWhy,
  type RevisionList,
  type SetDetail,
  type SetList,
  type WhoAmI,
} from '../wire.ts';
import { ProblemError } from './problem.ts';
import { pageMark, Queries, readAction, readActionBody, readPageMark, readQuery } from './request.ts';
import { isVisible, visibilityOf } from './visibility.ts';

/** What the API is made of. */
export interface ApiDeps {
  readonly access: Access;
  /** Undefined while this replica does not lead. */
  readonly source: () => ConsoleSource | undefined;
  /** The pod that leads, where it is known. */
  readonly leader: () => string | undefined;
  readonly replica: string;
  readonly version: string;
  readonly clock: Clock;
  readonly log: OperatorLog;
}

/** One request that is no event stream. */
export interface ApiRequest {
  readonly method: string;
  /** Decoded parts behind `/api/v1/`. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly contentType: string | undefined;
  readonly body: string;
}

/** Answers one request of `user` with the JSON to send. @throws ProblemError */
export async function answerApi(request: ApiRequest, user: ConsoleUser, deps: ApiDeps): Promise<unknown> {
  const { method, path, query } = request;
  const [root, namespace, name, part, item, last] = path;
  if (root === 'whoami' && path.length === 1) {
    only(method, 'GET');
    readQuery(Queries.none, query);
    return whoAmI(user, deps);
  }
  if (root !== 'sets') throw new ProblemError('not-found', 'there is no such route');
  if (path.length === 1) {
    only(method, 'GET');
    return await listSets(readQuery(Queries.sets, query).namespace, user, deps);
  }
  if (namespace === undefined || name === undefined) throw new ProblemError('not-found', 'there is no such route');
  const call = new SetCall(request, user, deps, { namespace, name });
  if (part === 'actions' && item !== undefined && path.length === 5) {
    only(method, 'POST');
    return await call.act(readAction(item));
  }
  only(method, 'GET');
  switch (`${part ?? ''}/${path.length}`) {
    case '/3':
      return await call.detail();
    case 'revisions/4':
      return await call.revisions();
    case 'revisions/5':
      return await call.revision(item ?? '');
    case 'diff/4':
      return await call.diff();
    case 'pdps/4':
      return await call.pdps();
    case 'pdps/6':
      if (last === 'why') return await call.why(item ?? '');
      break;
    case 'series/4':
      return await call.series();
  }
  throw new ProblemError('not-found', 'there is no such route');
}

function only(method: string, allowed: 'GET' | 'POST'): void {
  if (method !== allowed) throw new ProblemError('method-not-allowed', `use ${allowed}`);
}

function whoAmI({ name, groups, by }: ConsoleUser, { replica, version, clock }: ApiDeps): WhoAmI {
  return { user: name, groups, by, replica, version, now: rfc3339Millis(clock.now()) };
}

/** What the leader knows. @throws ProblemError */
export function expectSource({ source, leader }: Pick<ApiDeps, 'source' | 'leader'>): ConsoleSource {
  const found = source();
  if (found !== undefined) return found;
  const name = leader();
  const who = name === undefined ? 'no replica leads at present' : `${name} does`;
  throw new ProblemError(
    'not-leading',
    `this replica does not lead: ${who}; ask again`,
    name === undefined ? {} : { leader: name },
  );
}

async function listSets(namespace: string | undefined, user: ConsoleUser, deps: ApiDeps): Promise<SetList> {
  const source = expectSource(deps);
  const sets = source.world.sets.list(namespace);
  const inhabited = sets.map((set) => keyOf(set).namespace);
  const visibility = await visibilityOf(deps.access, user, inhabited, namespace);
  if (namespace !== undefined && visibility.isPartial) {
    throw new ProblemError('forbidden', `${user.name} may not list policysets in namespace ${namespace}`);
  }
  const shown = sets
    .filter((set) => isVisible(visibility, keyOf(set).namespace))
    .toSorted((a, b) => compareKeys(keyOf(a), keyOf(b)));
  return {
    now: rfc3339Millis(deps.clock.now()),
    sets: shown.map((set) => setSummary(sightOf(source, set))),
    isPartial: visibility.isPartial,
  };
}

/** One request about one set. Rights come first: who may not see a set does not learn whether there is one. */
class SetCall {
  readonly #request: ApiRequest;
  readonly #user: ConsoleUser;
  readonly #deps: ApiDeps;
  readonly #key: { readonly namespace: string; readonly name: string };
  readonly #now: string;

  constructor(
    request: ApiRequest,
    user: ConsoleUser,
    deps: ApiDeps,
    key: { readonly namespace: string; readonly name: string },
  ) {
    this.#request = request;
    this.#user = user;
    this.#deps = deps;
    this.#key = key;
    this.#now = rfc3339Millis(deps.clock.now());
  }

  async detail(): Promise<SetDetail> {
    readQuery(Queries.none, this.#request.query);
    await this.#demandSet();
    const { source, sight } = this.#sight();
    const domains = domainsOf(source.world, sight.set);
    return { ...setDetail(sight, domains, this.#now), actions: await this.#rights(sight) };
  }

  async revisions(): Promise<RevisionList> {
    const { limit, continue: mark } = readQuery(Queries.revisions, this.#request.query);
    await this.#demand({ verb: 'list', resource: 'policyrevisions' });
    const { sight } = this.#sight();
    const before = mark === undefined ? Number.POSITIVE_INFINITY : Number(readPageMark(mark)[0]);
    const left = sight.revisions.toReversed().filter(({ spec }) => spec.n < before);
    const page = left.slice(0, limit);
    const end = page.at(-1)?.spec.n;
    return {
      now: this.#now,
      revisions: page.map((revision) => revisionSummary(sight, revision)),
      ...(left.length > limit && end !== undefined ? { continue: pageMark([end]) } : {}),
    };
  }

  async revision(text: string) {
    readQuery(Queries.none, this.#request.query);
    if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new ProblemError('invalid-request', `${text} is no revision number`);
    const n = Number(text);
    await this.#demand({ verb: 'get', resource: 'policyrevisions', name: `${this.#key.name}-${n}` });
    const { sight } = this.#sight();
    return revisionDetail(sight, this.#revision(sight, n), this.#now);
  }

  async diff() {
    const { from, to } = readQuery(Queries.diff, this.#request.query);
    await this.#demand({ verb: 'list', resource: 'policyrevisions' });
    const { source, sight } = this.#sight();
    const newest = sight.revisions.at(-1)?.spec.n;
    if (newest === undefined) throw new ProblemError('not-found', `${this.#key.name} has no revision yet`);
    const after = this.#revision(sight, to ?? newest);
    if (from === undefined && after.spec.parent === 0) {
      throw new ProblemError('invalid-request', `revision ${after.spec.n} has none before it: name both`);
    }
    const before = this.#revision(sight, from ?? after.spec.parent);
    return await diffRevisions(sight, before, after, source.readBundle, this.#now);
  }

  async series() {
    readQuery(Queries.none, this.#request.query);
    await this.#demand({ verb: 'list', resource: 'policyrevisions' });
    return seriesOf(this.#sight().sight, this.#now);
  }

  async pdps(): Promise<PdpList> {
    const { state, q, limit, continue: mark } = readQuery(Queries.pdps, this.#request.query);
    await this.#demandSet();
    const all = this.#pdps().map(pdpView).toSorted(comparePdps);
    const matching = all.filter(
      (pdp) => (state === undefined || pdp.state === state) && (q === undefined || pdp.pod.includes(q)),
    );
    const end = mark === undefined ? undefined : readPageMark(mark);
    const left = end === undefined ? matching : matching.filter((pdp) => isBehind(pdp, end));
    const page = left.slice(0, limit);
    const last = page.at(-1);
    return {
      now: this.#now,
      pdps: page,
      total: all.length,
      byState: countStates(all),
      matching: matching.length,
      ...(left.length > limit && last !== undefined ? { continue: pageMark(sortKey(last)) } : {}),
    };
  }

  async why(nodeId: string): Promise<PdpWhy> {
    readQuery(Queries.none, this.#request.query);
    await this.#demandSet();
    const pdp = this.#pdps().find(({ listing }) => listing.nodeId === nodeId);
    if (pdp === undefined) throw new ProblemError('not-found', `${this.#key.name} has no PDP ${nodeId}`);
    const findings = explainPdp(pdp);
    return { now: this.#now, pdp: pdpView(pdp), summary: summarizeFindings(pdp, findings), findings };
  }

  async act(action: ActionName) {
    const { contentType, body, query } = this.#request;
    readQuery(Queries.none, query);
    const { namespace, name } = this.#key;
    await this.#demandSet();
    const isSet = ACTION_KINDS[action] === 'PolicySet';
    const { source, sight } = this.#sight();
    await this.#demand(
      isSet ? { verb: 'update', resource: 'policysets', name } : { verb: 'update', resource: 'policyrevisions' },
    );
    const asked = readActionBody(contentType, body);
    const result = await performAction(action, sight, asked, this.#user.name, source);
    const { revision, wave, reason, now, toRevision, clear } = asked;
    const fields = { namespace, set: name, action, user: this.#user.name, changed: result.isChanged };
    this.#deps.log.info('a user acted', { ...fields, revision, wave, reason, now, toRevision, clear });
    return result;
  }

  async #rights(sight: SetSight): Promise<readonly ActionRight[]> {
    const { name } = this.#key;
    return await Promise.all(
      ACTIONS.map(async (action): Promise<ActionRight> => {
        const resource = ACTION_KINDS[action] === 'PolicySet' ? 'policysets' : 'policyrevisions';
        const right = `update ${resource}`;
        const question = { verb: 'update', resource, ...(resource === 'policysets' ? { name } : {}) } as const;
        if (!(await this.#may(question))) {
          return {
            action,
            isAllowed: false,
            right,
            why: `${this.#user.name} may not ${right} in ${this.#key.namespace}`,
          };
        }
        const plan = planAction(action, sight, { reason: '-' }, this.#user.name);
        const makesSense = plan.type === 'WriteSet' || plan.type === 'WriteRevision';
        return makesSense ? { action, isAllowed: true, right } : { action, isAllowed: false, right, why: plan.message };
      }),
    );
  }

  async #demandSet(): Promise<void> {
    await this.#demand({ verb: 'get', resource: 'policysets', name: this.#key.name });
  }

  async #demand(question: AccessQuestion): Promise<void> {
    if (await this.#may(question)) return;
    const { verb, resource } = question;
    const { namespace } = this.#key;
    throw new ProblemError('forbidden', `${this.#user.name} may not ${verb} ${resource} in namespace ${namespace}`);
  }

  async #may(question: AccessQuestion): Promise<boolean> {
    return await this.#deps.access.isAllowed(this.#user, { ...question, namespace: this.#key.namespace });
  }

  #sight(): { readonly source: ConsoleSource; readonly sight: SetSight } {
    const source = expectSource(this.#deps);
    const set = source.world.sets.get(this.#key);
    if (set === undefined) throw new ProblemError('not-found', `there is no policy set ${keyText(this.#key)}`);
    return { source, sight: sightOf(source, set) };
  }

  #revision({ revisions, set }: SetSight, n: number): PolicyRevision {
    const found = revisions.find(({ spec }) => spec.n === n);
    if (found === undefined) {
      throw new ProblemError('not-found', `${set.metadata.name} has no revision ${n} (any more)`);
    }
    return found;
  }

  #pdps(): readonly PdpSight[] {
    const { source, sight } = this.#sight();
    return sightPdps(sight, source.pdps(keyText(this.#key)), this.#deps.clock.now());
  }
}

function domainsOf({ domains }: Pick<World, 'domains'>, set: PolicySet): readonly string[] {
  return domains
    .list(set.metadata.namespace)
    .filter((domain) => carries(set, domain))
    .map(({ metadata }) => metadata.name);
}

/** Worst first. */
const SEVERITY: Readonly<Record<PdpState, number>> = {
  Nacked: 0,
  Missing: 1,
  Stale: 2,
  Laggard: 3,
  Behind: 4,
  Preparing: 5,
  Prepared: 6,
  Canary: 7,
  Active: 8,
};

function sortKey({ state, pod, nodeId }: PdpView): readonly [number, string, string] {
  return [SEVERITY[state], pod, nodeId];
}

function comparePdps(a: PdpView, b: PdpView): number {
  return compareMarks(sortKey(a), sortKey(b));
}

function isBehind(pdp: PdpView, mark: readonly (string | number)[]): boolean {
  const [severity, pod, nodeId] = mark;
  return compareMarks(sortKey(pdp), [Number(severity), String(pod), String(nodeId)]) > 0;
}

function compareMarks(a: readonly [number, string, string], b: readonly [number, string, string]): number {
  if (a[0] !== b[0]) return a[0] - b[0];
  if (a[1] !== b[1]) return a[1] < b[1] ? -1 : 1;
  return a[2] === b[2] ? 0 : a[2] < b[2] ? -1 : 1;
}

function countStates(pdps: readonly PdpView[]): PdpList['byState'] {
  const counts: Partial<Record<PdpState, number>> = {};
  for (const state of PDP_STATES) {
    const count = pdps.filter((pdp) => pdp.state === state).length;
    if (count > 0) counts[state] = count;
  }
  return counts;
}
