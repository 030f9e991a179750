//! The algorithms of core/ring.c and core/telemetry.c with the orderings of
//! core/include/bitactor/order.h, for loom, which runs every interleaving and
//! every value that C11 lets a load return, within a bound on preemptions.
//!
//! Each algorithm takes its orderings as data. The tests check that the orderings
//! of the C code pass, and that weakening any one of them to relaxed is caught: an
//! ordering that could be weakened unnoticed would be one too many, or a hole in
//! the check.

pub mod mpsc;
pub mod spsc;
pub mod telemetry;

use std::panic::{catch_unwind, AssertUnwindSafe};

/// Runs a model and tells whether loom found no fault. Both sides are threads that
/// the model spawns: loom 0.7.2 does not reorder the first access of its main one.
pub fn holds(preemptions: usize, model: impl Fn() + Sync + Send + 'static) -> bool {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    catch_unwind(AssertUnwindSafe(|| builder.check(model))).is_ok()
}
