//! ba_mpsc_reserve, commit, peek and release, and the close.

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};

#[derive(Clone, Copy)]
pub struct Orders {
    pub turn_commit: Ordering,
    pub turn_peek: Ordering,
    pub turn_release: Ordering,
    pub turn_reserve: Ordering,
    pub taken_store: Ordering,
    pub taken_load: Ordering,
}

pub const AS_WRITTEN: Orders = Orders {
    turn_commit: Ordering::Release,
    turn_peek: Ordering::Acquire,
    turn_release: Ordering::Release,
    turn_reserve: Ordering::Acquire,
    taken_store: Ordering::Release,
    taken_load: Ordering::Acquire,
};

const SLOTS: u32 = 2;
const CLOSED: u64 = 1 << 63;

struct Slot {
    turn: AtomicU32,
    value: UnsafeCell<u32>,
}

pub struct Ring {
    orders: Orders,
    claim: AtomicU64,
    taken: AtomicU32,
    slot: Vec<Slot>,
}

unsafe impl Sync for Ring {}

#[derive(PartialEq, Debug)]
pub enum Refusal {
    Full,
    Empty,
    Closed,
}

impl Ring {
    pub fn new(orders: Orders) -> Ring {
        let slot = |turn| Slot { turn: AtomicU32::new(turn), value: UnsafeCell::new(0) };
        Ring { orders, claim: AtomicU64::new(0), taken: AtomicU32::new(0), slot: (0..SLOTS).map(slot).collect() }
    }

    fn slot(&self, position: u32) -> &Slot {
        &self.slot[(position & (SLOTS - 1)) as usize]
    }

    fn room_at(&self, position: u32) -> u32 {
        let used = position.wrapping_sub(self.taken.load(self.orders.taken_load));
        if used < SLOTS { SLOTS - used } else { 0 }
    }

    /// Returns the first position and the count.
    pub fn reserve(&self, want: u32) -> Result<(u32, u32), Refusal> {
        let mut claim = self.claim.load(Ordering::Relaxed);
        loop {
            if claim >= CLOSED {
                return Err(Refusal::Closed);
            }
            let first = claim as u32;
            let mut count = want.min(SLOTS - (first & (SLOTS - 1)));
            let last = first.wrapping_add(count - 1);
            if self.slot(last).turn.load(self.orders.turn_reserve) != last {
                let room = self.room_at(first);
                let again = self.claim.load(Ordering::Relaxed);
                if again != claim {
                    claim = again;
                    continue;
                }
                if room == 0 {
                    return Err(Refusal::Full);
                }
                count = count.min(room);
            }
            match self.claim.compare_exchange_weak(claim, claim + u64::from(count), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok((first, count)),
                Err(now) => claim = now,
            }
        }
    }

    pub fn fill(&self, position: u32, value: u32) {
        self.slot(position).value.with_mut(|p| unsafe { *p = value });
    }

    pub fn commit(&self, first: u32, count: u32) {
        for position in first..first + count {
            self.slot(position).turn.store(position + 1, self.orders.turn_commit);
        }
    }

    pub fn close(&self) {
        self.claim.fetch_or(CLOSED, Ordering::Relaxed);
    }

    /// Takes what is committed, up to [want], as one batch.
    pub fn take(&self, want: u32, got: &mut Vec<u32>) -> Result<(), Refusal> {
        let taken = self.taken.load(Ordering::Relaxed);
        let claim = self.claim.load(Ordering::Relaxed);
        let mut waiting = 0;
        while waiting < want && self.slot(taken + waiting).turn.load(self.orders.turn_peek) == taken + waiting + 1 {
            waiting += 1;
        }
        if waiting == 0 {
            let over = claim >= CLOSED && claim as u32 == taken;
            return Err(if over { Refusal::Closed } else { Refusal::Empty });
        }
        for position in taken..taken + waiting {
            got.push(self.slot(position).value.with(|p| unsafe { *p }));
        }
        for position in taken..taken + waiting {
            self.slot(position).turn.store(position + SLOTS, self.orders.turn_release);
        }
        self.taken.store(taken + waiting, self.orders.taken_store);
        Ok(())
    }
}

/// Two producers send two signals each, one by one and as a pair, through two
/// slots; the consumer looks twice, and once all is done until the ring says closed. Each sender's
/// signals arrive once and in order.
pub fn carries(orders: Orders) {
    let ring = loom::sync::Arc::new(Ring::new(orders));
    let (one, two) = (ring.clone(), ring.clone());
    let singles = loom::thread::spawn(move || {
        let mut sent = 0;
        for _ in 0..2 {
            if let Ok((first, _)) = one.reserve(1) {
                sent += 1;
                one.fill(first, 10 + sent);
                one.commit(first, 1);
            }
        }
        sent
    });
    let pair = loom::thread::spawn(move || {
        let Ok((first, count)) = two.reserve(2) else { return 0 };
        for i in 0..count {
            two.fill(first + i, 20 + i + 1);
        }
        two.commit(first, count);
        count
    });
    let all = ring.clone();
    let consumer = loom::thread::spawn(move || {
        let mut got = Vec::new();
        for _ in 0..2 {
            let _ = all.take(2, &mut got);
        }
        got
    });
    let sent = [singles.join().unwrap(), pair.join().unwrap()];
    let mut got = consumer.join().unwrap();
    ring.close();
    assert_eq!(ring.reserve(1), Err(Refusal::Closed));
    while ring.take(2, &mut got) != Err(Refusal::Closed) {}
    for (source, sent) in sent.into_iter().enumerate() {
        let base = 10 * (source as u32 + 1);
        let from: Vec<u32> = got.iter().copied().filter(|v| *v > base && *v < base + 10).collect();
        let want: Vec<u32> = (base + 1..=base + sent).collect();
        assert_eq!(from, want, "source {source}");
    }
}

/// One producer fills, the consumer frees one slot at a time, and the producer asks
/// for a pair where one slot is free: only taken tells it so.
pub fn reuses(orders: Orders) {
    let ring = loom::sync::Arc::new(Ring::new(orders));
    let other = ring.clone();
    for value in 1..=2 {
        let (first, _) = ring.reserve(1).unwrap();
        ring.fill(first, value);
        ring.commit(first, 1);
    }
    let consumer = loom::thread::spawn(move || {
        let mut got = Vec::new();
        let _ = other.take(1, &mut got);
        got
    });
    let producer = loom::thread::spawn(move || {
        if let Ok((first, count)) = ring.reserve(2) {
            assert_eq!((first, count), (2, 1));
            ring.fill(first, 3);
            ring.commit(first, 1);
        }
    });
    producer.join().unwrap();
    assert_eq!(consumer.join().unwrap(), [1]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holds;

    fn check(orders: Orders) -> bool {
        holds(3, move || reuses(orders)) && holds(2, move || carries(orders))
    }

    #[test]
    fn as_written() {
        assert!(check(AS_WRITTEN));
    }

    #[test]
    fn each_ordering_is_needed() {
        let weak = Ordering::Relaxed;
        assert!(!check(Orders { turn_commit: weak, ..AS_WRITTEN }), "turn store of commit");
        assert!(!check(Orders { turn_peek: weak, ..AS_WRITTEN }), "turn load of peek");
        assert!(!check(Orders { turn_release: weak, ..AS_WRITTEN }), "turn store of release");
        assert!(!check(Orders { turn_reserve: weak, ..AS_WRITTEN }), "turn load of reserve");
        assert!(!check(Orders { taken_store: weak, ..AS_WRITTEN }), "taken store");
        assert!(!check(Orders { taken_load: weak, ..AS_WRITTEN }), "taken load");
    }
}
