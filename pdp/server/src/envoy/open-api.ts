import type { OpenApiPart } from '../http/open-api.ts';

/** The description of Envoy's external authorization over HTTP. */
export const ENVOY_OPEN_API: OpenApiPart = {
  paths: `  /envoy/authz/{path}:
    get:
      summary: Whether a request may pass, for Envoy's ext_authz over HTTP; every method is answered
      parameters:
        - name: path
          in: path
          required: true
          description: The path of the request that is judged, with slashes and with its query.
          schema: {type: string}
        - {$ref: '#/components/parameters/PolicySet'}
      responses:
        '200':
          description: It may pass, with the headers of this answer that Envoy is configured to take.
          headers:
            Policy-Set: {$ref: '#/components/headers/PolicySet'}
            Policy-Revision: {$ref: '#/components/headers/PolicyRevision'}
            Policy-Digest: {$ref: '#/components/headers/PolicyDigest'}
            x-envoy-auth-headers-to-remove: {description: Request headers that Envoy drops., schema: {type: string}}
        '403':
          description: It may not. A policy can choose another status, and headers and a body for the client.
          headers:
            Edict-Problem: {description: Why no policy decided, where none did., schema: {type: string}}
        '503': {$ref: '#/components/responses/Unavailable'}
`,
};
