//! SMP PDUs (Vol 3, Part H, 3.3 to 3.6).
