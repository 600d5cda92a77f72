import { Composer, isAlias, isMap, isScalar, isSeq, Parser, Scalar } from 'yaml';
import { quoteYaml } from './text-edit.ts';
import type { Node, ParsedNode, YAMLMap, YAMLSeq } from 'yaml';

const STEP = 4;

/**
 * Prints the first document of a YAML text in one layout: four spaces a level, lists below their key indented too, one
 * space inside nothing, no blank lines. Comments, order, anchors, tags, and the style of every collection and scalar
 * stay. Text that does not parse comes back as it is.
 */
export function reprintYaml(text: string): string {
  const composer = new Composer({ schema: 'failsafe', resolveKnownTags: false, uniqueKeys: false, logLevel: 'silent' });
  for (const document of composer.compose(new Parser().parse(text), false, text.length)) {
    const root: ParsedNode | null = document.contents;
    if (document.errors.length > 0 || root === null) return text;
    const head = comment(document.commentBefore, 0);
    const body = printBlock(root, 0).replace(/^\n/, '').replace(/^ /, '');
    const foot = comment(document.comment, 0);
    return `${head}${head === '' ? '' : '\n'}${body}${body.endsWith('\n') ? '' : '\n'}${foot}`;
  }
  return text;
}

/** Lines of a comment, each on its own line at `indent`. */
function comment(text: string | null | undefined, indent: number): string {
  if (text === undefined || text === null) return '';
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => `${' '.repeat(indent)}#${line}\n`).join('');
}

/** The next level below `indent`: levels are multiples of four, wherever a list has put their parent. */
function deeper(indent: number): number {
  return Math.floor((indent + STEP) / STEP) * STEP;
}

/** What follows a key or a dash: ` value` on the same line, or line breaks and a block. Ends with a line break. */
function printBlock(node: Node, indent: number): string {
  const props = properties(node);
  if (isMap(node) && node.flow !== true && node.items.length > 0) return `${props}\n${printMap(node, indent)}`;
  if (isSeq(node) && node.flow !== true && node.items.length > 0) return `${props}\n${printSeq(node, indent)}`;
  if (isScalar(node) && (node.type === Scalar.BLOCK_LITERAL || node.type === Scalar.BLOCK_FOLDED)) {
    return `${props}${printBlockScalar(node, indent)}`;
  }
  const inline = printInline(node);
  const separator = inline === '' ? '' : ' ';
  return `${props}${separator}${inline}${lineComment(node)}\n`;
}

function printMap(map: YAMLMap, indent: number): string {
  const margin = ' '.repeat(indent);
  let out = '';
  for (const pair of map.items) {
    const key = pair.key as Node | null;
    const value = pair.value as Node | null;
    out += comment(key?.commentBefore, indent);
    const complex = key !== null && (isMap(key) || isSeq(key));
    out += `${margin}${complex ? '? ' : ''}${key === null ? '' : printKey(key)}${complex ? `\n${margin}` : ''}:`;
    if (value === null) out += '\n';
    else {
      const inner = comment(value.commentBefore, deeper(indent));
      const printed = printBlock(value, deeper(indent));
      // A comment between a key and its block stands on lines of its own, below the key.
      out += inner === '' ? printed : printed.replace('\n', () => `\n${inner}`);
    }
  }
  return out + comment(map.comment, indent);
}

function printSeq(seq: YAMLSeq, indent: number): string {
  const margin = ' '.repeat(indent);
  let out = '';
  for (const item of seq.items as (Node | null)[]) {
    if (item === null) {
      out += `${margin}-\n`;
      continue;
    }
    out += comment(item.commentBefore, indent);
    const printed = printBlock(item, indent + 2);
    // A block begins on the line of its dash, in the place of its own indentation.
    const block =
      printed.startsWith(`\n${' '.repeat(indent + 2)}`) && !printed.startsWith(`\n${' '.repeat(indent + 2)}#`);
    out += block ? `${margin}- ${printed.slice(1 + indent + 2)}` : `${margin}-${printed}`;
  }
  return out + comment(seq.comment, indent);
}

function printBlockScalar(node: Scalar, indent: number): string {
  const folded = node.type === Scalar.BLOCK_FOLDED;
  const text = node.source ?? '';
  // Folding would have to find the line breaks again: the text is kept, not its breaks.
  if (folded || text.trim() === '' || /^[ \n]/.test(text)) return ` ${quoteYaml(text)}${lineComment(node)}\n`;
  const chomping = text.endsWith('\n\n') ? '+' : text.endsWith('\n') ? '' : '-';
  const lines = text.replace(/\n$/, '').split('\n');
  const margin = ' '.repeat(indent);
  const body = lines.map((line) => (line === '' ? '\n' : `${margin}${line}\n`)).join('');
  return ` |${chomping}${lineComment(node)}\n${body}`;
}

function printKey(node: Node): string {
  const props = properties(node).trimStart();
  return `${props}${props === '' ? '' : ' '}${printInline(node)}`;
}

function printInline(node: Node): string {
  if (isAlias(node)) return `*${node.source}`;
  if (isScalar(node)) return printScalar(node);
  const inFlow = (inner: Node | null): string => {
    if (inner === null) return '';
    const props = properties(inner).trimStart();
    return `${props}${props === '' ? '' : ' '}${printInline(inner)}`;
  };
  if (isSeq(node)) return `[${node.items.map((item) => inFlow(item as Node | null)).join(', ')}]`;
  if (!isMap(node)) return '';
  const pairs = node.items.map(({ key, value }) => {
    const printed = inFlow(value as Node | null);
    return `${inFlow(key as Node | null)}:${printed === '' ? '' : ` ${printed}`}`;
  });
  return `{${pairs.join(', ')}}`;
}

function printScalar(node: Scalar): string {
  const text = node.source ?? '';
  switch (node.type) {
    case Scalar.QUOTE_SINGLE:
      return text.includes('\n') ? quoteYaml(text) : `'${text.replaceAll("'", "''")}'`;
    case Scalar.QUOTE_DOUBLE:
    case Scalar.BLOCK_LITERAL:
    case Scalar.BLOCK_FOLDED:
      return quoteYaml(text);
    default:
      // A plain text of several lines is one line once read; anything else prints as it was written.
      return text.includes('\n') ? quoteYaml(text) : text;
  }
}

function properties(node: Node): string {
  const tag = isAlias(node) ? undefined : node.tag;
  const anchor = isAlias(node) ? undefined : (node as { anchor?: string }).anchor;
  return `${anchor === undefined ? '' : ` &${anchor}`}${tag === undefined ? '' : ` ${printTag(tag)}`}`;
}

function printTag(tag: string): string {
  if (tag.startsWith('tag:yaml.org,2002:')) return `!!${tag.slice('tag:yaml.org,2002:'.length)}`;
  return tag.startsWith('!') ? tag : `!<${tag}>`;
}

function lineComment(node: Node): string {
  const text = node.comment;
  return text === undefined || text === null || text.includes('\n') ? '' : ` #${text}`;
}
