//! The cryptographic toolbox (Vol 3, Part H, 2.2). All values little-endian,
//! as in PDUs.
