function f() { return [1, 2 }
const x = { a: 1, b };
let y = `abc ${x;
