import { isUtf8 } from 'node:buffer';
import { parseJson } from '@edict/rego/values';
import { countMembers, shapeOfJson } from '../json-shape.ts';
import { headerOf, type RouteRequest } from '../route.ts';

/** A JSON object of a request. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A subject or a resource (AuthZEN 1.0, sections 5.1 and 5.2). */
export interface Entity {
  readonly type: string;
  readonly id: string;
  readonly properties?: JsonObject;
}

/** An action (section 5.3). */
export interface Action {
  readonly name: string;
  readonly properties?: JsonObject;
}

/** One question (section 6.1): of the request only the members that the specification names. */
export interface Evaluation {
  readonly subject: Entity;
  readonly action: Action;
  readonly resource: Entity;
  readonly context?: JsonObject;
}

/** A value, or what is wrong with the request. */
export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

/** How deeply a request may nest. */
export const MAX_AUTHZEN_NESTING = 1_000;

/**
 * The JSON object that a request carries; the content type has to be JSON's. Only I-JSON is taken (RFC 7493, section 2: UTF-8,
 * whole characters, no member twice), for of anything else two readers may see two requests.
 */
export function readBody({ headers, body }: RouteRequest): Read<JsonObject> {
  const contentType = headerOf(headers, 'content-type') ?? '';
  if (!/^application\/json[ \t]*(;|$)/i.test(contentType)) return wrong('Content-Type must be application/json');
  if (body.length === 0) return wrong('the body is empty');
  if (!isUtf8(body)) return wrong('the body is not UTF-8');
  const shape = shapeOfJson(body, MAX_AUTHZEN_NESTING);
  if (shape.depth > MAX_AUTHZEN_NESTING) return wrong(`the body nests deeper than ${MAX_AUTHZEN_NESTING} levels`);
  const text = body.toString('utf8');
  const parsed = parseJson(text);
  if (!parsed.ok)
    return wrong(`the body is not valid JSON: ${parsed.problem.message} at ${placeOf(text, parsed.problem.offset)}`);
  if (shape.hasHalfCharacter) return wrong('the body has an escape for half a character');
  if (shape.members !== countMembers(parsed.value)) return wrong('the body has an object with a member twice');
  return isObject(parsed.value) ? { ok: true, value: parsed.value } : wrong('the body must be a JSON object');
}

/**
 * Reads a whole question; members of `defaults` stand in, whole, for those that `request` lacks. One that is null is there, and
 * wrong: whoever does not know its subject must not be answered as another.
 */
export function readEvaluation(request: JsonObject, defaults: JsonObject = {}): Read<Evaluation> {
  const member = (name: string): unknown => ownMember(Object.hasOwn(request, name) ? request : defaults, name);
  const subject = readEntity('subject', member('subject'));
  if (!subject.ok) return subject;
  const action = readAction(member('action'));
  if (!action.ok) return action;
  const resource = readEntity('resource', member('resource'));
  if (!resource.ok) return resource;
  const context = readObject('context', member('context'));
  if (!context.ok) return context;
  const question = { subject: subject.value, action: action.value, resource: resource.value };
  return { ok: true, value: context.value === undefined ? question : { ...question, context: context.value } };
}

/** Reads a subject or resource. Members that the specification does not name stay, for policies to see. */
export function readEntity(name: 'subject' | 'resource', value: unknown): Read<Entity> {
  const sought = readSought(name, value);
  if (!sought.ok) return sought;
  if (typeof ownMember(sought.value, 'id') !== 'string') return wrong(`${name}.id must be a string`);
  return { ok: true, value: sought.value as Sought & Entity };
}

/** A subject or resource that is searched for: of what type, with which properties. Its id, if it has one, says nothing. */
export interface Sought extends JsonObject {
  readonly type: string;
  readonly properties?: JsonObject;
}

/** Reads what of a subject or resource need not be identified. */
export function readSought(name: 'subject' | 'resource', value: unknown): Read<Sought> {
  if (value === undefined) return wrong(`${name} is required`);
  if (!isObject(value)) return wrong(`${name} must be an object`);
  if (typeof ownMember(value, 'type') !== 'string') return wrong(`${name}.type must be a string`);
  const properties = readObject(`${name}.properties`, ownMember(value, 'properties'));
  return properties.ok ? { ok: true, value: value as Sought } : properties;
}

/** Reads an action. */
export function readAction(value: unknown): Read<Action> {
  if (value === undefined) return wrong('action is required');
  if (!isObject(value)) return wrong('action must be an object');
  if (typeof ownMember(value, 'name') !== 'string') return wrong('action.name must be a string');
  const properties = readObject('action.properties', ownMember(value, 'properties'));
  return properties.ok ? { ok: true, value: value as JsonObject & Action } : properties;
}

/** Reads a member that is an object or is not there. */
export function readObject(name: string, value: unknown): Read<JsonObject | undefined> {
  if (value === undefined) return { ok: true, value: undefined };
  return isObject(value) ? { ok: true, value } : wrong(`${name} must be an object`);
}

/** A member of a request; one that an object merely inherits, such as `constructor`, is none. */
export function ownMember(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Tells JSON objects from everything else that JSON has. */
export function isObject(value: unknown): value is JsonObject {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Numbers that keep their text are objects of a class of their own.
  return prototype === Object.prototype || prototype === null;
}

/** What is wrong with a request. */
export function wrong(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}

function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset);
  return `line ${before.split('\n').length}, column ${offset - before.lastIndexOf('\n')}`;
}
