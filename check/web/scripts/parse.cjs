// parse.cjs REPORT LIST: parses the files that LIST names, without running
// them, as node would load each: as a module or as CommonJS. A line of LIST is
// "module", "commonjs" or "" (either), a tab, and a path.
'use strict';
const fs = require('node:fs');
const { spawnSync } = require('node:child_process');
const vm = require('node:vm');
const { put } = require('./report.cjs');

const [report, list, one] = process.argv.slice(2);

function parse(kind, file, source) {
  if (kind === 'module') {
    new vm.SourceTextModule(source, { identifier: file });
  } else {
    // A first line "#!" is not part of a function's body; its length stays.
    const body = source.replace(/^#!/, '//');
    vm.compileFunction(body, ['exports', 'require', 'module', '__filename', '__dirname'], { filename: file });
  }
}

// The place stands as "FILE:LINE", the line and a caret before a SyntaxError: in
// the stack of a function's, but only on the terminal for a module's.
function place(kind, file, error) {
  let text = String(error.stack);
  if (kind === 'module') {
    text = spawnSync(process.execPath, [...process.execArgv, __filename, report, '', file], { encoding: 'utf8' }).stderr;
  }
  const lines = text.split('\n');
  const start = lines.findIndex((l) => l.startsWith(file + ':'));
  if (start < 0) return [0, 0];
  const line = Number(lines[start].slice(file.length + 1)) || 0;
  const caret = lines.slice(start + 1, start + 4).find((l) => /^\s*\^+\s*$/.test(l));
  return [line, caret === undefined ? 0 : caret.indexOf('^') + 1];
}

function check(kind, file) {
  const source = fs.readFileSync(file, 'utf8').replace(/^\ufeff/, '');
  const kinds = kind === '' ? ['commonjs', 'module'] : [kind];
  let first;
  let as;
  for (const k of kinds) {
    try {
      parse(k, file, source);
      return;
    } catch (error) {
      // What is a module's alone makes the second try the right one.
      if (first === undefined || /\b(import|export|await)\b/.test(first.message)) [first, as] = [error, k];
    }
  }
  put(report, 'error', file, ...place(as, file, first), first.name, first.message);
}

if (one !== undefined) {
  parse('module', one, fs.readFileSync(one, 'utf8'));
} else {
  put(report, 'version', process.versions.node);
  for (const line of fs.readFileSync(list, 'utf8').split('\n')) {
    const tab = line.indexOf('\t');
    if (tab >= 0) check(line.slice(0, tab), line.slice(tab + 1));
  }
  put(report, 'done');
}
