pub const LIMIT: i32 = 10i32;

/// What items cost.
pub fn price(items: &[i32], member: bool) -> Option<i32> {
    if items.is_empty() {
        return None;
    }
    let mut total = 0;
    for i in items {
        total += i;
    }
    println!("total {}", total + 1);
    note(total);
    if member && !(total <= LIMIT) {
        total = total * 9 / 10;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    fn helper() -> i32 {
        1 + 1
    }

    #[test]
    fn one() {
        assert_eq!(helper(), 2);
    }
}
