import type { OpenApiPart } from './open-api.ts';

/** The description of health, status and metrics. */
export const SERVICE_OPEN_API: OpenApiPart = {
  paths: `  /healthz:
    get:
      summary: The process lives
      responses:
        '200': {description: It does., content: {application/json: {schema: {type: object}}}}
  /readyz:
    get:
      summary: Whether requests should be sent here
      responses:
        '200':
          description: Decisions are given. Sets that are still loading are listed.
          content:
            application/json:
              schema:
                type: object
                required: [status]
                properties: {status: {const: ready}, loading: {type: array, items: {type: string}}}
        '503': {$ref: '#/components/responses/Unavailable'}
  /v1/status:
    get:
      summary: What is active and staged, and how fresh it is
      responses:
        '200':
          description: The status.
          content: {application/json: {schema: {$ref: '#/components/schemas/Status'}}}
  /metrics:
    get:
      summary: Prometheus metrics
      responses:
        '200': {description: Metrics., content: {text/plain: {schema: {type: string}}}}
  /openapi.yaml:
    get:
      summary: This document
      responses:
        '200': {description: OpenAPI 3.1., content: {application/x-yaml: {schema: {type: string}}}}
`,
  schemas: `    Status:
      type: object
      required: [ready, connected, stale, engine, sets]
      properties:
        ready: {type: boolean}
        connected: {type: boolean, description: The stream to the operator is up.}
        stalenessMs: {type: integer, description: Milliseconds since the operator was last heard.}
        stale: {type: boolean, description: It was not heard for so long that revisions may be missing here.}
        engine: {type: string}
        sets:
          type: array
          items:
            type: object
            required: [set, state]
            properties:
              set: {type: string}
              state: {type: string}
              active:
                type: object
                required: [revision, digest, token, activatedAt, ageMs, persisted]
                properties:
                  revision: {type: integer}
                  digest: {type: string}
                  token: {type: string, description: Stands for this revision in Policy-At-Least.}
                  activatedAt: {type: string, format: date-time}
                  ageMs: {type: integer, description: Milliseconds since then.}
                  persisted: {type: boolean}
              staged:
                type: object
                required: [revision, digest]
                properties: {revision: {type: integer}, digest: {type: string}}
`,
};
