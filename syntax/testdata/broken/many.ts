function f(a: string { return a; }
const x = ;
class A { m() { }
