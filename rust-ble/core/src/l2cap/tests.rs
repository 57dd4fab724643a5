//! Two ends and hostile peers.

mod air;
mod hostile;
mod pair;
mod random;
