// Writes what the other scripts find, one record a line (see check/tool).
'use strict';
const fs = require('node:fs');

const marks = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
const escape = (field) => String(field ?? '').replace(/[\\\t\n\r]/g, (c) => marks[c]);

exports.put = (report, kind, ...fields) => fs.appendFileSync(report, [kind, ...fields.map(escape)].join('\t') + '\n');
