//! Shapes.
use std::{collections::HashMap, fmt};
extern crate alloc;

/// How many.
pub const LIMIT: usize = 10;
static mut COUNT: u32 = 0;
pub type Result<T> = std::result::Result<T, Error>;

/// A shape.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Shape<'a, T: Copy> {
    name: &'a str,
    sides: Vec<T>,
}

pub struct Unit;

pub(crate) enum Error {
    Empty,
    Bad(char),
}

pub trait Area {
    const SIDES: usize;
    type Out;
    fn area(&self) -> f64;
    fn double(&self) -> f64 { self.area() * 2.0 }
}

impl<'a, T: Copy> Shape<'a, T> {
    /// Makes one.
    pub fn new(name: &'a str) -> Self {
        let local = '}';
        Shape { name, sides: vec![] }
    }

    async fn hidden(&mut self) {}
}

impl<'a, T: Copy> fmt::Display for Shape<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, r#"{}" }}"#, self.name)
    }
}

#[macro_export]
macro_rules! shape {
    ($x:expr) => { Shape::new($x) };
}

mod inner;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes() { assert_eq!(1, 1); }

    #[test]
    #[ignore = "slow"]
    fn slow() {}

    #[tokio::test]
    async fn waits() {}

    fn helper() {}
}
