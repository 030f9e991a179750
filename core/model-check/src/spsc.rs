//! ba_spsc_reserve, commit, peek and release, and the close by the producer.

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU32, Ordering};

#[derive(Clone, Copy)]
pub struct Orders {
    pub tail_store: Ordering,
    pub tail_load: Ordering,
    pub head_store: Ordering,
    pub head_load: Ordering,
    pub closed_store: Ordering,
    pub closed_load: Ordering,
}

pub const AS_WRITTEN: Orders = Orders {
    tail_store: Ordering::Release,
    tail_load: Ordering::Acquire,
    head_store: Ordering::Release,
    head_load: Ordering::Acquire,
    closed_store: Ordering::Release,
    closed_load: Ordering::Acquire,
};

const SLOTS: u32 = 2;

#[derive(PartialEq, Debug)]
pub enum Refusal {
    Full,
    Empty,
    Closed,
}

pub struct Ring {
    orders: Orders,
    closed: AtomicU32,
    tail: AtomicU32,
    head: AtomicU32,
    slot: [UnsafeCell<u32>; SLOTS as usize],
}

unsafe impl Sync for Ring {}

/// The producer's own fields.
pub struct Producer {
    limit: u32,
}

/// The consumer's own fields.
pub struct Consumer {
    tail_seen: u32,
}

impl Ring {
    pub fn new(orders: Orders, start: u32) -> (Ring, Producer, Consumer) {
        let ring = Ring {
            orders,
            closed: AtomicU32::new(0),
            tail: AtomicU32::new(start),
            head: AtomicU32::new(start),
            slot: [UnsafeCell::new(0), UnsafeCell::new(0)],
        };
        let (limit, tail_seen) = (start.wrapping_add(SLOTS), start);
        (ring, Producer { limit }, Consumer { tail_seen })
    }

    fn slot(&self, position: u32) -> &UnsafeCell<u32> {
        &self.slot[(position & (SLOTS - 1)) as usize]
    }

    pub fn push(&self, own: &mut Producer, value: u32) -> Result<(), Refusal> {
        let tail = self.tail.load(Ordering::Relaxed);
        if own.limit.wrapping_sub(tail) < 1 {
            own.limit = self.head.load(self.orders.head_load).wrapping_add(SLOTS);
            if own.limit == tail {
                return Err(Refusal::Full);
            }
        }
        self.slot(tail).with_mut(|p| unsafe { *p = value });
        self.tail.store(tail.wrapping_add(1), self.orders.tail_store);
        Ok(())
    }

    pub fn close(&self) {
        self.closed.store(1, self.orders.closed_store);
    }

    pub fn pop(&self, own: &mut Consumer) -> Result<u32, Refusal> {
        let head = self.head.load(Ordering::Relaxed);
        if own.tail_seen.wrapping_sub(head) < 1 {
            let closed = self.closed.load(self.orders.closed_load);
            own.tail_seen = self.tail.load(self.orders.tail_load);
            if own.tail_seen == head {
                return Err(if closed != 0 { Refusal::Closed } else { Refusal::Empty });
            }
        }
        let value = self.slot(head).with(|p| unsafe { *p });
        self.head.store(head.wrapping_add(1), self.orders.head_store);
        Ok(value)
    }
}

/// A producer sends up to three signals through two slots and closes; the consumer
/// looks five times. What arrives must be what was sent, in order, and all of it
/// when the ring says closed.
pub fn carries(orders: Orders) {
    let (ring, mut producer, mut consumer) = Ring::new(orders, u32::MAX);
    let ring = loom::sync::Arc::new(ring);
    let other = ring.clone();
    let sender = loom::thread::spawn(move || {
        let mut sent = 0;
        for _ in 0..4 {
            if sent < 3 && other.push(&mut producer, sent + 1).is_ok() {
                sent += 1;
            }
        }
        other.close();
        sent
    });
    let receiver = loom::thread::spawn(move || {
        let (mut taken, mut closed) = (0, false);
        for _ in 0..5 {
            match ring.pop(&mut consumer) {
                Ok(value) => {
                    assert!(!closed, "a signal after closed");
                    taken += 1;
                    assert_eq!(value, taken, "out of order");
                }
                Err(Refusal::Closed) => closed = true,
                Err(_) => {}
            }
        }
        (taken, closed)
    });
    let sent = sender.join().unwrap();
    let (taken, closed) = receiver.join().unwrap();
    assert!(taken <= sent);
    assert!(!closed || taken == sent, "closed before all was taken");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holds;

    fn check(orders: Orders) -> bool {
        holds(3, move || carries(orders))
    }

    #[test]
    fn as_written() {
        assert!(check(AS_WRITTEN));
    }

    #[test]
    fn each_ordering_is_needed() {
        let weak = Ordering::Relaxed;
        assert!(!check(Orders { tail_store: weak, ..AS_WRITTEN }), "tail store");
        assert!(!check(Orders { tail_load: weak, ..AS_WRITTEN }), "tail load");
        assert!(!check(Orders { head_store: weak, ..AS_WRITTEN }), "head store");
        assert!(!check(Orders { head_load: weak, ..AS_WRITTEN }), "head load");
        assert!(!check(Orders { closed_store: weak, ..AS_WRITTEN }), "closed store");
        assert!(!check(Orders { closed_load: weak, ..AS_WRITTEN }), "closed load");
    }
}
