//! ba_mpsc_reserve, commit, peek and release, and the close.

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};

#[derive(Clone, Copy)]
pub struct Orders {
    pub turn_commit: Ordering,
    pub turn_peek: Ordering,
    pub taken_store: Ordering,
    pub taken_load: Ordering,
    pub free_to_store: Ordering,
    pub free_to_load: Ordering,
}

pub const AS_WRITTEN: Orders = Orders {
    turn_commit: Ordering::Release,
    turn_peek: Ordering::Acquire,
    taken_store: Ordering::Release,
    taken_load: Ordering::Acquire,
    free_to_store: Ordering::Release,
    free_to_load: Ordering::Acquire,
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
    taken: AtomicU64,
    free_to: AtomicU64,
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
        // uncommitted: the turn is a lap behind
        let slot = |i: u32| Slot { turn: AtomicU32::new((i + 1).wrapping_sub(SLOTS)), value: UnsafeCell::new(0) };
        Ring {
            orders,
            claim: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            free_to: AtomicU64::new(SLOTS.into()),
            slot: (0..SLOTS).map(slot).collect(),
        }
    }

    fn slot(&self, position: u32) -> &Slot {
        &self.slot[(position & (SLOTS - 1)) as usize]
    }

    /// ba_mpsc_room: the claim, perhaps read again, and the count that has room there.
    fn room(&self, mut claim: u64, want: u32) -> Result<(u64, u32), Refusal> {
        loop {
            if claim >= CLOSED {
                return Err(Refusal::Closed);
            }
            let free_to = self.taken.load(self.orders.taken_load) + u64::from(SLOTS);
            if free_to > claim {
                self.free_to.store(free_to, self.orders.free_to_store);
                return Ok((claim, u64::from(want).min(free_to - claim) as u32));
            }
            let again = self.claim.load(Ordering::Relaxed);
            if again == claim {
                return Err(Refusal::Full);
            }
            claim = again;
        }
    }

    /// Returns the first position and the count.
    pub fn reserve(&self, want: u32) -> Result<(u32, u32), Refusal> {
        let mut claim = self.claim.load(Ordering::Relaxed);
        loop {
            let mut count = want;
            if claim + u64::from(want) > self.free_to.load(self.orders.free_to_load) {
                (claim, count) = self.room(claim, want)?;
            }
            let first = claim as u32;
            count = count.min(SLOTS - (first & (SLOTS - 1)));
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

    /// Takes what is committed, up to [want], as one batch: as run_committed does,
    /// which reads a signal before it looks at the next turn.
    pub fn take(&self, want: u32, got: &mut Vec<u32>) -> Result<(), Refusal> {
        let taken = self.taken.load(Ordering::Relaxed);
        let claim = self.claim.load(Ordering::Relaxed);
        let mut done = 0;
        while done < want && self.slot(taken as u32 + done).turn.load(self.orders.turn_peek) == taken as u32 + done + 1 {
            got.push(self.slot(taken as u32 + done).value.with(|p| unsafe { *p }));
            done += 1;
        }
        if done == 0 {
            return Err(if claim == CLOSED | taken { Refusal::Closed } else { Refusal::Empty });
        }
        self.taken.store(taken + u64::from(done), self.orders.taken_store);
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

/// Two producers find the ring full while the consumer frees it: the first tells the
/// second by free_to what it learnt from taken, so the second may fill a slot that it
/// has not seen freed itself.
pub fn reuses(orders: Orders) {
    let ring = loom::sync::Arc::new(Ring::new(orders));
    for value in 1..=2 {
        let (first, _) = ring.reserve(1).unwrap();
        ring.fill(first, value);
        ring.commit(first, 1);
    }
    let other = ring.clone();
    let consumer = loom::thread::spawn(move || {
        let mut got = Vec::new();
        let _ = other.take(2, &mut got);
        got
    });
    let producers = [ring.clone(), ring.clone()].map(|ring| {
        loom::thread::spawn(move || {
            if let Ok((first, count)) = ring.reserve(1) {
                assert_eq!(count, 1);
                ring.fill(first, 3);
                ring.commit(first, 1);
            }
        })
    });
    for producer in producers {
        producer.join().unwrap();
    }
    assert_eq!(consumer.join().unwrap(), [1, 2]);
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
        assert!(!check(Orders { taken_store: weak, ..AS_WRITTEN }), "taken store");
        assert!(!check(Orders { taken_load: weak, ..AS_WRITTEN }), "taken load");
        assert!(!check(Orders { free_to_store: weak, ..AS_WRITTEN }), "free_to store");
        assert!(!check(Orders { free_to_load: weak, ..AS_WRITTEN }), "free_to load");
    }
}
