fn f(x: u32 -> u32 { x }
struct A { x u32 }
fn g() { let x = 1 }
fn h() {
