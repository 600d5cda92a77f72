import { inSession } from '../../core/in-session.ts';
import type { DecisionCore, DocumentAnswer, Session } from '../../core/session.ts';
import { jsonReply, type Reply } from '../reply.ts';
import { entryOf, type Route, type RouteRequest } from '../route.ts';
import type { Readiness } from '../service-routes.ts';
import { BAD_ESCAPE, isFlagSet, readPath } from './data-query.ts';

export interface HealthRoutesDeps {
  readonly core: DecisionCore;
  readonly readiness: () => Readiness;
}

const HEALTHY: Reply = jsonReply(200, {});

/**
 * OPA's health: `/health` while the process answers; with `?bundles` or `?plugins` only while policy is served; below it the
 * rule `system.health.<path>`, which has to be true.
 */
export function healthRoutes({ core, readiness }: HealthRoutesDeps): readonly Route[] {
  const plain = ({ query }: RouteRequest): Reply => {
    const wantsPolicy = ['bundle', 'bundles', 'plugins'].some((name) => isFlagSet(query, name));
    const answer = wantsPolicy ? readiness() : undefined;
    return answer === undefined || answer.ready ? HEALTHY : unhealthy(answer.detail);
  };

  const byRule = (request: RouteRequest): Reply | Promise<Reply> => {
    const path = readPath(request.path.slice('/health'.length));
    if (path === undefined) return unhealthy(`invalid path: ${BAD_ESCAPE}`);
    // OPA sends probes of `/health/` to `/health`.
    if (path.length === 0) return plain(request);
    const whole = ['system', 'health', ...path];
    const isReady = readiness().ready;
    const input = { plugin_state: { bundle: isReady ? 'OK' : 'NOT_READY' }, plugins_ready: isReady };
    const use = (session: Session): Reply | Promise<Reply> => {
      const { set } = session.revision;
      if (session.serving.opa === undefined) return unhealthy(`the set ${set} does not serve OPA's API`);
      const answer = session.query({ path: whole, input, probe: true });
      return answer instanceof Promise ? answer.then((late) => judge(whole, late)) : judge(whole, answer);
    };
    return inSession(core, entryOf('opa', request), use, ({ detail }) => unhealthy(detail));
  };

  return [
    { method: 'GET', path: '/health', handle: plain },
    { method: 'GET', path: '/health/', prefix: true, handle: byRule },
  ];
}

function judge(path: readonly string[], answer: DocumentAnswer): Reply {
  if (answer.kind === 'refused') return unhealthy(answer.detail);
  const { outcome } = answer;
  const name = ['data', ...path].join('.');
  if (outcome.kind === 'error') return unhealthy(outcome.message);
  if (outcome.kind === 'undefined') return unhealthy(`health check (${name}) was undefined`);
  return outcome.value === true ? HEALTHY : unhealthy(`health check (${name}) returned unexpected value`);
}

/** OPA's answer to probes that fail. */
function unhealthy(error: string): Reply {
  return jsonReply(500, { error });
}
