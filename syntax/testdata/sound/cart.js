'use strict';
const fs = require('fs');
import path, { join } from 'node:path';
export * from "./all.js";

// How many.
export const LIMIT = 10;
let current = null, other = 2;

/**
 * Adds.
 */
export async function add(item, n = 1) {
  const local = `${item} }`;
  return { local, n };
}

function* each() { yield 1; }

export default class Cart extends Base {
  #items = [];
  static count = 0;
  handler = (e) => { this.add(e); };

  constructor() { super(); }

  // The size.
  get size() { return this.#items.length; }
  static async of(...xs) { return new Cart(); }
  #secret() { return /[}]/; }
}

export const View = ({ cart }) => <div className="c">{cart.size} items</div>;
var old = function () { return 1; };
module.exports.helper = function (x) { return x; };
Cart.prototype.extra = () => 1;
