import type { DecisionCore } from '../core/session.ts';
import type { CheckDeps } from '../envoy/check.ts';
import { envoyRoutes } from '../envoy/http-routes.ts';
import { ENVOY_OPEN_API } from '../envoy/open-api.ts';
import type { FindRules } from '../explain/rule-explainer.ts';
import { PROTO_OPEN_API, protoRoutes } from '../grpc/proto-routes.ts';
import { authZenRoutes } from './authzen/authzen-routes.ts';
import { AUTHZEN_OPEN_API } from './authzen/open-api.ts';
import type { OpenAuthZen } from './authzen/open-authzen.ts';
import { PageTokens } from './authzen/page-token.ts';
import { MAX_BATCH } from './manetu/batch.ts';
import { manetuRoutes } from './manetu/decision-routes.ts';
import { MANETU_OPEN_API } from './manetu/open-api.ts';
import { OPA_OPEN_API } from './opa/open-api.ts';
import { opaRoutes } from './opa/opa-routes.ts';
import type { OpenApiPart } from './open-api.ts';
import type { Route } from './route.ts';
import type { Readiness } from './service-routes.ts';

export interface ApiRoutesDeps {
  readonly core: DecisionCore;
  /** Whether requests should be sent here. */
  readonly readiness: () => Readiness;
  /** Bytes that a compressed body may inflate to. */
  readonly maxBodyBytes: number;
  /** Told of every check for Envoy that no policy decided. */
  readonly onEnvoyProblem?: CheckDeps['onProblem'] | undefined;
  /** PORCs that one batch may hold; {@link MAX_BATCH} by default. */
  readonly maxBatch?: number | undefined;
  /** Finds the rules behind decisions of PORCs that are to be explained. */
  readonly findRules?: FindRules | undefined;
  /** What AuthZEN's routes need of the settings; nothing is signed without. */
  readonly authZen?: OpenAuthZen | undefined;
}

/** The routes of every API that is served over HTTP. */
export function apiRoutes(deps: ApiRoutesDeps): readonly Route[] {
  const { core, readiness, maxBodyBytes, maxBatch = MAX_BATCH, authZen, onEnvoyProblem = () => undefined } = deps;
  return [
    ...manetuRoutes({ core, maxBatch, findRules: deps.findRules }),
    ...opaRoutes({ core, readiness, maxInflatedBytes: maxBodyBytes }),
    ...authZenRoutes({
      core,
      pageTokens: new PageTokens(authZen?.pageTokenKey),
      maxBodyBytes,
      publicUrl: authZen?.publicUrl,
      signMetadata: authZen?.signMetadata,
    }),
    ...envoyRoutes({ core, onProblem: onEnvoyProblem }),
    ...protoRoutes(),
  ];
}

/** What these APIs add to the OpenAPI document. */
export const API_DESCRIPTIONS: readonly OpenApiPart[] = [
  MANETU_OPEN_API,
  OPA_OPEN_API,
  AUTHZEN_OPEN_API,
  ENVOY_OPEN_API,
  PROTO_OPEN_API,
];
