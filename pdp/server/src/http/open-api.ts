/** What one API adds to the description: YAML, indented as it stands in the document. */
export interface OpenApiPart {
  /** Members of `paths`, indented by two. */
  readonly paths: string;
  /** Members of `components.schemas`, indented by four. */
  readonly schemas?: string;
}

const HEAD = `openapi: 3.1.0
info:
  title: Edict policy decision point
  version: 0.1.0
  description: Decisions over HTTP. Every decision names the policy revision that made it.
`;

/** What every API shares: the headers that choose set and revision, those that name them, and problems. */
const SHARED = `components:
  parameters:
    PolicySet:
      name: Policy-Set
      in: header
      description: The set to ask (namespace/name); needed only where the PDP serves several.
      schema: {type: string}
    PolicyAtLeast:
      name: Policy-At-Least
      in: header
      description: The oldest revision that may answer, as the Policy-Token of an earlier answer or as set@revision.
      schema: {type: string}
    PolicyWait:
      name: Policy-Wait
      in: header
      description: How long to wait for that revision, in whole ms or s. The PDP has a bound of its own, 2s by default.
      schema: {type: string, pattern: '^[0-9]{1,9}(ms|s)$'}
  headers:
    PolicySet: {description: The set that decided., schema: {type: string}}
    PolicyRevision: {description: The revision that decided., schema: {type: integer}}
    PolicyDigest: {description: The digest of its manifest., schema: {type: string}}
    PolicyToken: {description: Stands for this revision in Policy-At-Least., schema: {type: string}}
  responses:
    Invalid:
      description: The request is wrong, a requirement cannot be read, or several sets are served and none is named.
      content:
        application/json: {schema: {$ref: '#/components/schemas/Message'}}
        application/problem+json: {schema: {$ref: '#/components/schemas/Problem'}}
    NotReached:
      description: The PDP does not serve the revision that Policy-At-Least requires. This is not a deny.
      content: {application/problem+json: {schema: {$ref: '#/components/schemas/Problem'}}}
    TooLarge:
      description: The body is larger than the PDP or the set takes.
      content:
        application/json: {schema: {$ref: '#/components/schemas/Message'}}
        application/problem+json: {schema: {$ref: '#/components/schemas/Problem'}}
    UnsupportedType:
      description: The content type is not taken.
      content: {application/json: {schema: {$ref: '#/components/schemas/Message'}}}
    Unavailable:
      description: There is no policy, or no decision can be given now. This is not a deny.
      headers: {Retry-After: {schema: {type: integer}}}
      content: {application/problem+json: {schema: {$ref: '#/components/schemas/Problem'}}}
  schemas:
    Message:
      type: object
      required: [message]
      properties: {message: {type: string}}
    Problem:
      type: object
      description: RFC 9457. Some problems have further members.
      required: [type, title, status, detail]
      properties:
        type: {type: string, pattern: '^urn:edict:problem:'}
        title: {type: string}
        status: {type: integer}
        detail: {type: string}
`;

/** The OpenAPI 3.1 description of the HTTP APIs, served at `/openapi.yaml`. */
export function openApiOf(parts: readonly OpenApiPart[]): string {
  const paths = parts.map((part) => part.paths).join('');
  return `${HEAD}paths:\n${paths}${SHARED}${parts.map(({ schemas = '' }) => schemas).join('')}`;
}
