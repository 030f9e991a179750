import type { A } from "./a";
import fs = require("fs");

export interface Store<T> {
  readonly size: number;
  get(key: string): T | undefined;
}

export type Key = string | number;
export enum Color { Red, Green = "g" }
declare global { interface Window { x: number } }
declare module "m" { export function amb(x: number): void; }

export namespace Deep.Inner {
  export const x = 1;
}

export abstract class Base<T extends object> implements Store<T> {
  private static items: Map<string, unknown> = new Map();
  constructor(protected readonly name: string) { }
  abstract load(): Promise<void>;
  @log() public get(key: string): T | undefined { return undefined; }
  get size(): number { return 1; }
}

// Overloads are one symbol.
export function parse(x: string): number;
export function parse(x: number): string;
export function parse(x: any): any { return x; }

export const make = <T,>(x: T): T => x;
const satisfied = { a: 1 } satisfies Record<string, number>;
export default function () { return 1; }
function isString(x: unknown): x is string { return typeof x === "string"; }
