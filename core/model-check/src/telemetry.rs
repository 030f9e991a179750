//! ba_telemetry_write and ba_telemetry_read, with one slot and two words, so that
//! the second event overwrites the first.

use loom::sync::atomic::{fence, AtomicU64, Ordering};

#[derive(Clone, Copy)]
pub struct Orders {
    pub written_store: Ordering,
    pub written_load: Ordering,
    pub writer_fence: bool,
    pub reader_fence: bool,
}

pub const AS_WRITTEN: Orders = Orders {
    written_store: Ordering::Release,
    written_load: Ordering::Acquire,
    writer_fence: true,
    reader_fence: true,
};

const EVENTS: u64 = 1;

pub struct Telemetry {
    orders: Orders,
    written: AtomicU64,
    stamp: AtomicU64,
    words: [AtomicU64; 2],
}

#[derive(PartialEq, Debug)]
pub enum Refusal {
    Empty,
    Lost,
}

impl Telemetry {
    pub fn new(orders: Orders) -> Telemetry {
        let word = || AtomicU64::new(0);
        Telemetry { orders, written: word(), stamp: word(), words: [word(), word()] }
    }

    pub fn write(&self, value: u64) {
        let index = self.written.load(Ordering::Relaxed);
        self.stamp.store(2 * index + 1, Ordering::Relaxed);
        if self.orders.writer_fence {
            fence(Ordering::Release);
        }
        self.words[0].store(value, Ordering::Relaxed);
        self.words[1].store(!value, Ordering::Relaxed);
        self.stamp.store(2 * index + 2, Ordering::Relaxed);
        self.written.store(index + 1, self.orders.written_store);
    }

    /// Returns the event and how many were written when the read began.
    pub fn read(&self, index: u64) -> (u64, Result<(u64, u64), Refusal>) {
        let written = self.written.load(self.orders.written_load);
        if index >= written {
            return (written, Err(Refusal::Empty));
        }
        if written - index > EVENTS {
            return (written, Err(Refusal::Lost));
        }
        let words = (self.words[0].load(Ordering::Relaxed), self.words[1].load(Ordering::Relaxed));
        if self.orders.reader_fence {
            fence(Ordering::Acquire);
        }
        if self.stamp.load(Ordering::Relaxed) != 2 * index + 2 {
            return (written, Err(Refusal::Lost));
        }
        (written, Ok(words))
    }
}

/// A writer writes [events]; a reader asks for the first. It gets that event or
/// learns that it is lost, which cannot be when nothing follows it.
pub fn is_never_torn(orders: Orders, events: u64) {
    let telemetry = loom::sync::Arc::new(Telemetry::new(orders));
    let other = telemetry.clone();
    let writer = loom::thread::spawn(move || {
        for value in 1..=events {
            other.write(value);
        }
    });
    let reader = loom::thread::spawn(move || match telemetry.read(0) {
        (_, Ok(words)) => assert_eq!(words, (1, !1), "torn, or another event"),
        (_, Err(Refusal::Lost)) => assert!(events > 1, "lost, but nothing overwrote it"),
        (written, Err(Refusal::Empty)) => assert_eq!(written, 0),
    });
    reader.join().unwrap();
    writer.join().unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holds;

    fn check(orders: Orders) -> bool {
        holds(3, move || is_never_torn(orders, 1)) && holds(3, move || is_never_torn(orders, 2))
    }

    #[test]
    fn as_written() {
        assert!(check(AS_WRITTEN));
    }

    #[test]
    fn each_ordering_is_needed() {
        assert!(!check(Orders { written_store: Ordering::Relaxed, ..AS_WRITTEN }), "written store");
        assert!(!check(Orders { written_load: Ordering::Relaxed, ..AS_WRITTEN }), "written load");
        assert!(!check(Orders { writer_fence: false, ..AS_WRITTEN }), "writer's fence");
        assert!(!check(Orders { reader_fence: false, ..AS_WRITTEN }), "reader's fence");
    }
}
