// A reporter of node --test (https://nodejs.org/api/test.html#custom-reporters)
// that writes each test as a record into CF_REPORT, and which lines of the
// files in CF_SOURCES were executed, from NODE_V8_COVERAGE.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRequire } from 'node:module';

const { put } = createRequire(import.meta.url)('./report.cjs');
const { CF_REPORT: report, CF_SOURCES: sources, NODE_V8_COVERAGE: coverage } = process.env;

export default async function* (events) {
  const above = []; // names of the tests and suites that are open, by nesting
  const printed = new Map(); // the end of what each file wrote to its standard error
  for await (const { type, data } of events) {
    if (type === 'test:start') above[data.nesting] = data.name;
    if (type === 'test:stderr') printed.set(data.file, ((printed.get(data.file) ?? '') + data.message).slice(-4000));
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const error = data.details?.error;
    const suite = data.details?.type === 'suite';
    if (suite && (type === 'test:pass' || error?.failureType === 'subtestsFailed')) continue;
    const file = data.file ?? '';
    const relative = file === '' ? '' : path.relative(process.cwd(), file);
    const names = [...above.slice(0, data.nesting), data.name].map((n) => (path.isAbsolute(n) ? path.relative(process.cwd(), n) : n));
    const name = names[0] === relative || relative === '' ? names.join(' > ') : [relative, ...names].join(' > ');
    const alone = name === relative; // the file itself, which only stands here when it ran no test
    const skipped = data.skip !== undefined || data.todo !== undefined;
    const state = skipped ? 'skipped' : type === 'test:pass' && !alone ? 'passed' : 'failed';
    const output = type === 'test:pass' ? 'the file ended before a test did' : text(error, alone && printed.get(file));
    put(report, 'test', state, name, file, data.line ?? 0, state === 'failed' ? output : '');
  }
  lines();
  put(report, 'done');
  yield '';
}

// text says why a test failed, without node's own frames; of a file that
// failed as a whole, only its standard error tells.
function text(error, stderr) {
  const cause = error?.cause ?? error;
  const shown = cause?.stack ?? String(cause?.message ?? cause ?? '');
  const all = shown + (stderr ? '\n' + stderr : '');
  return all.split('\n').filter((l) => !/^\s*at .*\(?node:/.test(l)).join('\n');
}

// Coverage of V8 is a list of nested ranges of characters with counts, one a
// process: the innermost range that holds a character tells its count. A line
// was executed if any of its characters was.
function lines() {
  const wanted = new Map(fs.readFileSync(sources, 'utf8').split('\n').filter(Boolean).map((f) => [f, null]));
  let reports = [];
  try {
    reports = fs.readdirSync(coverage).filter((f) => f.endsWith('.json'));
  } catch {
    return;
  }
  for (const name of reports) {
    const { result } = JSON.parse(fs.readFileSync(path.join(coverage, name), 'utf8'));
    for (const script of result) {
      const file = script.url.startsWith('file:') ? fileURLToPath(script.url) : script.url;
      if (!wanted.has(file)) continue;
      const source = fs.readFileSync(file, 'utf8');
      const seen = wanted.get(file) ?? new Uint8Array(source.length);
      mark(script.functions, source.length, seen);
      wanted.set(file, seen);
    }
  }
  for (const [file, seen] of wanted) tell(file, seen);
}

function mark(functions, length, seen) {
  const counted = new Uint8Array(length);
  const ranges = functions.flatMap((f) => f.ranges);
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  for (const r of ranges) counted.fill(r.count > 0 ? 1 : 0, r.startOffset, r.endOffset);
  for (let i = 0; i < length; i++) seen[i] |= counted[i];
}

// A file that no process loaded counts, with no line executed. Lines without
// code, as far as their own text tells, do not count.
function tell(file, seen) {
  const source = fs.readFileSync(file, 'utf8');
  const hit = [];
  const missed = [];
  let start = 0;
  source.split('\n').forEach((line, i) => {
    const code = line.search(/\S/);
    if (code >= 0 && !/^\s*(\/\/|\/?\*|[{}()[\];,]+\s*$)/.test(line)) {
      const ran = seen !== null && seen.subarray(start + code, start + line.trimEnd().length).some((n) => n > 0);
      (ran ? hit : missed).push(i + 1);
    }
    start += line.length + 1;
  });
  put(report, 'lines', file, hit.join(' '), missed.join(' '));
}
